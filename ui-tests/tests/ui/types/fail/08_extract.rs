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

/// What is extracted comes from code of your own, which sees the whole request.
#[cfg(any())]
mod fixed {
    use micro::{Error, FromRequest, Request, endpoint, service};

    pub struct Foo(pub String);

    impl FromRequest for Foo {
        async fn from_request(request: &Request) -> Result<Self, Error> {
            match request.context().header("Authorization") {
                Some(token) => Ok(Self(token.to_owned())),
                None => Err(Error::new(401, "log in first")),
            }
        }
    }

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, #[extract] foo: Foo) {
            let _ = foo;
        }
    }
}
