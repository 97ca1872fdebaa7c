//! Live news as a process, on a real broker: read over plain TCP, and in a browser.
//!
//! The broker is the dev server, or the `nats-server` that MICRO_TEST_NATS_SERVER names; each test
//! has its own. What is published is published by a bare client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::time::Duration;

use async_nats::Client;
use serde_json::{Value, json};

#[path = "../../../../tests/support/http.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod http;
#[path = "../../../../tests/support/mortal.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod mortal;
#[path = "../../../../tests/support/program.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod program;

mod browser;
mod devtools;
mod hostile;
mod killed;
mod news;
mod patterns;
mod sse;

use mortal::Broker;
use program::Program;

/// Long enough for a loaded machine: reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

const EVENTS: &str = env!("CARGO_BIN_EXE_events");

/// What comes soon, or the test has failed.
async fn soon<F: Future>(future: F) -> F::Output {
    let soon = tokio::time::timeout(PATIENCE, future).await;
    soon.expect("it never came")
}

/// Live news on a free port, with nothing to say of its own, and its URL.
async fn live(broker: &Broker) -> (Program, String) {
    let nats = broker.url();
    let args = ["--http", "127.0.0.1:0", "--every", "0s", "--nats", &nats];
    started(Program::start(EVENTS, &args)).await
}

async fn started(mut program: Program) -> (Program, String) {
    let url = program.word_after("live news on ").await;
    program.says("Ctrl-C").await;
    (program, url.trim_end_matches('/').to_owned())
}

async fn publish(client: &Client, topic: &str, title: &str) {
    let headline = json!({"title": title, "by": "a test"}).to_string();
    let subject = format!("news.{topic}");
    client.publish(subject, headline.into()).await.unwrap();
}

fn title(data: &str) -> String {
    let item: Value = serde_json::from_str(data).unwrap();
    item["title"].as_str().unwrap().to_owned()
}
