//! Enums and structs, and what comes back of each.

#![deny(warnings, missing_docs, unused_qualifications)]

use micro::{Fault, ServiceError};

/// Inner.
#[derive(Debug, PartialEq, thiserror::Error, ServiceError)]
pub enum Inner {
    /// Deep.
    #[error("deep")]
    #[service_error(code = 410)]
    Deep,
}

/// Outer.
#[derive(Debug, thiserror::Error, ServiceError)]
#[service_error(code = 422)]
pub enum Outer<T: serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static> {
    /// Unit.
    #[error("unit")]
    Unit,
    /// One.
    #[error("one {0:?}")]
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
    /// Secret.
    #[error("disk {0}")]
    #[service_error(internal)]
    Secret(std::io::Error),
    /// Transparent.
    #[error(transparent)]
    #[service_error(transparent)]
    Inner(#[from] Inner),
}

/// A struct.
#[derive(Debug, PartialEq, thiserror::Error, ServiceError)]
#[error("no {id}")]
#[service_error(code = 404)]
pub struct NotFound {
    /// Id.
    pub id: u64,
}

/// A unit struct.
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("no")]
#[service_error(code = 404, kind = "nothing")]
pub struct Nothing;

/// A tuple struct.
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("no")]
#[service_error(transparent)]
pub struct Wrapper(Inner);

/// None at all.
#[derive(Debug, thiserror::Error, ServiceError)]
pub enum Never {}

fn again(error: Outer<u8>) -> Option<Outer<u8>> {
    Outer::from_fault(&error.to_fault())
}

fn main() {
    assert!(matches!(again(Outer::Unit), Some(Outer::Unit)));
    assert!(matches!(again(Outer::One(7)), Some(Outer::One(7))));
    assert!(matches!(again(Outer::Two(1, "x".into())), Some(Outer::Two(1, x)) if x == "x"));
    let named = Outer::Named { id: 5, r#type: "t".into() };
    assert!(matches!(again(named), Some(Outer::Named { id: 5, r#type }) if r#type == "t"));
    assert!(again(Outer::Secret(std::io::Error::other("x"))).is_none());
    assert!(matches!(again(Outer::Inner(Inner::Deep)), Some(Outer::Inner(Inner::Deep))));
    let fault: Fault = NotFound { id: 3 }.to_fault();
    assert_eq!((fault.code(), fault.message()), (404, "no 3"));
    assert_eq!(NotFound::from_fault(&fault), Some(NotFound { id: 3 }));
    assert!(Nothing::from_fault(&Nothing.to_fault()).is_some());
    assert!(Wrapper::from_fault(&Wrapper(Inner::Deep).to_fault()).is_some());
    assert!(Never::from_fault(&fault).is_none());
}
