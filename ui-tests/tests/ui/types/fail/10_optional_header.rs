//! H8: nor an optional one.

use micro::{endpoint, service};

pub struct Foo;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, #[header("X-Foo")] foo: Option<Foo>) {
        let _ = foo;
    }
}

fn main() {}
