//! Asking for documents, each checked against its schema, and handlers that many tests use.

use async_nats::Client;
use micro::{Bytes, Error, Request, RunningService, ServiceBuilder, StopReport};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::{raw, schema};

/// One answer to a verb, whatever the subject it was asked on.
pub(crate) async fn ask(client: &Client, subject: &str) -> Value {
    let reply = raw::request(client, subject, "").await;
    checked(subject, &reply)
}

/// Every answer to a verb, `expected` at least.
pub(crate) async fn ask_all(client: &Client, subject: &str, expected: usize) -> Vec<Value> {
    let replies = raw::gather(client, subject, expected).await;
    replies
        .iter()
        .map(|reply| checked(subject, reply))
        .collect()
}

/// A document as it may be: plain, one JSON object, by its schema.
pub(crate) fn checked(subject: &str, reply: &async_nats::Message) -> Value {
    assert!(reply.headers.is_none(), "{subject}: {:?}", reply.headers);
    assert!(reply.status.is_none(), "{subject}: {:?}", reply.status);
    let document = raw::json(reply);
    let verb = subject.split('.').nth(1).unwrap();
    if let Some(fault) = schema::fault(verb, &document) {
        panic!("{subject} answered {document:#}\n{fault}");
    }
    document
}

pub(crate) async fn ping(client: &Client, service: &RunningService) -> Value {
    ask(client, &by_id("PING", service)).await
}

pub(crate) async fn info(client: &Client, service: &RunningService) -> Value {
    ask(client, &by_id("INFO", service)).await
}

pub(crate) async fn stats(client: &Client, service: &RunningService) -> Value {
    ask(client, &by_id("STATS", service)).await
}

/// The counters of one endpoint, by its place.
pub(crate) async fn counters(client: &Client, service: &RunningService, place: usize) -> Value {
    stats(client, service).await["endpoints"][place].clone()
}

pub(crate) fn by_id(verb: &str, service: &RunningService) -> String {
    format!("$SRV.{verb}.{}.{}", service.name(), service.id())
}

/// Requests and errors, as STATS has them.
pub(crate) fn counts(endpoint: &Value) -> (u64, u64) {
    let count = |key: &str| endpoint[key].as_u64().unwrap();
    (count("num_requests"), count("num_errors"))
}

/// One member of each endpoint, in order.
pub(crate) fn each<'a>(document: &'a Value, key: &str) -> Vec<&'a str> {
    let endpoints = document["endpoints"].as_array().unwrap();
    let text = |endpoint: &'a Value| endpoint[key].as_str().unwrap();
    endpoints.iter().map(text).collect()
}

pub(crate) async fn echo(request: Request) -> Bytes {
    request.payload().clone()
}

pub(crate) async fn fail(_: Request) -> Result<(), Error> {
    Err(Error::new(400, "always"))
}

/// A service with an endpoint that answers and one that fails.
pub(crate) fn plain(name: &str) -> ServiceBuilder {
    ServiceBuilder::new(name, "1.2.3")
        .endpoint("echo", echo)
        .endpoint("fail", fail)
}

pub(crate) async fn start(broker: &Broker, name: &str) -> RunningService {
    plain(name).start(&broker.client().await).await.unwrap()
}

/// What STATS says of an endpoint that has done nothing.
pub(crate) fn fresh(name: &str, subject: &str, queue_group: &str) -> Value {
    json!({
        "name": name,
        "subject": subject,
        "queue_group": queue_group,
        "num_requests": 0,
        "num_errors": 0,
        "last_error": "",
        "processing_time": 0,
        "average_processing_time": 0,
    })
}

/// What comes soon, or never: a test that waits for ever tells nobody what is missing.
pub(crate) async fn soon<F: Future>(coming: F) -> F::Output {
    let came = tokio::time::timeout(raw::PATIENCE, coming).await;
    came.expect("it never came")
}

/// A stop, which comes to its end whatever happens.
pub(crate) async fn stop(service: &RunningService) -> StopReport {
    soon(service.stop()).await
}

/// Whether nobody listens there.
pub(crate) async fn is_silent(client: &Client, subject: &str) -> bool {
    let reply = raw::try_request(client, subject, "").await;
    matches!(reply, Err(async_nats::RequestErrorKind::NoResponders))
}
