//! A user may have types of any name.

#![allow(dead_code)]

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Context {
    a: u8,
}
#[derive(Serialize, Deserialize)]
pub struct String;
#[derive(Serialize, Deserialize)]
pub struct Vec;
#[derive(Serialize, Deserialize)]
pub struct Box;
#[derive(Serialize, Deserialize)]
pub struct Option;
#[derive(Serialize, Deserialize)]
pub struct Call;
#[derive(Serialize, Deserialize)]
pub struct Infallible;
pub enum Result {
    Ok,
    Err,
}
pub struct Ok;
pub struct Err;
pub struct Some;
pub struct None;
pub struct Arc;
pub struct Request;
pub struct Reply;
pub struct Service;
pub trait Into {}
pub trait Clone {}
mod core {}
mod std {}

#[derive(micro::ServiceError)]
#[service_error(code = 500)]
pub enum Error {
    Some(Context),
    None { fault: u8 },
}

impl ::std::fmt::Display for Error {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        f.write_str("x")
    }
}

pub struct Numbers;

#[micro::service]
impl Numbers {
    #[micro::endpoint]
    async fn context(&self, ctx: &micro::Context, context: Context) -> String {
        let _ = (ctx, context.a);
        String
    }

    #[micro::endpoint]
    async fn option(&self, option: Option) -> Box {
        let _ = option;
        Box
    }

    #[micro::endpoint]
    async fn vec(&self) -> Vec {
        Vec
    }

    #[micro::endpoint]
    async fn call(&self, call: Call) -> Infallible {
        let _ = call;
        Infallible
    }

    #[micro::endpoint]
    async fn error(&self) -> ::core::result::Result<u8, Error> {
        ::core::result::Result::Err(Error::None { fault: 1 })
    }
}

fn main() {}
