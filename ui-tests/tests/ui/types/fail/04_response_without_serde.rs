//! H3: a response that serde does not know.

use micro::{endpoint, service};

pub struct Sum(f64);

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> Sum {
        Sum(a)
    }
}

fn main() {}

/// The service writes it, and the client that is generated reads it.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Sum(f64);

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: f64) -> Sum {
            Sum(a)
        }
    }
}
