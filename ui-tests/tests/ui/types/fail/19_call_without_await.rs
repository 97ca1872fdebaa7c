//! H17: a call that is not made.

#![deny(unused_must_use)]

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> f64 {
        a
    }
}

pub fn call(numbers: &NumbersClient) {
    numbers.add(&1.0);
}

fn main() {}
