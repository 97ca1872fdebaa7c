//! H13: an alias that hides a `Result`.

use micro::{endpoint, service};

type Answer<T> = Result<T, micro::Error>;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> Answer<f64> {
        Ok(a)
    }
}

fn main() {}
