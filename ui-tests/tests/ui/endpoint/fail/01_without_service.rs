//! A7: an endpoint in a plain impl block.

use micro::endpoint;

pub struct Numbers;

impl Numbers {
    #[endpoint]
    async fn add(&self, #[header("X")] a: f64) -> f64 {
        a
    }
}

pub async fn call() -> f64 {
    Numbers.add(1.0).await
}

fn main() {}

/// `#[service]` on the block is what finds the endpoints in it.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, #[header("X")] a: f64) -> f64 {
            a
        }
    }
}
