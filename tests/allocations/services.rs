//! The same service by hand and on the framework.

use async_nats::client::traits::Publisher as _;
use async_nats::message::OutboundMessage;
use async_nats::{Client, Message};
use futures_util::StreamExt as _;
use micro::prelude::*;
use micro::{Connection, Request, RunningService, ServiceBuilder};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Operands {
    a: f64,
    b: f64,
}

struct Numbers;

#[service(name = "numbers", version = "1.0.0")]
impl Numbers {
    #[endpoint]
    async fn add(&self, operands: Operands) -> f64 {
        operands.a + operands.b
    }

    #[endpoint(timeout = "2s")]
    async fn add_within(&self, operands: Operands) -> f64 {
        operands.a + operands.b
    }
}

/// Starts both, each on a connection of its own.
pub(crate) async fn start(url: &str) -> RunningService {
    let client = async_nats::connect(url).await.unwrap();
    by_hand(&client, "raw.echo", |request| request.payload.clone()).await;
    by_hand(&client, "raw.add", |request| {
        let Operands { a, b } = serde_json::from_slice(&request.payload).unwrap();
        serde_json::to_vec(&(a + b)).unwrap().into()
    })
    .await;
    client.flush().await.unwrap();

    let connection = Connection::connect(url).await.unwrap();
    ServiceBuilder::of(Numbers)
        .endpoint("echo", async |request: Request| request.payload().clone())
        .start(&connection)
        .await
        .unwrap()
}

async fn by_hand(
    client: &Client,
    subject: &'static str,
    work: impl Fn(&Message) -> Bytes + Send + 'static,
) {
    let mut requests = client.queue_subscribe(subject, "q".into()).await.unwrap();
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let payload = work(&request);
            let message = OutboundMessage {
                subject: request.reply.unwrap(),
                reply: None,
                headers: None,
                payload,
            };
            client.publish_message(message).await.unwrap();
        }
    });
}
