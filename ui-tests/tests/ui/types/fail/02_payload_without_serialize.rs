//! H1: a payload that the generated client cannot write.

use micro::{endpoint, service};

#[derive(serde::Deserialize)]
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
