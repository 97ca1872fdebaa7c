//! Without a client only the server's half of serde is asked for.

#![deny(warnings)]
#![allow(clippy::new_ret_no_self, clippy::wrong_self_convention)]

use micro::{endpoint, service};

#[derive(serde::Deserialize)]
pub struct Request {
    a: u8,
}

#[derive(serde::Serialize)]
pub struct Response {
    a: u8,
}

type Aliased<T> = Result<T, micro::Error>;

pub struct Numbers;

#[service(client = false)]
impl Numbers {
    #[endpoint]
    async fn new(&self, request: Request) -> Response {
        Response { a: request.a }
    }

    #[endpoint]
    async fn with(&self, request: Request) -> Result<Response, micro::Error> {
        Ok(Response { a: request.a })
    }

    #[endpoint]
    async fn aliased(&self, request: Request) -> Aliased<Response> {
        Ok(Response { a: request.a })
    }

    #[endpoint]
    async fn unit(&self) {}
}

fn main() {}
