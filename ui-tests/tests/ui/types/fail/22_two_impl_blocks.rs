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

/// What is one service stands in one block. Methods that are no endpoints may stand in others, and two
/// services are two types.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self) {}

        #[endpoint]
        async fn sub(&self) {}
    }
}
