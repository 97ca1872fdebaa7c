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

#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    type Result<T> = std::result::Result<T, micro::Error>;

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: f64) -> Result<f64> {
            Ok(a)
        }
    }
}
