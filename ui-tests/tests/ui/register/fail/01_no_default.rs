//! I4: `register` without `Default`.

use micro::{endpoint, service};

pub struct Numbers;

#[service(register)]
impl Numbers {
    #[endpoint]
    async fn add(&self) {}
}

fn main() {}

/// `register = Numbers::new` takes a constructor instead.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    #[derive(Default)]
    pub struct Numbers;

    #[service(register)]
    impl Numbers {
        #[endpoint]
        async fn add(&self) {}
    }
}
