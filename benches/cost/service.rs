//! The services in Rust: ours, and what people write on async-nats. All have the same endpoints,
//! under their own name: `echo`, `add`, `wait`, `compute` and `cheap`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::traits::Publisher as _;
use async_nats::message::OutboundMessage;
use async_nats::service::ServiceExt as _;
use async_nats::{Client, Message};
use futures_util::StreamExt as _;
use micro::prelude::*;
use micro::{AppArgs, ConnectOptions, Request};
use serde::{Deserialize, Serialize};

use crate::peers::{How, Peer};

/// What a service prints once it serves.
pub(crate) const READY: &str = "ready";

const QUEUE_GROUP: &str = "q";
/// How long a handler of `wait` does.
const WAIT: Duration = Duration::from_millis(10);

/// Two numbers.
#[derive(Serialize, Deserialize)]
pub(crate) struct Operands {
    pub(crate) a: f64,
    pub(crate) b: f64,
}

/// Serves until the standard input ends.
pub(crate) fn run(peer: Peer, url: &str, how: How) {
    let mut runtime = if how.one_core {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    runtime.enable_all().build().unwrap().block_on(async {
        match peer {
            Peer::Ours => ours(url, how).await,
            Peer::Raw => raw(url, peer, false).await,
            Peer::RawTask => raw(url, peer, true).await,
            Peer::Service => service(url, peer, false).await,
            Peer::ServiceTask => service(url, peer, true).await,
            other => unreachable!("{other:?} is no service of this program"),
        }
    });
}

/// Computes for a time that depends on the number only: the same code, whoever calls it.
#[inline(never)]
pub(crate) fn compute(turns: u64) -> u64 {
    let mut state = black_box(turns) | 1;
    for _ in 0..turns {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    // Of the result, only that there must be one.
    black_box(state).min(1) * turns
}

pub(crate) struct Ours;

#[service(name = "ours", version = "1.0.0", group = "ours")]
impl Ours {
    #[endpoint]
    async fn add(&self, operands: Operands) -> f64 {
        operands.a + operands.b
    }

    #[endpoint]
    async fn compute(&self, turns: u64) -> u64 {
        compute(turns)
    }

    #[endpoint]
    async fn cheap(&self, number: u64) -> u64 {
        number
    }
}

async fn ours(url: &str, how: How) {
    let service = ServiceBuilder::of(Ours)
        .endpoint("echo", async |request: Request| request.payload().clone())
        .endpoint_with(
            "wait",
            async |request: Request| {
                tokio::time::sleep(WAIT).await;
                request.payload().clone()
            },
            |endpoint| endpoint.concurrency(1024),
        );
    let mut options = ConnectOptions::new().urls(url);
    if let Some(number) = how.connections {
        options = options.connections(number);
    }
    App::with_args(AppArgs::default())
        .connect_options(options)
        .builder(service)
        .on_start(|_| {
            println!("{READY}");
            async { Ok(()) }
        })
        .run()
        .await
        .unwrap();
}

/// What the others do, from a body to a body, with serde by hand.
mod handlers {
    use super::{Bytes, Operands, WAIT};

    pub(super) async fn echo(payload: Bytes) -> Bytes {
        payload
    }

    pub(super) async fn add(payload: Bytes) -> Bytes {
        let operands: Operands = serde_json::from_slice(&payload).unwrap();
        json(operands.a + operands.b)
    }

    pub(super) async fn wait(payload: Bytes) -> Bytes {
        tokio::time::sleep(WAIT).await;
        payload
    }

    pub(super) async fn compute(payload: Bytes) -> Bytes {
        json(super::compute(serde_json::from_slice(&payload).unwrap()))
    }

    pub(super) async fn cheap(payload: Bytes) -> Bytes {
        let number: u64 = serde_json::from_slice(&payload).unwrap();
        json(number)
    }

    fn json(value: impl serde::Serialize) -> Bytes {
        serde_json::to_vec(&value).unwrap().into()
    }
}

/// The raw client: a subscription for each endpoint, answered in its loop or by a task each.
async fn raw(url: &str, peer: Peer, tasks: bool) {
    let client = async_nats::connect(url).await.unwrap();
    let raw = Raw {
        client,
        peer,
        tasks,
    };
    raw.endpoint("echo", handlers::echo).await;
    raw.endpoint("add", handlers::add).await;
    raw.endpoint("wait", handlers::wait).await;
    raw.endpoint("compute", handlers::compute).await;
    raw.endpoint("cheap", handlers::cheap).await;
    serve_forever(&raw.client, peer).await;
}

struct Raw {
    client: Client,
    peer: Peer,
    tasks: bool,
}

impl Raw {
    async fn endpoint<F, A>(&self, name: &str, handler: F)
    where
        F: Fn(Bytes) -> A + Copy + Send + Sync + 'static,
        A: Future<Output = Bytes> + Send,
    {
        let subject = format!("{}.{name}", self.peer);
        let requests = self.client.queue_subscribe(subject, QUEUE_GROUP.into());
        let mut requests = requests.await.unwrap();
        let client = self.client.clone();
        if self.tasks {
            // A clone of the client allocates, one of this does not.
            let client = Arc::new(client);
            tokio::spawn(async move {
                while let Some(request) = requests.next().await {
                    let client = Arc::clone(&client);
                    tokio::spawn(async move { answer(&client, request, handler).await });
                }
            });
        } else {
            tokio::spawn(async move {
                while let Some(request) = requests.next().await {
                    answer(&client, request, handler).await;
                }
            });
        }
    }
}

async fn answer<A: Future<Output = Bytes>>(
    client: &Client,
    request: Message,
    handler: impl Fn(Bytes) -> A,
) {
    let Some(subject) = request.reply else {
        return;
    };
    let reply = OutboundMessage {
        subject,
        reply: None,
        payload: handler(request.payload).await,
        headers: None,
    };
    client.publish_message(reply).await.unwrap();
}

/// `async_nats::service`, answered in its loop or by a task each.
async fn service(url: &str, peer: Peer, tasks: bool) {
    let client = async_nats::connect(url).await.unwrap();
    let builder = client.service_builder();
    let service = builder.start(peer, "1.0.0").await.unwrap();
    let plain = Plain {
        group: service.group(peer),
        tasks,
    };
    plain.endpoint("echo", handlers::echo).await;
    plain.endpoint("add", handlers::add).await;
    plain.endpoint("wait", handlers::wait).await;
    plain.endpoint("compute", handlers::compute).await;
    plain.endpoint("cheap", handlers::cheap).await;
    serve_forever(&client, peer).await;
}

struct Plain {
    group: async_nats::service::Group,
    tasks: bool,
}

impl Plain {
    async fn endpoint<F, A>(&self, name: &str, handler: F)
    where
        F: Fn(Bytes) -> A + Copy + Send + Sync + 'static,
        A: Future<Output = Bytes> + Send,
    {
        let mut requests = self.group.endpoint(name).await.unwrap();
        let tasks = self.tasks;
        tokio::spawn(async move {
            while let Some(mut request) = requests.next().await {
                let payload = std::mem::take(&mut request.message.payload);
                let answering = async move {
                    let reply = handler(payload).await;
                    request.respond(Ok(reply)).await.unwrap();
                };
                if tasks {
                    tokio::spawn(answering);
                } else {
                    answering.await;
                }
            }
        });
    }
}

/// Says that it serves once the server has read all subscriptions, which it has when it answers.
async fn serve_forever(client: &Client, peer: Peer) {
    let subject = format!("{peer}.cheap");
    client.request(subject, "0".into()).await.unwrap();
    println!("{READY}");
    std::future::pending::<()>().await;
}
