//! H7: a type that cannot be extracted.

use micro::{endpoint, service};

pub struct Foo;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, #[extract] foo: Foo) {
        let _ = foo;
    }
}

fn main() {}
