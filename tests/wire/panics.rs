//! What is the user's may panic wherever it is called: the caller has an answer, it is counted, and
//! everything else goes on. Panics of observers are in `observers`, those at the end in `lifecycle`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message};
use micro::prelude::*;
use micro::{Error, Handler, HandlerFuture, IntoReply, Reply, Request, RunningService};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::broker::Broker;
use crate::raw;

/// A value that panics where its number says.
#[derive(Debug)]
struct Mine(u8);

const AS_IT_IS_READ: u8 = 1;
const AS_IT_IS_WRITTEN: u8 = 2;
const AS_IT_IS_DROPPED: u8 = 3;

impl<'de> Deserialize<'de> for Mine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        assert_ne!(number, AS_IT_IS_READ, "as it is read");
        Ok(Self(number))
    }
}

impl Serialize for Mine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.0, AS_IT_IS_WRITTEN, "as it is written");
        self.0.serialize(serializer)
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        assert!(
            self.0 != AS_IT_IS_DROPPED || std::thread::panicking(),
            "as it is dropped"
        );
    }
}

/// A token and a header that panic as they are read.
struct Token;

impl FromStr for Token {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        assert_ne!(text, "panic", "as it is parsed");
        text.parse::<u8>().map(|_| Self)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("token")
    }
}

struct Extracted;

impl FromRequest for Extracted {
    async fn from_request(request: &Request) -> Result<Self, Error> {
        tokio::task::yield_now().await;
        assert_eq!(
            request.context().header("X-Panic"),
            None,
            "as it is extracted"
        );
        Ok(Self)
    }
}

#[derive(Debug, ServiceError)]
#[service_error(code = 409)]
enum Failure {
    Unspeakable,
}

impl fmt::Display for Failure {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("as it is said")
    }
}

struct Panics;

#[service(name = "panics", version = "1.0.0", concurrency = 2)]
impl Panics {
    #[endpoint(subject = "value")]
    async fn value(&self, value: Mine) -> Mine {
        value
    }

    #[endpoint(subject = "consumed")]
    async fn consumed(&self, value: Mine) -> u8 {
        tokio::task::yield_now().await;
        value.0
    }

    #[endpoint(subject = "token.{token}")]
    async fn token(&self, token: Token) -> String {
        token.to_string()
    }

    #[endpoint(subject = "header")]
    async fn header(&self, #[header("X-Token")] token: Option<Token>) -> bool {
        token.is_some()
    }

    #[endpoint(subject = "extract")]
    async fn extract(&self, #[extract] _it: Extracted) -> bool {
        true
    }

    #[endpoint(subject = "failure")]
    async fn failure(&self, fail: bool) -> Result<(), Failure> {
        if fail {
            Err(Failure::Unspeakable)
        } else {
            Ok(())
        }
    }

    #[endpoint(subject = "before")]
    async fn before(&self, panic: bool) -> bool {
        assert!(!panic, "before the first await");
        tokio::task::yield_now().await;
        panic
    }

    #[endpoint(subject = "after")]
    async fn after(&self, panic: bool) -> bool {
        tokio::task::yield_now().await;
        assert!(!panic, "after an await");
        panic
    }

    #[endpoint(subject = "joined")]
    async fn joined(&self, panic: bool) -> Result<bool, Error> {
        Ok(tokio::spawn(async move {
            assert!(!panic, "in a task that is waited for");
            panic
        })
        .await?)
    }

    #[endpoint(subject = "left")]
    async fn left(&self, panic: bool) -> bool {
        let alone = tokio::spawn(async move { assert!(!panic, "in a task of its own") });
        // It has come to its end when this answers.
        while !alone.is_finished() {
            tokio::task::yield_now().await;
        }
        panic
    }
}

struct Answer(bool);

impl IntoReply for Answer {
    fn into_reply(self) -> Reply {
        assert!(!self.0, "as it becomes a reply");
        Reply::bytes("fine")
    }
}

/// A handler of its own kind, whose future panics as it is dropped.
struct Own;

struct OwnFuture(bool);

impl Future for OwnFuture {
    type Output = Reply;

