//! H3: without a client only `Serialize` is asked for.

use micro::{endpoint, service};

pub struct Sum(f64);

pub struct Numbers;

#[service(client = false)]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> Sum {
        Sum(a)
    }
}

fn main() {}

#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    #[derive(serde::Serialize)]
    pub struct Sum(f64);

    pub struct Numbers;

    #[service(client = false)]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: f64) -> Sum {
            Sum(a)
        }
    }
}
