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

/// A call can be given headers and a timeout before it is made, by its `.await`.
#[cfg(any())]
mod fixed {
    use micro::{CallError, endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: f64) -> f64 {
            a
        }
    }

    pub async fn call(numbers: &NumbersClient) -> Result<f64, CallError<std::convert::Infallible>> {
        numbers.add(&1.0).await
    }
}
