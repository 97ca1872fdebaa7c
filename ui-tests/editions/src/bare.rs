//! Nothing generated relies on the prelude.
#![no_implicit_prelude]

use ::micro::{Context, endpoint, service};

/// Errors.
#[derive(::std::fmt::Debug, ::thiserror::Error, ::micro::ServiceError)]
pub enum MathError {
    /// No field.
    #[error("no")]
    #[service_error(code = 400)]
    No,
    /// One.
    #[error("{0}")]
    #[service_error(code = 401, kind = "Other")]
    One(u8),
    /// Two.
    #[error("{0} {1}")]
    #[service_error(code = 402)]
    Two(u8, ::std::string::String),
    /// Named.
    #[error("{a}")]
    #[service_error(code = 403)]
    Named {
        /// A field.
        a: u8,
    },
    /// Secret.
    #[error("secret")]
    #[service_error(internal)]
    Secret(::std::io::Error),
    /// Inner.
    #[error(transparent)]
    #[service_error(transparent)]
    Inner(Deep),
}

/// An error.
#[derive(
    ::std::clone::Clone,
    ::std::marker::Copy,
    ::std::fmt::Debug,
    ::thiserror::Error,
    ::micro::ServiceError,
)]
#[error("deep")]
#[service_error(code = 410)]
pub struct Deep;

/// A service.
#[derive(::std::clone::Clone, ::std::marker::Copy, ::std::fmt::Debug, ::std::default::Default)]
pub struct Numbers;

/// Its payload.
type Pair = (f64, f64);

#[service(
    name = "bare",
    register,
    timeout = "2s",
    concurrency = 2,
    queue_group = "x",
    metadata(a = "b")
)]
impl Numbers {
    #[endpoint(subject = "add.{id}", queue_group = false)]
    async fn add(
        &self,
        ctx: &Context,
        id: u8,
        #[header("X")] x: ::std::option::Option<u8>,
        #[header("Y")] y: u8,
        #[extract] _e: Extracted,
        pair: Pair,
    ) -> ::std::result::Result<f64, MathError> {
        if ctx.subject().is_empty() || x == ::std::option::Option::Some(id) {
            return ::std::result::Result::Err(MathError::One(y));
        }
        ::std::result::Result::Ok(pair.0 + pair.1)
    }

    #[endpoint]
    async fn unit(self: ::std::sync::Arc<Self>) {}

    #[endpoint]
    async fn raw(#[payload(raw)] body: ::std::vec::Vec<u8>) -> ::micro::Bytes {
        ::std::convert::From::from(body)
    }
}

/// Extracted.
#[derive(::std::clone::Clone, ::std::marker::Copy, ::std::fmt::Debug)]
pub struct Extracted;

impl ::micro::FromRequest for Extracted {
    async fn from_request(_: &::micro::Request) -> ::std::result::Result<Self, ::micro::Error> {
        ::std::result::Result::Ok(Self)
    }
}

/// What the next has.
pub trait Value:
    ::std::clone::Clone
    + ::serde::Serialize
    + ::serde::de::DeserializeOwned
    + ::std::marker::Send
    + ::std::marker::Sync
    + 'static
{
}

/// A service with a parameter.
#[derive(::std::fmt::Debug)]
pub struct Generic<T>(T);

#[service]
impl<T> Generic<T>
where
    T: Value,
{
    #[endpoint]
    async fn get(&self) -> T {
        ::std::clone::Clone::clone(&self.0)
    }
}

/// Without a client.
#[derive(::std::clone::Clone, ::std::marker::Copy, ::std::fmt::Debug)]
pub struct Alone;

#[service(name = "bare-alone", client = false, register = Self::make)]
impl Alone {
    #[endpoint]
    async fn get(&self, x: u8) -> u8 {
        x
    }

    const fn make() -> Self {
        Self
    }
}

/// A program.
///
/// # Errors
///
/// Never.
#[::micro::main]
pub async fn main() -> ::micro::Result<()> {
    ::std::result::Result::Ok(())
}

#[cfg(test)]
mod tests {
    #[::micro::test]
    async fn a_test() -> ::micro::Result<()> {
        ::std::result::Result::Ok(())
    }
}
