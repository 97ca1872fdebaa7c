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

/// A text alone has no code. `micro::Error` is a code and a text; an error with fields that its caller
/// should get back is an enum with `#[derive(ServiceError)]`.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: f64) -> Result<f64, micro::Error> {
            if a.is_nan() {
                return Err(micro::Error::new(422, "not a number"));
            }
            Ok(a)
        }
    }
}
