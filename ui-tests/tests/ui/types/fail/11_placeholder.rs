//! A type that cannot be a token of a subject.

use micro::{endpoint, service};

pub struct Foo;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint(subject = "add.{foo}")]
    async fn add(&self, foo: Foo) {
        let _ = foo;
    }
}

fn main() {}
