//! What a client that knows nothing of this framework sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, RequestErrorKind};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Long enough for a loaded machine: reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One request and its one reply.
pub(crate) async fn request(client: &Client, subject: &str, body: &str) -> Message {
    try_request(client, subject, body).await.unwrap()
}

pub(crate) async fn try_request(
    client: &Client,
    subject: &str,
    body: &str,
) -> Result<Message, RequestErrorKind> {
    let request = async_nats::Request::new()
        .payload(body.to_owned().into())
        .timeout(Some(PATIENCE));
    client
        .send_request(subject.to_owned(), request)
        .await
        .map_err(|error| error.kind())
}

/// Waits until the server has read what `client` sent before.
pub(crate) async fn round_trip(client: &Client) {
    let nobody = client.new_inbox();
    let answer = try_request(client, &nobody, "").await;
    assert_eq!(answer.unwrap_err(), RequestErrorKind::NoResponders);
}

/// Sends what a client of async-nats 0.51 fails at: a carriage return inside the value of a header.
pub(crate) async fn poison(url: &str, subject: &str) {
    let headers = "NATS/1.0\r\nX: a\rb\r\n\r\n";
    let hello = "CONNECT {\"verbose\":false,\"headers\":true}\r\n";
    let size = headers.len();
    let sent = format!("{hello}HPUB {subject} {size} {size}\r\n{headers}\r\nPING\r\n");
    let address = url.trim_start_matches("nats://");
    let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
    socket.write_all(sent.as_bytes()).await.unwrap();
    let mut line = String::new();
    while line != "PONG\r\n" {
        line.clear();
        soon(socket.read_line(&mut line)).await.unwrap();
    }
}

/// The body of a reply, as text.
pub(crate) fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

/// The code and the text of a service error.
pub(crate) fn error_of(message: &Message) -> Option<(u16, String)> {
    let headers = message.headers.as_ref()?;
    let code = headers.get("Nats-Service-Error-Code")?.as_str();
    let text = headers.get("Nats-Service-Error")?.as_str();
    Some((code.parse().unwrap(), text.to_owned()))
}

/// Every reply to one request, in no order: those that come before a reply to a message that we
/// send to ourselves behind it, `expected` at least.
pub(crate) async fn gather(client: &Client, subject: &str, expected: usize) -> Vec<Message> {
    gather_with(client, subject, None, "", expected).await
}

/// The same for a request with headers and a body.
pub(crate) async fn gather_with(
    client: &Client,
    subject: &str,
    headers: Option<HeaderMap>,
    body: &'static str,
    expected: usize,
) -> Vec<Message> {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    let (to, reply) = (subject.to_owned(), inbox.clone());
    match headers {
        None => client.publish_with_reply(to, reply, body.into()).await,
        Some(headers) => {
            let send = client.publish_with_reply_and_headers(to, reply, headers, body.into());
            send.await
        }
    }
    .unwrap();
    let mut all = Vec::new();
    while all.len() < expected {
        let reply = tokio::time::timeout(PATIENCE, replies.next())
            .await
            .unwrap_or_else(|_| panic!("{} of {expected} replies on {subject}", all.len()))
            .unwrap();
        all.push(reply);
    }
    // Whoever else would answer has had the request as long as these.
    client.publish(inbox, "end".into()).await.unwrap();
    while let Some(reply) = tokio::time::timeout(PATIENCE, replies.next())
        .await
        .unwrap()
    {
        if reply.payload == "end" {
            break;
        }
        all.push(reply);
    }
    all
}

/// What comes soon, or the test has failed.
pub(crate) async fn soon<F: IntoFuture>(future: F) -> F::Output {
    let soon = tokio::time::timeout(PATIENCE, future).await;
    soon.expect("it never came")
}

/// Looks again and again until what is looked at is so: for what no message tells.
pub(crate) async fn until(what: &str, mut looks: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !looks().await {
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looking).await;
    assert!(seen.is_ok(), "never came: {what}");
}

/// Asks until there is an answer: a request on its way into the client that fails is lost with it.
#[allow(dead_code, reason = "for one of those that have this")]
pub(crate) async fn until_answered(client: &Client, subject: &str, body: &'static str) {
    until("an answer", async || {
        let request = async_nats::Request::new()
            .payload(body.into())
            .timeout(Some(Duration::from_millis(500)));
        let answer = client.send_request(subject.to_owned(), request).await;
        answer.is_ok_and(|answer| answer.payload == body)
    })
    .await;
}

pub(crate) fn json(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

/// STATS of one instance.
pub(crate) async fn stats(client: &Client, name: &str, id: &str) -> Value {
    json(&request(client, &format!("$SRV.STATS.{name}.{id}"), "").await)
}

/// What INFO or STATS says of subscribers; `null` where it says nothing.
#[allow(dead_code, reason = "not every test has subscribers")]
pub(crate) fn subscribers(document: &Value) -> Value {
    let text = document["metadata"]["micro.subscribers"].as_str();
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

/// Callers that send one request after the other, until told to end: how many were sent, and how
/// many had no answer. Each goes at its own pace, so that requests are under way at any moment.
pub(crate) fn load(
    client: &Client,
    subject: &'static str,
    end: &Arc<AtomicBool>,
) -> JoinSet<(usize, usize)> {
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (client, end) = (client.clone(), Arc::clone(end));
        callers.spawn(async move {
            let (mut sent, mut lost) = (0, 0);
            while !end.load(Ordering::Relaxed) {
                let reply = try_request(&client, subject, "").await;
                sent += 1;
                lost += usize::from(reply.is_err());
            }
            (sent, lost)
        });
    }
    callers
}

/// What a load came to: requests sent, and requests without an answer.
pub(crate) async fn all_of(load: JoinSet<(usize, usize)>) -> (usize, usize) {
    let callers = load.join_all().await;
    callers.iter().fold((0, 0), |(sent, lost), caller| {
        (sent + caller.0, lost + caller.1)
    })
}
