//! H1: a payload that serde does not know.

use micro::{endpoint, service};

pub struct Pair {
    pub a: f64,
}

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, pair: Pair) -> f64 {
        pair.a
    }
}

fn main() {}

/// The service reads it, and the client that is generated writes it.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Pair {
        pub a: f64,
    }

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, pair: Pair) -> f64 {
            pair.a
        }
    }
}
