//! README.md's service as it is written on async-nats alone: what `.ci/binary-size` compares with.

use std::time::Duration;

use async_nats::client::traits::Publisher as _;
use async_nats::message::OutboundMessage;
use async_nats::{Client, HeaderMap, Message};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Person {
    name: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "data")]
enum GreetError {
    NoName,
    TooLong { limit: usize },
}

impl std::fmt::Display for GreetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoName => f.write_str("a person needs a name"),
            Self::TooLong { limit } => write!(f, "a name has at most {limit} letters"),
        }
    }
}

fn hello(person: &Person) -> Result<String, GreetError> {
    match person.name.as_str() {
        "" => Err(GreetError::NoName),
        name if name.chars().count() > 10 => Err(GreetError::TooLong { limit: 10 }),
        name => Ok(format!("Hello {name}")),
    }
}

fn failure(code: u16, text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Service-Error-Code", code.to_string());
    headers.insert("Nats-Service-Error", text);
    headers
}

async fn answer(client: &Client, request: Message, headers: Option<HeaderMap>, payload: Bytes) {
    let Some(subject) = request.reply else { return };
    let message = OutboundMessage {
        subject,
        reply: None,
        headers,
        payload,
    };
    if let Err(error) = client.publish_message(message).await {
        eprintln!("{error}");
    }
}

async fn serve_hello(client: &Client, request: Message) {
    let (headers, body) = match serde_json::from_slice(&request.payload) {
        Err(error) => (Some(failure(400, &error.to_string())), Vec::new()),
        Ok(person) => match hello(&person) {
            Ok(text) => (None, serde_json::to_vec(&text).unwrap_or_default()),
            Err(error) => (
                Some(failure(422, &error.to_string())),
                serde_json::to_vec(&error).unwrap_or_default(),
            ),
        },
    };
    answer(client, request, headers, body.into()).await;
}

async fn serve_bye(client: &Client, request: Message) {
    let name = request.subject.rsplit('.').next().unwrap_or_default();
    let text = async { format!("Bye {name}, from greeter") };
    let (headers, body) = match tokio::time::timeout(Duration::from_secs(2), text).await {
        Ok(text) => (None, serde_json::to_vec(&text).unwrap_or_default()),
        Err(_) => (Some(failure(504, "too late")), Vec::new()),
    };
    answer(client, request, headers, body.into()).await;
}

#[tokio::main]
async fn main() -> Result<(), async_nats::Error> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let client = async_nats::connect(url).await?;
    let mut hellos = client.queue_subscribe("greeter.hello", "q".into()).await?;
    let mut byes = client.queue_subscribe("greeter.bye.*", "q".into()).await?;
    loop {
        tokio::select! {
            Some(request) = hellos.next() => serve_hello(&client, request).await,
            Some(request) = byes.next() => serve_bye(&client, request).await,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    client.drain().await?;
    Ok(())
}
