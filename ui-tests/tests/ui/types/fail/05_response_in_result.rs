//! H3: the response inside of a `Result`.

use micro::{endpoint, service};

pub struct Sum(f64);

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> Result<Sum, micro::Error> {
        Ok(Sum(a))
    }
}

fn main() {}
