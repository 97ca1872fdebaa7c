//! A6: an endpoint needs a service.

use micro::endpoint;

#[endpoint]
async fn add(a: f64) -> f64 {
    a
}

pub async fn call() -> f64 {
    add(1.0).await
}

fn main() {}

/// A method without `self` is as good as a function.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(a: f64) -> f64 {
            a
        }
    }
}
