//! Attributes of another crate around the handlers.

use micro::{endpoint, service};
use tracing::instrument;

/// Instrumented above, below and on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Traced;

#[service]
impl Traced {
    /// Above.
    #[tracing::instrument(skip(self))]
    #[endpoint]
    async fn above(&self, number: u8) -> u8 {
        number
    }

    /// Below.
    #[endpoint]
    #[instrument(skip_all, fields(number = number))]
    async fn below(&self, number: u8) -> Result<u8, micro::Error> {
        if number > 9 {
            return Err(micro::Error::new(400, "too many"));
        }
        Ok(number)
    }

    /// With a payload that only the body takes apart.
    #[instrument(err, ret)]
    #[endpoint]
    #[allow(dead_code)]
    async fn both(&self, (a, b): (u8, u8)) -> micro::Result<u8> {
        a.checked_add(b)
            .ok_or_else(|| micro::Error::new(400, "too many"))
    }
}
