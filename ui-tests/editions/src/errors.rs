//! Errors of every shape.

use std::fmt;

use micro::ServiceError;

/// Inner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, ServiceError)]
pub enum Inner {
    /// Deep.
    #[error("deep")]
    #[service_error(code = 410)]
    Deep,
}

/// Every kind of variant.
#[derive(Debug, thiserror::Error, ServiceError)]
#[service_error(code = 422)]
pub enum Outer<T: serde::Serialize + serde::de::DeserializeOwned + fmt::Debug + Send + 'static> {
    /// Unit.
    #[error("unit")]
    Unit,
    /// One.
    #[error("one")]
    One(T),
    /// Two.
    #[error("two {0} {1}")]
    #[service_error(code = 400, kind = "Pair")]
    Two(u8, String),
    /// Named.
    #[error("named {id} {type}", type = r#type)]
    Named {
        /// Id.
        id: u64,
        /// Type.
        r#type: String,
    },
    /// Empty, in both ways.
    #[error("empty")]
    Tuple(),
    /// Empty.
    #[error("empty")]
    Braces {},
    /// Gone by and by.
    #[error("old")]
    #[deprecated(note = "use `Unit`")]
    Old,
    /// Left out.
    #[cfg(any())]
    Never(Missing),
    /// Secret.
    #[error("disk {0}")]
    #[service_error(internal)]
    Secret(std::io::Error),
    /// Secret, too.
    #[error("disk {path}")]
    #[service_error(code = 503, internal)]
    SecretNamed {
        /// Where.
        path: String,
    },
    /// Transparent.
    #[error(transparent)]
    #[service_error(transparent)]
    Inner(#[from] Inner),
    /// Transparent, by name.
    #[error("named inner")]
    #[service_error(transparent)]
    NamedInner {
        /// The error.
        inner: NotFound,
    },
}

/// A struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, ServiceError)]
#[error("no {id}")]
#[service_error(code = 404)]
pub struct NotFound {
    /// Id.
    pub id: u64,
}

/// A unit struct.
#[derive(Clone, Copy, Debug, thiserror::Error, ServiceError)]
#[error("no")]
#[service_error(code = 404, kind = "nothing", crate = micro)]
pub struct Nothing;

/// A tuple struct.
#[derive(Clone, Copy, Debug, thiserror::Error, ServiceError)]
#[error("no")]
#[service_error(transparent, crate = "::micro")]
pub struct Wrapper(Inner);

/// A tuple struct with a default.
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("no")]
#[service_error(code = 400)]
pub struct Two<T = u8>(pub T, pub u8)
where
    T: serde::Serialize + serde::de::DeserializeOwned + fmt::Debug + Send + Sync + 'static;

/// A struct that says nothing.
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("no")]
#[service_error(internal)]
pub struct Silent {
    /// Not sent.
    pub cause: std::io::Error,
}

/// One that cannot be.
#[derive(Clone, Copy, Debug, thiserror::Error, ServiceError)]
#[error("no")]
#[service_error(code = 400)]
pub enum Impossible {
    /// Of no value.
    Value(super::forms::Impossible),
    /// Of no error.
    #[service_error(transparent)]
    Error(Never),
}

/// None at all.
#[derive(Clone, Copy, Debug, thiserror::Error, ServiceError)]
pub enum Never {}

mod private {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub(super) struct Detail(pub(super) u8);
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[error("private")]
#[service_error(code = 400)]
struct Private {
    detail: private::Detail,
}

/// What a private error becomes.
#[must_use]
pub fn private() -> micro::Fault {
    let error = Private {
        detail: private::Detail(1),
    };
    error.to_fault()
}

/// With fields and parameters of the names that generated code might use.
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("names")]
#[service_error(code = 400)]
pub enum Names<T, E>
where
    T: serde::Serialize + serde::de::DeserializeOwned + fmt::Debug + Send + Sync + 'static,
    E: ServiceError + fmt::Debug + std::error::Error + Send + Sync + 'static,
{
    /// Of a variant that is a constructor elsewhere.
    Some(T),
    /// The same.
    None,
    /// And fields.
    #[allow(clippy::struct_field_names, missing_docs)]
    Fault {
        fault: T,
        inner: u8,
        kind: u8,
        value: u8,
        error: String,
    },
    /// An error of a caller's choice.
    #[service_error(transparent)]
    Err(E),
}
