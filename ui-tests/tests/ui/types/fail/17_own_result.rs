//! H14: a type of one's own called `Result`.

use micro::{endpoint, service};

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Result<T>(T);

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> Result<f64> {
        Result(a)
    }
}

fn main() {}

#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Outcome<T>(T);

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: f64) -> Outcome<f64> {
            Outcome(a)
        }
    }
}
