//! A14: a service has one impl block.

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self) {}
}

#[service(client = Other)]
impl Numbers {
    #[endpoint]
    async fn sub(&self) {}
}

fn main() {}
