//! H11: a future that cannot move between threads.

use std::rc::Rc;

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: u64) -> u64 {
        let shared = Rc::new(a);
        std::future::ready(()).await;
        *shared
    }
}

fn main() {}

/// After an `.await` another thread may go on. What is held across it is an `Arc`, or is dropped before.
#[cfg(any())]
mod fixed {
    use std::sync::Arc;

    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, a: u64) -> u64 {
            let shared = Arc::new(a);
            std::future::ready(()).await;
            *shared
        }
    }
}
