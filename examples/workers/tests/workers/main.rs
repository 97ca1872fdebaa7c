//! Master, file server and workers as processes, on a real broker, and killed one after the other.
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

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_nats::Client;
use serde_json::Value;

#[path = "../../../../tests/support/http.rs"]
mod http;
#[path = "../../../../tests/support/mortal.rs"]
mod mortal;
#[path = "../../../../tests/support/program.rs"]
mod program;

mod files;
mod killed;
mod start;
mod tasks;

use mortal::Broker;
use program::Program;

/// Long enough for a loaded machine: reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long to wait before looking again at what no message tells.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const WORKERS: &str = env!("CARGO_BIN_EXE_workers");

/// What the words of each task's file come to.
const RESULT: &str = "data 1\nget 3\nhave 1\nmy 2\n";

/// A part of the program, on a broker.
fn part(broker: &Broker, args: &[&str]) -> Program {
    let nats = ["--nats", &broker.url()].map(str::to_owned);
    let args: Vec<_> = args
        .iter()
        .map(|arg| (*arg).to_owned())
        .chain(nats)
        .collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    Program::start(WORKERS, &args)
}

/// A file server on a free port, with a folder of its own or of one before it, and its URL.
async fn file_server(broker: &Broker, folder: &Folder) -> (Program, String) {
    let path = folder.path().to_str().unwrap().to_owned();
    let args = ["files", "--http", "127.0.0.1:0", "--folder", &path];
    let mut files = part(broker, &args);
    let url = files.word_after("files on ").await;
    (files, url)
}

/// A master whose files are all uploaded.
async fn master(broker: &Broker, client: &Client, args: &[&str]) -> Program {
    let mut master = part(broker, &[&["master"], args].concat());
    master.says("Ctrl-C").await;
    uploaded(client).await;
    master
}

async fn uploaded(client: &Client) {
    until(client, "all files uploaded", |report| {
        tasks_of(report).iter().all(|task| task["uploaded"] == true)
    })
    .await;
}

/// What a service answers, or the code of its error. Asked again where nobody answers: it may be that
/// a server is just coming back.
async fn ask(client: &Client, subject: &str, body: &Value) -> Result<Value, u16> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let asking = async {
        loop {
            let request = async_nats::Request::new()
                .payload(body.clone().into())
                .timeout(Some(Duration::from_secs(2)));
            match client.send_request(subject.to_owned(), request).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    let answer = answer.unwrap_or_else(|_| panic!("nobody answers on {subject}"));
    let code = answer
        .headers
        .as_ref()
        .and_then(|headers| headers.get("Nats-Service-Error-Code"));
    match code {
        Some(code) => Err(code.as_str().parse().unwrap()),
        None if answer.payload.is_empty() => Ok(Value::Null),
        None => Ok(serde_json::from_slice(&answer.payload).unwrap()),
    }
}

async fn report(client: &Client) -> Value {
    ask(client, "Work.Report", &Value::Null).await.unwrap()
}

fn tasks_of(report: &Value) -> &[Value] {
    report["tasks"].as_array().unwrap()
}

/// Looks at the report until it is so, and gives that.
async fn until(client: &Client, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        loop {
            let report = report(client).await;
            if so(&report) {
                return report;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looking).await;
    let Ok(report) = seen else {
        panic!("never came: {what}; {}", report(client).await);
    };
    report
}

/// Waits until all tasks are finished, and has looked at each result.
async fn all_finished(client: &Client, url: &str) -> Value {
    let report = until(client, "20 finished", |report| report["finished"] == 20).await;
    let mut results: Vec<_> = tasks_of(&report)
        .iter()
        .map(|task| task["finished_uuid"].as_str().unwrap())
        .collect();
    for result in &results {
        let file = http::get(url, &format!("/{result}")).await;
        assert_eq!((file.status, file.body.as_str()), (200, RESULT));
    }
    results.sort_unstable();
    results.dedup();
    assert_eq!(results.len(), 20, "each result is one task's");
    report
}

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("micro-workers-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
