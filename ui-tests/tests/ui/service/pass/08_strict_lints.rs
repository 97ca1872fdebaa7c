//! Generated code gives a strict crate nothing to complain about, documentation included.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic
)]

use std::time::Duration;

use micro::{
    Context, EndpointDef, EndpointRequest, Error, FromHeader, FromSubject, QueueGroup, Service,
    ServiceDef, endpoint, service,
};

/// A service.
#[derive(Debug, Default)]
pub struct Numbers;

/// Errors.
#[derive(Debug, thiserror::Error, micro::ServiceError)]
pub enum MathError {
    /// No.
    #[error("no")]
    #[service_error(code = 400)]
    No(u8),
}

#[service(register, timeout = "2s", queue_group = "x")]
impl Numbers {
    #[endpoint(timeout = "1s")]
    async fn add(&self, pair: (f64, f64)) -> f64 {
        pair.0 + pair.1
    }

    #[endpoint(subject = "of.{id}")]
    async fn of(&self, ctx: &Context, id: u8, #[header("X")] x: Option<String>) -> Result<(), Error> {
        let _ = (ctx, id, x);
        Ok(())
    }

    #[endpoint]
    async fn checked(&self, x: u8) -> Result<(), MathError> {
        Err(MathError::No(x))
    }

    #[deprecated(note = "use `add`")]
    #[endpoint]
    async fn old(&self) {}
}

mod private {
    use micro::{endpoint, service};

    #[derive(Debug)]
    pub(crate) struct Inner;

    #[service(client(vis = pub(crate)))]
    impl Inner {
        #[endpoint]
        async fn add(&self) {}
    }
}

fn uses<T: EndpointRequest + FromHeader + FromSubject>(_: T) -> (Duration, QueueGroup) {
    (Duration::ZERO, QueueGroup::Inherit)
}

fn main() {
    let ServiceDef { name, .. } = Numbers::INFO;
    let EndpointDef { subject, .. } = &Numbers::ENDPOINTS[0].def;
    let _ = (name, subject, uses(1), private::Inner);
}
