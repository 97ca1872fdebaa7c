//! Which reply reaches which call, and which reaches none.

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt as _;
use micro::{Bytes, Call, CallError, Caller, Connection, Error};

use crate::broker::Broker;
use crate::raw;

const HASTE: std::time::Duration = std::time::Duration::from_millis(1);

fn call<'a>(caller: &'a Caller, body: &str) -> Call<'a, Bytes, Error> {
    caller.call("asked", Bytes::copy_from_slice(body.as_bytes()))
}

/// Somebody who is asked, and answers when and where it is told to.
struct Asked {
    client: Client,
    requests: Subscriber,
}

impl Asked {
    async fn new(broker: &Broker) -> Self {
        let client = broker.client().await;
        let requests = client.subscribe("asked").await.unwrap();
        raw::round_trip(&client).await;
        Self { client, requests }
    }

    async fn next(&mut self) -> Message {
        raw::soon(self.requests.next()).await.unwrap()
    }

    async fn answer(&self, reply_to: &str, body: &str) {
        let body = body.to_owned().into();
        let sent = self.client.publish(reply_to.to_owned(), body).await;
        sent.unwrap();
    }
}

#[tokio::test]
async fn a_reply_that_comes_too_late_reaches_no_other_call() {
    let broker = Broker::start().await;
    let mut asked = Asked::new(&broker).await;
    let caller = Caller::new(Connection::connect(broker.url()).await.unwrap());
    for turn in 0..20 {
        let late = call(&caller, "late").timeout(HASTE).await;
        assert!(matches!(late, Err(CallError::Timeout { .. })), "{late:?}");
        let late = asked.next().await;
        let next = async {
            let right = asked.next().await;
            asked.answer(&late.reply.unwrap(), "too late").await;
            asked.answer(&right.reply.unwrap(), "right").await;
        };
        let (answer, ()) = tokio::join!(call(&caller, "next").into_future(), next);
        assert_eq!(answer.unwrap(), "right", "turn {turn}");
    }
}

#[tokio::test]
async fn replies_of_strangers_reach_no_call() {
    let broker = Broker::start().await;
    let mut asked = Asked::new(&broker).await;
    let caller = Caller::new(Connection::connect(broker.url()).await.unwrap());
    // Whoever has answered a call knows a subject, and what comes before and behind it.
    let (first, seen) = tokio::join!(call(&caller, "first").into_future(), async {
        let first = asked.next().await.reply.unwrap();
        asked.answer(&first, "first").await;
        first
    });
    assert_eq!(first.unwrap(), "first");
    let (prefix, ticket) = seen.rsplit_once('.').unwrap();
    let (answer, ()) = tokio::join!(call(&caller, "second").into_future(), async {
        let right = asked.next().await.reply.unwrap();
        asked.answer(&seen, "of the first").await;
        for odd in ["", "x", "+", "-1", "\u{e9}\u{e9}", "00000000000000000"] {
            if !odd.is_empty() {
                asked.answer(&format!("{prefix}.{odd}"), odd).await;
            }
            asked.answer(&format!("{seen}{odd}0"), odd).await;
        }
        let number = u64::from_str_radix(ticket, 16).unwrap();
        for near in (0..100)
            .chain((1..100).flat_map(|by| [number.wrapping_add(by), number.wrapping_sub(by)]))
        {
            for guess in [
                format!("{near}"),
                format!("{near:x}"),
                format!("{near:016x}"),
            ] {
                asked.answer(&format!("{prefix}.{guess}"), "a guess").await;
            }
        }
        asked.answer(&right, "right").await;
    });
    assert_eq!(answer.unwrap(), "right");
}

#[tokio::test]
async fn of_several_replies_to_a_call_the_first_counts() {
    let broker = Broker::start().await;
    let mut asked = Asked::new(&broker).await;
    let caller = Caller::new(Connection::connect(broker.url()).await.unwrap());
    for turn in 0..20 {
        let expected = format!("first of {turn}");
        let (answer, ()) = tokio::join!(call(&caller, "").into_future(), async {
            let reply_to = asked.next().await.reply.unwrap();
            asked.answer(&reply_to, &expected).await;
            asked.answer(&reply_to, "second").await;
        });
        assert_eq!(answer.unwrap(), expected);
    }
}

#[tokio::test]
async fn replies_come_when_the_runtime_of_the_first_call_is_gone() {
    let broker = Broker::start().await;
    let mut asked = Asked::new(&broker).await;
    let caller = Caller::new(Connection::connect(broker.url()).await.unwrap());
    let elsewhere = tokio::task::spawn_blocking({
        let caller = caller.clone();
        move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(call(&caller, "").into_future())
        }
    });
    let first = asked.next().await.reply.unwrap();
    asked.answer(&first, "first").await;
    assert_eq!(elsewhere.await.unwrap().unwrap(), "first");
    let (second, ()) = tokio::join!(call(&caller, "").into_future(), async {
        let second = asked.next().await.reply.unwrap();
        asked.answer(&second, "second").await;
    });
    assert_eq!(second.unwrap(), "second");
}
