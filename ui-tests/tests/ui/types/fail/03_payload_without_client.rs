//! H2: without a client only `Deserialize` is asked for.

use micro::{endpoint, service};

pub struct Pair {
    pub a: f64,
}

pub struct Numbers;

#[service(client = false)]
impl Numbers {
    #[endpoint]
    async fn add(&self, pair: Pair) -> f64 {
        pair.a
    }
}

fn main() {}

#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    #[derive(serde::Deserialize)]
    pub struct Pair {
        pub a: f64,
    }

    pub struct Numbers;

    #[service(client = false)]
    impl Numbers {
        #[endpoint]
        async fn add(&self, pair: Pair) -> f64 {
            pair.a
        }
    }
}
