//! Every right source of docs/errors.md, and what they take for given.

#![allow(dead_code, unused)]

mod given {
    pub use micro::prelude::*;
    pub use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub struct Pair {
        pub a: f64,
        pub b: f64,
    }

    pub struct User {
        pub name: String,
    }

    impl FromRequest for User {
        async fn from_request(request: &micro::Request) -> Result<Self, micro::Error> {
            let name = request.context().header("Authorization");
            let name = name.unwrap_or_default().to_owned();
            Ok(Self { name })
        }
    }

    #[derive(Debug, thiserror::Error, ServiceError)]
    pub enum ShelfError {
        #[error("the shelf is empty")]
        #[service_error(code = 404)]
        Empty,
    }

    pub mod billing {}
}

fn main() {}
