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

/// Nobody is there to give it arguments: it gets them by itself, and may wait and fail.
#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Numbers;

    impl Numbers {
        async fn connect() -> Result<Self, micro::Error> {
            let _ = std::env::var("DATABASE_URL")?;
            Ok(Self)
        }
    }

    #[service(client = false, register = Numbers::connect)]
    impl Numbers {
        #[endpoint]
        async fn add(&self) {}
    }
}
