//! Two services that `main` does not name: each registers itself where it is written, and
//! `run_all` runs what it finds, on one connection.
//!
//! ```text
//! cargo run --example auto
//! cargo run --example auto -- call reverse '"stressed"'
//! cargo run --example auto -- call clock.uptime
//! ```

use std::time::Instant;

use micro::prelude::*;

/// Turns words around.
#[derive(Debug, Default)]
pub struct Words;

/// What can be done with words.
#[service(name = "words", version = "1.0.0", register)]
impl Words {
    /// The word, read from its end.
    #[endpoint(group = "words")]
    async fn reverse(&self, word: String) -> String {
        word.chars().rev().collect()
    }
}

/// Knows when it was started.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

/// Tells the time.
#[service(name = "clock", version = "1.0.0", register = Clock::start)]
impl Clock {
    /// For how many seconds this instance has run.
    #[endpoint(group = "clock")]
    async fn uptime(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

#[micro::main]
async fn main() -> micro::Result<()> {
    micro::run_all().await
}
