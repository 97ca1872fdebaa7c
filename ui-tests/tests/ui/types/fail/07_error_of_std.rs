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

/// `?` makes a `micro::Error` of every error. Its code is 500, and its text goes to the log of the
/// service and not to the caller.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: f64) -> Result<f64, micro::Error> {
            let b = std::fs::read("b")?.len();
            Ok(a + b as f64)
        }
    }
}