    fn poll(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Reply> {
        std::task::Poll::Ready(Reply::bytes("fine"))
    }
}

impl Drop for OwnFuture {
    fn drop(&mut self) {
        assert!(
            !self.0 || std::thread::panicking(),
            "a future as it is dropped"
        );
    }
}

impl Handler for Own {
    fn call(&self, request: Request) -> HandlerFuture {
        assert_ne!(request.payload(), "call", "as it is called");
        Box::pin(OwnFuture(request.payload() == "true"))
    }
}

async fn start(broker: &Broker) -> RunningService {
    ServiceBuilder::of(Panics)
        .endpoint("answer", async |request: Request| {
            Answer(request.payload() == "true")
        })
        .endpoint("own", Own)
        .start(&broker.client().await)
        .await
        .unwrap()
}

async fn request(
    client: &Client,
    subject: &str,
    header: Option<(&str, &str)>,
    body: &str,
) -> Message {
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header {
        headers.insert(name, value);
    }
    let sent = client.request_with_headers(subject.to_owned(), headers, body.to_owned().into());
    raw::soon(sent).await.unwrap()
}

async fn errors(client: &Client, service: &RunningService, name: &str) -> (u64, u64) {
    let stats = raw::stats(client, "panics", service.id()).await;
    let all = stats["endpoints"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(one["last_error"], "500:internal error", "{name}");
    (
        one["num_requests"].as_u64().unwrap(),
        one["num_errors"].as_u64().unwrap(),
    )
}

#[tokio::test]
async fn a_panic_wherever_it_is_answers_500_is_counted_and_frees_its_place() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let (read, written, dropped) = (
        AS_IT_IS_READ.to_string(),
        AS_IT_IS_WRITTEN.to_string(),
        AS_IT_IS_DROPPED.to_string(),
    );
    let panicking = Some(("X-Token", "panic"));
    let good = Some(("X-Token", "7"));
    for (name, subject, header, body, served) in [
        ("value", "value", None, read.as_str(), ("value", None, "7")),
        ("value", "value", None, &written, ("value", None, "7")),
        ("value", "value", None, &dropped, ("value", None, "7")),
        (
            "consumed",
            "consumed",
            None,
            &dropped,
            ("consumed", None, "7"),
        ),
        ("token", "token.panic", None, "", ("token.7", None, "")),
        ("header", "header", panicking, "", ("header", good, "")),
        (
            "extract",
            "extract",
            Some(("X-Panic", "yes")),
            "",
            ("extract", None, ""),
        ),
        (
            "failure",
            "failure",
            None,
            "true",
            ("failure", None, "false"),
        ),
        ("before", "before", None, "true", ("before", None, "false")),
        ("after", "after", None, "true", ("after", None, "false")),
        ("joined", "joined", None, "true", ("joined", None, "false")),
        ("answer", "answer", None, "true", ("answer", None, "false")),
        ("own", "own", None, "true", ("own", None, "false")),
        ("own", "own", None, "call", ("own", None, "false")),
    ] {
        let before = match service
            .stats()
            .endpoints
            .iter()
            .find(|one| one.name == name)
        {
            Some(one) => (one.num_requests, one.num_errors),
            None => panic!("no endpoint {name}"),
        };
        // More of them than may run at once.
        for _ in 0..3 {
            let reply = request(&client, subject, header, body).await;
            let said = raw::error_of(&reply);
            assert_eq!(
                said,
                Some((500, "internal error".into())),
                "{subject} {body}"
            );
            assert_eq!(raw::text(&reply), "");
        }
        let (requests, failed) = errors(&client, &service, name).await;
        assert_eq!((requests, failed), (before.0 + 3, before.1 + 3), "{name}");
        let (subject, header, body) = served;
        let reply = request(&client, subject, header, body).await;
        assert_eq!(raw::error_of(&reply), None, "{subject}");
    }
    // What nobody waits for concerns nobody.
    let reply = request(&client, "left", None, "true").await;
    assert_eq!(raw::text(&reply), "true");
    assert!(service.stop().await.abandoned.is_empty());
}

/// Tells when it is dropped.
struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_handler_past_its_timeout_is_dropped_and_answered_504() {
    let broker = Broker::start().await;
    let dropped = Arc::new(AtomicUsize::new(0));
    let finished = Arc::new(AtomicBool::new(false));
    let (held, end) = (Arc::clone(&dropped), Arc::clone(&finished));
    let service = ServiceBuilder::new("panics", "1.0.0")
        .endpoint_with(
            "slow",
            move |_: Request| {
                let (held, end) = (Held(Arc::clone(&held)), Arc::clone(&end));
                async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                    end.store(true, Ordering::Relaxed);
                }
            },
            |endpoint| endpoint.timeout(Duration::from_millis(10)).concurrency(1),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for round in 1..=3 {
        let reply = raw::request(&client, "slow", "").await;
        let text = "endpoint `slow` did not answer within 10ms";
        assert_eq!(raw::error_of(&reply), Some((504, text.into())));
        // It was gone before its caller had the answer.
        assert_eq!(dropped.load(Ordering::Relaxed), round);
    }
    // Without a caller too.
    client.publish("slow", "".into()).await.unwrap();
    raw::request(&client, "slow", "").await;
    assert_eq!(dropped.load(Ordering::Relaxed), 5);
    assert!(!finished.load(Ordering::Relaxed));
    let stats = raw::stats(&client, "panics", service.id()).await;
    assert_eq!(stats["endpoints"][0]["num_requests"], 5);
    assert_eq!(stats["endpoints"][0]["num_errors"], 5);
}

#[tokio::test]
async fn a_panic_without_a_caller_is_counted_and_hurts_nobody() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    for _ in 0..5 {
        client.publish("before", "true".into()).await.unwrap();
        client.publish("after", "true".into()).await.unwrap();
    }
    for name in ["before", "after"] {
        let reply = raw::request(&client, name, "false").await;
        assert_eq!(raw::text(&reply), "false");
        let all = async || errors(&client, &service, name).await == (6, 5);
        raw::until("all of them counted", all).await;
    }
}
