//! Every key and every kind of parameter in one service.

use micro::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
pub struct Operands {
    pub a: f64,
    pub b: f64,
}

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum MathError {
    #[error("cannot divide {dividend} by zero")]
    #[service_error(code = 400)]
    DivideByZero { dividend: f64 },
}

pub struct User(pub String);

impl FromRequest for User {
    async fn from_request(request: &micro::Request) -> Result<Self, micro::Error> {
        match request.context().header("Authorization") {
            Some(token) => Ok(Self(token.to_owned())),
            None => Err(micro::Error::new(401, "log in first")),
        }
    }
}

#[derive(Default)]
pub struct Numbers;

/// Arithmetic on two numbers.
#[service(
    name = "numbers",
    version = "1.0.0",
    description = "Arithmetic",
    group = "math",
    queue_group = "workers",
    metadata(team = "core", "any key" = "any value"),
    timeout = "2s",
    concurrency = 8,
    client(name = NumbersCaller, vis = pub),
    register,
    crate = ::micro,
)]
impl Numbers {
    /// A helper that is no endpoint.
    fn helper(&self) -> f64 {
        1.0
    }

    /// Adds.
    #[endpoint(group = "numbers")]
    async fn add(&self, operands: Operands) -> f64 {
        operands.a + operands.b + self.helper()
    }

    /// Divides.
    #[endpoint(
        name = "div",
        group = "numbers",
        queue_group = "heavy",
        metadata(cost = "high"),
        timeout = "250ms",
        concurrency = 1
    )]
    pub async fn divide(&self, ctx: &Context, operands: Operands) -> Result<f64, MathError> {
        let _ = ctx;
        if operands.b == 0.0 {
            return Err(MathError::DivideByZero { dividend: operands.a });
        }
        Ok(operands.a / operands.b)
    }

    #[allow(clippy::too_many_arguments)]
    #[endpoint(subject = "history.{user}.of.{day}", queue_group = false)]
    async fn history(
        self: Arc<Self>,
        day: u32,
        #[extract] who: User,
        user: String,
        #[header("X-Tenant")] tenant: Option<String>,
        #[header("X-Count")] count: u64,
        #[payload(raw)] body: Bytes,
        ctx: &Context,
    ) -> Vec<String> {
        let _ = (day, count, body, ctx);
        vec![user, who.0, tenant.unwrap_or_default()]
    }

    #[micro::endpoint(subject = "ping")]
    async fn ping() {}
}

async fn call(numbers: &NumbersCaller) -> Result<(), Box<dyn std::error::Error>> {
    let operands = Operands { a: 1.0, b: 2.0 };
    let sum: f64 = numbers.add(&operands).await?;
    let quotient: Result<f64, CallError<MathError>> = numbers.divide(&operands).await;
    let history: Vec<String> = numbers
        .history(&1, &"ada".to_owned(), &None, &3, &Bytes::new())
        .timeout(std::time::Duration::from_secs(1))
        .await?;
    numbers.ping().await?;
    let _ = (sum, quotient.is_ok(), history, numbers.clone());
    Ok(())
}

fn main() {
    let info = <Numbers as Service>::INFO;
    assert_eq!((info.name, info.version, info.group), ("numbers", "1.0.0", "math"));
    assert_eq!(info.metadata, [("team", "core"), ("any key", "any value")]);
    let endpoints = <Numbers as Service>::ENDPOINTS;
    let subjects: Vec<_> = endpoints.iter().map(|e| (e.def.name, e.def.subject)).collect();
    assert_eq!(
        subjects,
        [
            ("add", "numbers.add"),
            ("div", "numbers.div"),
            ("history", "history.{user}.of.{day}"),
            ("ping", "ping"),
        ]
    );
    let _ = call;
}
