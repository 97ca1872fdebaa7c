//! The page and its providers as processes, on a real broker, and killed one after the other.
//!
//! The broker is the dev server, or the `nats-server` that MICRO_TEST_NATS_SERVER names; each test
//! has its own. What is asked of the programs is asked by a bare client and over plain TCP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::time::{Duration, Instant};

use async_nats::{Client, Message};
use serde_json::Value;

#[path = "../../../../tests/support/http.rs"]
mod http;
#[path = "../../../../tests/support/mortal.rs"]
mod mortal;
#[path = "../../../../tests/support/program.rs"]
mod program;

mod killed;
mod pages;
mod providers;

use http::Answer;
use mortal::Broker;
use program::Program;

/// Long enough for a loaded machine: reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long to wait before looking again at what no message tells.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const FRONTEND: &str = env!("CARGO_BIN_EXE_frontend");

/// A part of the program, on a broker.
fn part(broker: &Broker, args: &[&str]) -> Program {
    let url = broker.url();
    Program::start(FRONTEND, &[args, &["--nats", &url]].concat())
}

/// A part that serves.
async fn running(broker: &Broker, args: &[&str]) -> Program {
    let mut part = part(broker, args);
    part.says("Ctrl-C").await;
    part
}

/// The page on a free port, and its URL. It is patient: a loaded machine is not what is tested.
async fn web(broker: &Broker) -> (Program, String) {
    web_within(broker, "5s").await
}

async fn web_within(broker: &Broker, within: &str) -> (Program, String) {
    let mut web = part(
        broker,
        &["web", "--http", "127.0.0.1:0", "--within", within],
    );
    let pages = web.word_after("pages on ").await;
    (web, pages.trim_end_matches("/1").to_owned())
}

async fn json(url: &str, path: &str) -> (Answer, Value) {
    let answer = http::get_as(url, path, "application/json").await;
    let value = serde_json::from_str(&answer.body).unwrap();
    (answer, value)
}

/// Looks at John's page until it is so.
async fn until(url: &str, what: &str, so: impl Fn(&Value) -> bool) {
    let looking = async {
        loop {
            let (answer, page) = json(url, "/2").await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(page["id"], 2);
            if so(&page) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looking).await;
    assert!(
        seen.is_ok(),
        "never came: {what}; {:?}",
        json(url, "/2").await
    );
}

/// Looks at John's page until one is so that came within 110 ms: its 100, and the way there and back. A
/// loaded machine is not what is tested, and so it is looked at again.
async fn until_in_time(url: &str, what: &str, so: impl Fn(&Answer, &Value) -> bool) {
    let looking = async {
        loop {
            let asked = Instant::now();
            let (answer, page) = json(url, "/2").await;
            let took = asked.elapsed();
            assert_eq!(answer.status, 200, "{}", answer.body);
            if took < Duration::from_millis(110) && so(&answer, &page) {
                return;
            }
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looking).await;
    assert!(seen.is_ok(), "never came within 110 ms: {what}");
}

fn is_whole(page: &Value) -> bool {
    page["name"] == "John" && page["time"].is_string()
}

async fn ask(client: &Client, subject: &str, body: &str) -> Message {
    let request = async_nats::Request::new()
        .payload(body.to_owned().into())
        .timeout(Some(PATIENCE));
    client
        .send_request(subject.to_owned(), request)
        .await
        .unwrap()
}

fn code_of(message: &Message) -> Option<u16> {
    let code = message.headers.as_ref()?.get("Nats-Service-Error-Code")?;
    code.as_str().parse().ok()
}
