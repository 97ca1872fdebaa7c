//! Receivers, replies and payloads of every shape.

#![deny(warnings)]
#![allow(unused_parens)]

use std::sync::Arc;

use micro::{CallError, endpoint, service};
use serde::{Deserialize, Serialize};

type Result<T, E = micro::Error> = std::result::Result<T, E>;

#[derive(Serialize, Deserialize)]
pub struct Pair {
    a: f64,
    b: f64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Numbers(f64);

#[service]
impl Numbers {
    #[endpoint]
    async fn reference(&self) -> f64 {
        self.0
    }

    #[endpoint]
    async fn typed_reference(self: &Self) -> f64 {
        self.0
    }

    #[endpoint]
    async fn shared(self: Arc<Self>) -> f64 {
        self.0
    }

    #[endpoint]
    async fn qualified(self: std::sync::Arc<Self>, x: f64) -> f64 {
        self.0 + x
    }

    #[endpoint]
    async fn none(x: f64) -> f64 {
        x
    }

    #[endpoint]
    async fn pattern(&self, Pair { a, b }: Pair) -> f64 {
        a + b
    }

    #[endpoint]
    async fn tuple((a, b): (f64, f64)) -> (f64, f64) {
        (b, a)
    }

    #[endpoint]
    async fn unit(&self, _: ()) -> () {}

    #[endpoint]
    async fn nothing(&self) {}

    #[endpoint]
    async fn alias(&self) -> Result<f64> {
        Ok(self.0)
    }

    #[endpoint]
    async fn alias_of_two(&self) -> Result<f64, micro::Error> {
        Ok(self.0)
    }

    #[endpoint]
    async fn qualified_alias(&self) -> micro::Result<Option<f64>> {
        Ok(Some(self.0))
    }

    #[endpoint]
    async fn own(&self, other: Self) -> Result<Self> {
        let _ = other;
        Ok(self.clone())
    }

    #[endpoint]
    async fn parenthesized(&self, x: (f64)) -> (Vec<f64>) {
        vec![x]
    }

    #[endpoint]
    async fn array(&self, x: [u8; 4]) -> std::borrow::Cow<'static, str> {
        let _ = x;
        "x".into()
    }
}

async fn call(numbers: &NumbersClient) -> std::result::Result<(), CallError<micro::Error>> {
    let own: Numbers = numbers.own(&Numbers(1.0)).await?;
    let option: Option<f64> = numbers.qualified_alias().await?;
    let _ = numbers.pattern(&Pair { a: 1.0, b: 2.0 }).await;
    let _ = (own.0, option);
    Ok(())
}

fn main() {
    let _ = call;
}
