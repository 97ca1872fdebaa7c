//! Every argument, every kind of parameter, and a service that says nothing at all.

use std::sync::Arc;

use micro::prelude::*;
use micro::{Error, Request};
use serde::{Deserialize, Serialize};

/// A payload.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Operands {
    /// The first.
    pub a: f64,
    /// The second.
    pub b: f64,
}

/// An error.
#[derive(Clone, Copy, Debug, thiserror::Error, ServiceError)]
pub enum MathError {
    /// What it says.
    #[error("cannot divide {dividend} by zero")]
    #[service_error(code = 400)]
    DivideByZero {
        /// What was to be divided.
        dividend: f64,
    },
}

/// Extracted.
#[derive(Debug)]
pub struct User(String);

impl FromRequest for User {
    async fn from_request(request: &Request) -> Result<Self, Error> {
        let token = request.context().header("Authorization");
        token.map_or_else(
            || Err(Error::new(401, "log in first")),
            |token| Ok(Self(token.to_owned())),
        )
    }
}

/// A service of every argument.
#[derive(Clone, Copy, Debug, Default)]
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
    /// Adds.
    #[endpoint]
    async fn add(&self, operands: Operands) -> f64 {
        operands.a + operands.b
    }

    /// Divides.
    ///
    /// # Errors
    ///
    /// By zero.
    #[endpoint(
        name = "div",
        group = "more",
        queue_group = "heavy",
        metadata(cost = "high"),
        timeout = "250ms",
        concurrency = 1
    )]
    pub async fn divide(&self, ctx: &Context, operands: Operands) -> Result<f64, MathError> {
        if operands.b == 0.0 || ctx.subject().is_empty() {
            return Err(MathError::DivideByZero {
                dividend: operands.a,
            });
        }
        Ok(operands.a / operands.b)
    }

    /// All that a request may bring.
    #[allow(clippy::too_many_arguments)]
    #[endpoint(subject = "history.{user}.of.{_day}", queue_group = false)]
    pub(crate) async fn history(
        self: Arc<Self>,
        _day: u32,
        #[extract] User(who): User,
        user: String,
        #[header("X-Tenant")] tenant: Option<String>,
        #[header("X-Count")] _: u64,
        #[payload(raw)] body: Bytes,
        ctx: &Context,
    ) -> Vec<String> {
        let size = format!("{} bytes of {}", body.len(), ctx.service());
        vec![user, who, tenant.unwrap_or_default(), size]
    }

    #[micro::endpoint(subject = "ping")]
    async fn ping() {}
}

/// A service of no argument.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

#[service]
impl Silent {
    #[endpoint]
    async fn nothing(&self) {}
}

/// A service without a client, whose types know one side of serde only.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

/// Read only.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Question {
    /// A number.
    pub number: u8,
}

/// Written only.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reply {
    /// A number.
    pub number: u8,
}

/// An alias by another name: without a client it hides nothing.
pub type Outcome<T> = Result<T, Error>;

#[allow(
    clippy::new_ret_no_self,
    clippy::wrong_self_convention,
    reason = "no client, no reserved name"
)]
#[service(client = false, queue_group = false, register = Self::make)]
impl Alone {
    #[endpoint]
    async fn new(&self, question: Question) -> Reply {
        Reply {
            number: question.number,
        }
    }

    #[endpoint]
    async fn with(&self, question: Question) -> Outcome<Reply> {
        if question.number > 9 {
            return Err(Error::new(400, question.number));
        }
        Ok(Reply {
            number: question.number,
        })
    }

    #[endpoint]
    async fn raw(&self, #[payload(raw)] body: Vec<u8>) -> Bytes {
        body.into()
    }
}

impl Alone {
    async fn make() -> Result<Self, Error> {
        std::future::ready(Ok(Self)).await
    }
}
