//! Long runs under load, each with a verdict: `cargo test --release --test soak`.
//!
//! ```text
//! cargo test --release --test soak                  # all of them, some five minutes
//! cargo test --release --test soak -- leave rolling # some of them
//! ```
//!
//! The broker is the dev server, or the `nats-server` that MICRO_TEST_NATS_SERVER names. It prints a
//! line for each thing that was held to a bound, with the figures, then `N passed, N failed`, and
//! exits with 1 if any failed. `cargo test` alone leaves it out: it takes its time, and some of its
//! bounds are times, which only a quiet machine keeps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a run that cannot go on has failed"
)]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../support/broker.rs"]
mod broker;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../support/proxy.rs"]
mod proxy;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../support/raw.rs"]
mod raw;

mod calls;
mod instance;
mod leave;
mod overload;
mod rolling;
mod stats;

use std::process::ExitCode;

use broker::Broker;

/// What was held to a bound, with its figures, and whether it kept it.
pub(crate) type Verdict = (String, bool);

const RUNS: [&str; 5] = ["leave", "rolling", "overload", "stats", "calls"];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        return instance::serve(&arguments[1..]).await;
    }
    if arguments.first().is_some_and(|first| first == "call") {
        return calls::call(&arguments[1..]).await;
    }
    if let Some(unknown) = arguments.iter().find(|run| !RUNS.contains(&run.as_str())) {
        eprintln!("there is no run `{unknown}`: there are {}", RUNS.join(", "));
        return ExitCode::FAILURE;
    }
    let (mut passed, mut failed) = (0, 0);
    for run in RUNS {
        if !arguments.is_empty() && !arguments.iter().any(|asked| asked == run) {
            continue;
        }
        let broker = Broker::start().await;
        let verdicts = match run {
            "leave" => leave::run(&broker).await,
            "rolling" => rolling::run(&broker).await,
            "stats" => stats::run(&broker).await,
            "calls" => calls::run(&broker).await,
            _ => overload::run(&broker).await,
        };
        for (what, kept) in verdicts {
            println!("{run}: {what}: {}", if kept { "passed" } else { "FAILED" });
            if kept { passed += 1 } else { failed += 1 }
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
