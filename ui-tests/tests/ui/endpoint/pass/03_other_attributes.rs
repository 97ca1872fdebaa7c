//! Attributes of others stay, above and below ours; one import is used however it is written.

#![deny(warnings)]

use micro::{endpoint, service};

pub struct Numbers;

#[allow(dead_code)]
#[service]
#[allow(clippy::needless_pass_by_value)]
impl Numbers {
    #[inline]
    #[endpoint]
    #[must_use]
    async fn add(&self, pair: (u8, u8)) -> u8 {
        pair.0
    }

    #[micro::endpoint]
    #[allow(unused_variables)]
    async fn sub(&self, #[allow(unused_mut)] mut pair: (u8, u8)) {}

    #[doc = "Documented."]
    #[doc(alias = "x")]
    #[doc = concat!("a", "b")]
    #[endpoint]
    async fn documented(&self) {}
}

fn main() {}
