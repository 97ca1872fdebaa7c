//! I5: a constructor that takes arguments.

use micro::{endpoint, service};

pub struct Numbers;

impl Numbers {
    fn with(_: u8) -> Self {
        Self
    }
}

#[service(client = false, register = Numbers::with)]
impl Numbers {
    #[endpoint]
    async fn add(&self) {}
}

fn main() {}
