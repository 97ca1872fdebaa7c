//! H8: a type that cannot be a header.

use micro::{endpoint, service};

pub struct Foo;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, #[header("X-Foo")] foo: Foo) {
        let _ = foo;
    }
}

fn main() {}
