//! How a reply becomes a value or an error.
//!
//! As functions and not as bounds of the call: of a type that cannot be read its endpoint complains,
//! and not every call of the endpoint as well.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::CallError;
use crate::codec::{self, DecodeError};
use crate::error::{Fault, ServiceError};
use crate::wire::Headers;

/// Reads the value of a reply.
pub(crate) type Decode<R> = fn(&Bytes) -> Result<R, DecodeError>;

/// Recognises the error of a reply.
pub(crate) type Recognise<E> = fn(&Fault) -> Option<E>;

pub(super) struct Reading<R, E> {
    pub(super) value: Decode<R>,
    pub(super) error: Recognise<E>,
}

impl<R, E> Reading<R, E> {
    /// What a reply to a request for `subject` says: a value, with its headers, or an error.
    pub(super) fn read(
        &self,
        subject: &str,
        headers: Option<Headers>,
        body: &Bytes,
    ) -> Result<(R, Headers), CallError<E>> {
        if let Some(fault) = Fault::read(headers.as_ref(), body) {
            return Err(CallError::of(&fault, self.error));
        }
        match (self.value)(body) {
            Ok(value) => Ok((value, headers.unwrap_or_default())),
            Err(source) => Err(undecodable(subject, source)),
        }
    }

    /// The same where a type that panics is an error of that one reply.
    pub(super) fn read_guarded(
        &self,
        subject: &str,
        headers: Option<Headers>,
        body: &Bytes,
    ) -> Result<(R, Headers), CallError<E>> {
        let read = || Ok(self.read(subject, headers, body));
        codec::guarded(read).unwrap_or_else(|source| Err(undecodable(subject, source)))
    }
}

fn undecodable<E>(subject: &str, source: DecodeError) -> CallError<E> {
    CallError::Decode {
        subject: subject.to_owned(),
        source,
    }
}

/// What a reply says to whom expects these types.
#[cfg(fuzzing)]
pub(crate) fn read_reply<R, E>(
    subject: String,
    headers: Option<Headers>,
    body: &Bytes,
) -> Result<R, CallError<E>>
where
    R: DeserializeOwned + 'static,
    E: ServiceError,
{
    let reading = Reading {
        value: codec::decode::<R>,
        error: E::from_fault,
    };
    reading
        .read(&subject, headers, body)
        .map(|(value, _)| value)
}

/// A type that a reply is expected to have. Its inherent methods are found before those of
/// [`ExpectedElse`], so that generated code need not know whether it can be read.
#[derive(Debug)]
pub struct Expected<T>(PhantomData<fn() -> T>);

impl<T> Expected<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

#[expect(
    clippy::unused_self,
    reason = "found by the type of what it is called on"
)]
impl<T: DeserializeOwned + 'static> Expected<T> {
    /// Reads it from JSON.
    pub fn __micro_value(self) -> Decode<T> {
        codec::decode
    }
}

#[expect(
    clippy::unused_self,
    reason = "found by the type of what it is called on"
)]
impl<T: ServiceError> Expected<T> {
    /// Recognises it by its kind.
    pub fn __micro_error(self) -> Recognise<T> {
        T::from_fault
    }
}

/// Stands in for what a type lacks. No program that compiles calls it: the endpoint asks the same of
/// its types.
pub trait ExpectedElse: Sized {
    /// The type.
    type Type;

    /// Reads nothing.
    fn __micro_value(self) -> Decode<Self::Type> {
        |_| {
            Err(DecodeError::new(
                "a value of this type cannot be read from JSON",
            ))
        }
    }

    /// Recognises nothing.
    fn __micro_error(self) -> Recognise<Self::Type> {
        |_| None
    }
}

impl<T> ExpectedElse for Expected<T> {
    type Type = T;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// What a type says as it panics may be of the body, which is a stranger's.
    #[test]
    fn what_panics_as_it_is_read_keeps_the_body_out_of_the_log() {
        let reading = Reading::<u8, Error> {
            value: |body| panic!("not this one:\n{body:?}"),
            error: |_| None,
        };
        let read = reading.read_guarded("a", None, &Bytes::from_static(b"secret"));
        let Err(CallError::Decode { source, .. }) = read else {
            panic!("it was read");
        };
        let text = source.to_string();
        assert!(text.contains("not this one: b\"secret\""), "{text}");
        assert_eq!(source.harmless(), "reading it panicked");
    }
}
