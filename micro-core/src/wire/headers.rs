//! Message headers whose names and values are checked when they are set.
//!
//! async-nats panics on a header it cannot write; here the same is an error, before anything is
//! sent.

use std::fmt;
use std::str::FromStr;

pub(crate) use async_nats::header::HeaderName;
use async_nats::header::{HeaderMap, HeaderValue};

/// The headers of a request or a reply.
///
/// Names are case-sensitive, as everywhere in NATS (ADR-4). A name can have several values; they
/// keep the order in which they were appended.
///
/// ```
/// # use micro_core as micro;
/// use micro::Headers;
///
/// let mut headers = Headers::new();
/// headers.insert("X-Tenant", "acme")?;
/// headers.append("X-Tag", "a")?;
/// headers.append("X-Tag", "b")?;
/// assert_eq!(headers.get("X-Tenant"), Some("acme"));
/// assert_eq!(headers.get("x-tenant"), None);
/// assert_eq!(headers.get_all("X-Tag").collect::<Vec<_>>(), ["a", "b"]);
/// assert!(headers.insert("X-Note", "two\r\nlines").is_err());
/// # Ok::<(), micro::HeaderError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let name = HeaderName::from_str(name).ok()?;
        self.0.get(name).map(HeaderValue::as_str)
    }

    /// Whether there is a header that this crate looks for in every message: its name is ready, and not
    /// made for it.
    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        self.0.get(name.clone()).is_some()
    }

    /// Every value of `name`, in the order in which they stand in the message.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        HeaderName::from_str(name)
            .ok()
            .map(|name| self.0.get_all(name))
            .into_iter()
            .flatten()
            .map(HeaderValue::as_str)
    }

    /// Every name with each of its values; the order of names is not defined.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| (AsRef::<str>::as_ref(name), value.as_str()))
        })
    }

    /// Whether there is no header at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets `name` to `value`, in place of every value it had.
    ///
    /// # Errors
    ///
    /// When the name is empty or holds a space, a colon or anything but printable ASCII; when the
    /// value holds a control character, a line break above all.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let (name, value) = checked(name, value)?;
        self.0.insert(name, value);
        Ok(())
    }

    /// Adds a value to `name`, behind the ones it has.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let (name, value) = checked(name, value)?;
        self.0.append(name, value);
        Ok(())
    }

    /// Takes over every name of `other`, in place of the values it has here.
    pub(crate) fn replace_with(&mut self, other: &Self) {
        let mut seen = std::collections::HashSet::new();
        for (name, value) in other.iter() {
            // Both were checked when they were set.
            let _ = if seen.insert(name) {
                self.insert(name, value)
            } else {
                self.append(name, value)
            };
        }
    }

    pub(crate) fn from_inner(inner: HeaderMap) -> Self {
        Self(inner)
    }

    pub(crate) fn into_inner(self) -> HeaderMap {
        self.0
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A header that cannot be put on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name breaks the rules of ADR-4.
    #[error("{0}")]
    Name(micro_names::Problem),
    /// The value has a control character, which would let it write headers of its own.
    #[error(
        "the value of header `{name}` contains a control character: remove line breaks and the like"
    )]
    Value {
        /// The header whose value was refused.
        name: String,
    },
    /// The name is one that the framework sets itself.
    #[error("header `{name}` is set by the framework: return an error to send a service error")]
    Reserved {
        /// The reserved name.
        name: String,
    },
}

fn checked(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    micro_names::check_header_name(name).map_err(HeaderError::Name)?;
    let refused = || HeaderError::Value {
        name: name.to_owned(),
    };
    // A tab is the one control character that ADR-4 leaves in a value.
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(refused());
    }
    let value = HeaderValue::from_str(value).map_err(|_| refused())?;
    let name = HeaderName::from_str(name).map_err(|_| refused())?;
    Ok((name, value))
}
