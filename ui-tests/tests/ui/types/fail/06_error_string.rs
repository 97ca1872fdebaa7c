//! H5: a string is no service error.

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> Result<f64, String> {
        Ok(a)
    }
}

fn main() {}
