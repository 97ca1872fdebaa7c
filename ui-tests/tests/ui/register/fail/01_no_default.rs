//! I4: `register` without `Default`.

use micro::{endpoint, service};

pub struct Numbers;

#[service(register)]
impl Numbers {
    #[endpoint]
    async fn add(&self) {}
}

fn main() {}
