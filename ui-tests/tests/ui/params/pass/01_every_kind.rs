//! Parameters of every kind, in any order.

#![deny(warnings)]
#![allow(clippy::too_many_arguments)]

use micro::prelude::*;
use micro::{Error, Request};

pub struct User(String);

impl FromRequest for User {
    async fn from_request(_: &Request) -> Result<Self, Error> {
        Ok(Self(String::new()))
    }
}

type Maybe = Option<u8>;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint(subject = "a.{day}.{user}")]
    async fn all(
        &self,
        #[header("X")] x: Option<String>,
        payload: Vec<u8>,
        user: String,
        ctx: &Context,
        #[extract] User(name): User,
        #[header("Y")] _: u8,
        day: u64,
        #[extract] other: User,
    ) -> String {
        format!("{x:?} {payload:?} {user} {ctx:?} {name} {day} {}", other.0)
    }

    #[endpoint(group = "b.{tenant}", subject = "{id}")]
    async fn group(&self, _id: u8, tenant: String) -> String {
        tenant
    }

    #[endpoint]
    async fn raw(&self, #[payload(raw)] data: Bytes) -> usize {
        data.len()
    }

    #[endpoint]
    async fn raw_vec(&self, #[payload(raw)] data: Vec<u8>) -> usize {
        data.len()
    }

    #[endpoint]
    async fn forced(&self, #[payload(json)] data: String) -> usize {
        data.len()
    }

    #[endpoint]
    async fn aliased(&self, ctx: &micro::Context, #[header("X")] x: Maybe) -> bool {
        let _ = ctx;
        x.is_some()
    }
}

fn main() {
    let _ = |numbers: NumbersClient| async move {
        numbers
            .all(&None, &vec![1], &String::new(), &1, &2)
            .await
            .is_ok()
    };
    let _ = |numbers: NumbersClient| async move { numbers.group(&1, &String::new()).await.is_ok() };
}
