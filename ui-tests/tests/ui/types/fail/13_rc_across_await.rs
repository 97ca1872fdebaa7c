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
