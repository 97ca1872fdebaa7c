//! The failure for everything that has no error type of its own.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::{Fault, ServiceError, harmless};
use crate::codec::DecodeError;

/// A `Result` whose error is [`Error`] unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure with a code and a text, for handlers and for `main`.
///
/// ```
/// # use micro_core as micro;
/// use micro::Error;
///
/// fn user(id: u32) -> Result<String, Error> {
///     match id {
///         1 => Ok("Bob".to_owned()),
///         _ => Err(Error::new(404, "no such user")),
///     }
/// }
/// assert_eq!(user(2).unwrap_err().code(), 404);
/// ```
///
/// Any `std::error::Error` becomes one with `?`. Its text may hold what a caller should not see (a
/// path, an address, a query), so the caller gets code 500 and `internal error`, and the text goes
/// to the log:
///
/// ```
/// # use micro_core as micro;
/// # use micro::Error;
/// fn number(text: &str) -> Result<i32, Error> {
///     Ok(text.parse()?)
/// }
/// let error = number("x").unwrap_err();
/// assert_eq!((error.code(), error.message()), (500, "internal error"));
/// assert_eq!(error.to_string(), "invalid digit found in string");
/// ```
///
/// That conversion cannot see whether the error is a [`ServiceError`] with a code of its own: it
/// hides the text of those too. Convert them with [`Error::service`].
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    fault: Fault,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure with a code and a text, both for the caller.
    ///
    /// Codes follow HTTP by custom: 4xx when the request is at fault, 5xx when the service is. A
    /// code of 0 becomes 500.
    pub fn new(code: u16, message: impl fmt::Display) -> Self {
        Self::from_parts(Fault::new(code, message), None)
    }

    /// A typed service error, with its code, text and fields.
    pub fn service(error: &impl ServiceError) -> Self {
        Self::from_parts(error.to_fault(), None)
    }

    /// As [`new`](Self::new), with another text for STATS and the log: the one for the caller may
    /// hold what it has sent.
    pub(crate) fn noting(code: u16, message: impl fmt::Display, note: impl fmt::Display) -> Self {
        Self::from_parts(Fault::new(code, message).noting(note), None)
    }

    /// A body for the caller, beside the code and the text.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.inner.fault = self.inner.fault.with_body(body);
        self
    }

    /// A JSON body for the caller, beside the code and the text.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn with_json(self, body: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(self.with_body(serde_json::to_vec(body)?))
    }

    /// The code that the caller gets.
    pub fn code(&self) -> u16 {
        self.inner.fault.code()
    }

    /// The text that the caller gets.
    pub fn message(&self) -> &str {
        self.inner.fault.message()
    }

    /// The body that the caller gets.
    pub fn body(&self) -> Bytes {
        self.inner.fault.body()
    }

    /// The error that this one was made of, if there was one.
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.inner.source.as_deref()
    }

    fn from_parts(fault: Fault, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            inner: Box::new(Inner { fault, source }),
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::of_source(Box::new(error))
    }
}

impl Error {
    fn of_source(source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let mut text = source.to_string();
        let mut quoting = Vec::new();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*source);
        while let Some(error) = cause {
            // Many errors print their cause themselves.
            let error_text = error.to_string();
            if !text.contains(&error_text) {
                text = format!("{text}: {error_text}");
            }
            if let Some(harmless) = unquoted(error) {
                quoting.push((error_text, harmless));
            }
            cause = error.source();
        }
        let mut fault = Fault::internal(500, &text);
        if !quoting.is_empty() {
            for (quotes, harmless) in quoting {
                text = text.replace(&quotes, &harmless);
            }
            fault = fault.noting(text);
        }
        Self::from_parts(fault, Some(source))
    }
}

/// The text of an error without the values that it quotes, if it is known to quote some. One that
/// writes another's text and does not have it as its source is not known: `transparent` ones are such.
fn unquoted(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref() {
        return Some(harmless(error));
    }
    // What serde_json's errors become by `?` where files are read: the same text, and no source.
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        return error.get_ref().and_then(|inner| unquoted(inner));
    }
    error
        .downcast_ref::<DecodeError>()
        .map(|error| error.harmless().to_owned())
}

impl ServiceError for Error {
    fn to_fault(&self) -> Fault {
        self.inner.fault.clone()
    }

    fn from_fault(fault: &Fault) -> Option<Self> {
        Some(Self::from_parts(fault.clone(), None))
    }
}

/// The text for the log and the terminal, causes included; [`Error::message`] is the one for
/// callers.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.inner.fault.full_text())
    }
}

/// The same text, because this is what `main` prints of an error it returns.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(error: impl std::error::Error + Send + Sync + 'static) -> String {
        let fault = Error::from(error).to_fault();
        fault.log_text().unwrap_or_default().to_owned()
    }

    fn of_json() -> serde_json::Error {
        serde_json::from_str::<u8>(r#""hunter2""#).unwrap_err()
    }

    #[test]
    fn what_serde_quotes_is_not_logged_however_it_is_wrapped() {
        let harmless = "line 1 column 9: invalid type: string, expected u8";
        assert_eq!(noted(of_json()), harmless);
        assert_eq!(noted(std::io::Error::from(of_json())), harmless);
        let nested = std::io::Error::other(std::io::Error::from(of_json()));
        assert_eq!(noted(nested), harmless);
        assert_eq!(noted(std::io::Error::other("full")), "full");
    }
}
