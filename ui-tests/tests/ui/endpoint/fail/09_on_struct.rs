//! An endpoint on the type.
//! Errors: 2

use micro::endpoint;

#[endpoint]
pub struct Numbers;

#[endpoint]
impl Numbers {
    pub async fn add(a: f64) -> f64 {
        a
    }
}

pub async fn call() -> f64 {
    Numbers::add(1.0).await
}

fn main() {}

/// The type is as it is; its `impl` block is the service.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        pub async fn add(a: f64) -> f64 {
            a
        }
    }
}
