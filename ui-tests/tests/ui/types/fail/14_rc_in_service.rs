//! H12: a service that cannot be shared.

use std::rc::Rc;

use micro::{endpoint, service};

pub struct Numbers {
    shared: Rc<u64>,
}

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: u64) -> u64 {
        a + *self.shared
    }
}

fn main() {}

/// Requests are worked on by many threads, with one value of the service.
#[cfg(any())]
mod fixed {
    use std::sync::Arc;

    use micro::{endpoint, service};

    pub struct Numbers {
        shared: Arc<u64>,
    }

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: u64) -> u64 {
            a + *self.shared
        }
    }
}
