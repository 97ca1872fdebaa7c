//! Subscribers of every form.

use std::sync::Arc;

use micro::{Bytes, Context, Error, service, subscribe};
use serde::Deserialize;

/// An event. It is read, and never written.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Booked {
    /// How much.
    pub amount: f64,
}

/// A service that only listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ears;

/// Listens.
#[service]
impl Ears {
    /// Books.
    #[subscribe("accounts.{account}.booked", ordered_by = "account")]
    async fn booked(&self, Booked { amount }: Booked) -> Result<(), Error> {
        if amount < 0.0 {
            return Err(Error::new(409, "less than nothing"));
        }
        Ok(())
    }

    #[subscribe("accounts.*.closed", ordered, queue_group = false)]
    async fn closed(self: Arc<Self>, ctx: &Context) {
        drop((ctx.subject().len(), self));
    }

    #[subscribe("prices.>", ordered_by_header = "X-Key", pending = 16)]
    async fn price(#[header("X-Key")] key: Option<String>, #[payload(raw)] price: Bytes) -> () {
        drop((key, price));
    }

    #[subscribe("kinds.{kind}", blocking)]
    fn blocks(kind: u8) {
        std::thread::sleep(std::time::Duration::from_micros(kind.into()));
    }

    #[cfg(any())]
    #[subscribe("never")]
    async fn never(&self, missing: Missing) {}
}
