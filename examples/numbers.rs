//! The service of the README: typed endpoints in a group, a queue group of their own, a typed
//! error, a placeholder.
//!
//! ```text
//! cargo run --example numbers
//! cargo run --example numbers -- call add '{"a":1,"b":2}'
//! cargo run --example numbers -- call divide '{"a":1,"b":0}'
//! cargo run --example numbers -- call -H 'X-Tenant: acme' history.ada
//! ```

use std::collections::HashMap;
use std::sync::Mutex;

use micro::prelude::*;
use serde::{Deserialize, Serialize};

/// Two numbers.
#[derive(Serialize, Deserialize)]
struct Operands {
    a: f64,
    b: f64,
}

/// One calculation.
#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    operation: String,
    result: f64,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error, ServiceError)]
enum MathError {
    #[error("cannot divide {dividend} by zero")]
    #[service_error(code = 400)]
    DivideByZero { dividend: f64 },
}

/// The state of the service: calculations by user.
#[derive(Default)]
struct Numbers {
    history: Mutex<HashMap<String, Vec<Entry>>>,
}

impl Numbers {
    fn remember(&self, ctx: &Context, operation: &str, result: f64) {
        let user = ctx.header("X-User").unwrap_or("anonymous").to_owned();
        let entry = Entry {
            operation: operation.to_owned(),
            result,
        };
        if let Ok(mut history) = self.history.lock() {
            history.entry(user).or_default().push(entry);
        }
    }
}

/// Arithmetic on two numbers.
#[service(name = "numbers", version = "1.0.0", metadata(team = "core"))]
impl Numbers {
    /// Adds two numbers.
    #[endpoint(group = "numbers")]
    async fn add(&self, ctx: &Context, operands: Operands) -> f64 {
        let sum = operands.a + operands.b;
        self.remember(ctx, "add", sum);
        sum
    }

    /// Divides one number by another.
    #[endpoint(
        group = "numbers",
        queue_group = "heavy",
        concurrency = 8,
        timeout = "2s"
    )]
    async fn divide(&self, ctx: &Context, operands: Operands) -> Result<f64, MathError> {
        if operands.b == 0.0 {
            return Err(MathError::DivideByZero {
                dividend: operands.a,
            });
        }
        let quotient = operands.a / operands.b;
        self.remember(ctx, "divide", quotient);
        Ok(quotient)
    }

    /// The calculations of a user on this instance: every instance answers with its own.
    #[endpoint(subject = "history.{user}", queue_group = false)]
    async fn history(
        &self,
        user: String,
        #[header("X-Tenant")] _tenant: Option<String>,
    ) -> Vec<Entry> {
        let history = self.history.lock();
        history
            .ok()
            .and_then(|history| history.get(&user).cloned())
            .unwrap_or_default()
    }
}

#[micro::main]
async fn main() -> micro::Result<()> {
    App::from_args().service(Numbers::default()).run().await
}
