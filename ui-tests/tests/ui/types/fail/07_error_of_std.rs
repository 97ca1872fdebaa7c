//! H6: an error of the standard library is no service error.

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> Result<f64, std::io::Error> {
        Ok(a)
    }
}

fn main() {}
