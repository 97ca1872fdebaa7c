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

/// A token of a subject is a text too: it is read with `FromStr`, and the client writes it with
/// `Display`.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint(subject = "add.{foo}")]
        async fn add(&self, foo: u64) {
            let _ = foo;
        }
    }
}
