//! H12: nor one with a `Cell`.

use std::cell::Cell;

use micro::{endpoint, service};

pub struct Numbers {
    last: Cell<u64>,
}

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: u64) -> u64 {
        self.last.replace(a)
    }
}

fn main() {}
