//! Nothing generated relies on what is in scope.

#![no_implicit_prelude]
#![deny(warnings)]

use ::micro::{Context, endpoint, service};

#[derive(::std::fmt::Debug, ::thiserror::Error, ::micro::ServiceError)]
pub enum MathError {
    #[error("no")]
    #[service_error(code = 400)]
    No,
    #[error("{0}")]
    #[service_error(code = 401, kind = "Other")]
    One(u8),
    #[error("{0} {1}")]
    #[service_error(code = 402)]
    Two(u8, ::std::string::String),
    #[error("{a}")]
    #[service_error(code = 403)]
    Named { a: u8 },
    #[error("secret")]
    #[service_error(internal)]
    Secret(::std::io::Error),
    #[error(transparent)]
    #[service_error(transparent)]
    Inner(Deep),
}

#[derive(::std::fmt::Debug, ::thiserror::Error, ::micro::ServiceError)]
#[error("deep")]
#[service_error(code = 410)]
pub struct Deep;

#[derive(::std::default::Default)]
pub struct Numbers;

#[service(register, timeout = "2s", concurrency = 2, queue_group = "x")]
impl Numbers {
    #[endpoint(subject = "add.{id}", queue_group = false)]
    async fn add(
        &self,
        ctx: &Context,
        id: u8,
        #[header("X")] x: ::std::option::Option<u8>,
        #[header("Y")] y: u8,
        pair: (f64, f64),
    ) -> ::std::result::Result<f64, MathError> {
        let _ = (ctx, id, x, y);
        ::std::result::Result::Ok(pair.0 + pair.1)
    }

    #[endpoint]
    async fn unit(self: ::std::sync::Arc<Self>) {}
}

fn main() {}
