//! The contract that every language serves in this suite, and our service of it.

use std::sync::Arc;
use std::time::Duration;

use micro::prelude::*;
use micro::{Caller, Error, Request, RunningService};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::broker::Broker;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) a: f64,
    pub(crate) b: f64,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error, ServiceError)]
pub(crate) enum MathError {
    #[error("cannot divide {dividend} by zero")]
    #[service_error(code = 400)]
    DivideByZero { dividend: f64 },
    #[error("{value} has no root")]
    #[service_error(code = 422)]
    Negative { value: f64 },
}

#[derive(Default)]
pub(crate) struct Calc;

/// Arithmetic, in any language.
#[service(
    name = "calc",
    version = "1.2.3",
    group = "calc",
    metadata(team = "core")
)]
impl Calc {
    #[endpoint]
    async fn add(&self, pair: Pair) -> f64 {
        pair.a + pair.b
    }

    #[endpoint]
    async fn divide(&self, pair: Pair) -> Result<f64, MathError> {
        if pair.b == 0.0 {
            return Err(MathError::DivideByZero { dividend: pair.a });
        }
        Ok(pair.a / pair.b)
    }

    #[endpoint(queue_group = "roots", metadata(exact = "no"))]
    async fn root(&self, value: f64) -> Result<f64, MathError> {
        if value < 0.0 {
            return Err(MathError::Negative { value });
        }
        Ok(value.sqrt())
    }

    #[endpoint]
    async fn echo(&self, ctx: &Context, body: Bytes) -> Result<Bytes, Error> {
        if let Some(value) = ctx.header("X-Echo") {
            ctx.set_header("X-Echo", value)?;
        }
        Ok(body)
    }

    #[endpoint(subject = "greet.{name}")]
    async fn greet(&self, name: String, #[header("X-Title")] title: Option<String>) -> String {
        match title {
            Some(title) => format!("hello {title} {name}"),
            None => format!("hello {name}"),
        }
    }

    #[endpoint(queue_group = false)]
    async fn whoami(&self) -> String {
        "rust".to_owned()
    }
}

/// What the peers are told to serve for the same contract.
pub(crate) fn contract() -> Value {
    let endpoint = |name: &str| json!({"name": name, "group": "calc"});
    json!({
        "name": "calc",
        "description": "Arithmetic, in any language.",
        "metadata": {"team": "core"},
        "data": true,
        "endpoints": [
            endpoint("add"),
            endpoint("divide"),
            {"name": "root", "group": "calc", "queue_group": "roots", "metadata": {"exact": "no"}},
            endpoint("echo"),
        ],
    })
}

/// Our service, with endpoints beside the contract that only raw clients call.
pub(crate) async fn start(broker: &Broker) -> RunningService {
    let never = Arc::new(Notify::new());
    ServiceBuilder::of(Calc)
        .endpoint("newline", async |_: Request| {
            Err::<(), _>(Error::new(418, "tea\r\npot: X-Injected: yes").with_body("and data"))
        })
        .endpoint("never", move |_: Request| {
            let never = Arc::clone(&never);
            async move { never.notified().await }
        })
        .drain_timeout(Duration::ZERO)
        .start(&broker.client().await)
        .await
        .unwrap()
}

/// Our side that calls.
pub(crate) async fn caller(broker: &Broker) -> Caller {
    Caller::new(broker.client().await).timeout(crate::raw::PATIENCE)
}
