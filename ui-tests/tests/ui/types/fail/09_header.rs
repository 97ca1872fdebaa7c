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

/// A header is a text: it is read with `FromStr`, and the client writes it with `Display`.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Foo(pub u8);

    impl std::str::FromStr for Foo {
        type Err = std::num::ParseIntError;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            text.parse().map(Self)
        }
    }

    impl std::fmt::Display for Foo {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, #[header("X-Foo")] foo: Foo) {
            let _ = foo;
        }
    }
}
