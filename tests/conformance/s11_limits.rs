//! Section 11: more requests than there is room for.

use std::sync::{Arc, Condvar, Mutex};

use async_nats::ConnectOptions;
use futures_util::StreamExt as _;
use micro::{Connection, Events, Incident, Request, ServiceBuilder};
use tokio::sync::{Semaphore, mpsc};

use crate::broker::Broker;
use crate::documents::{ask_all, counters, counts, echo, ping, stop};
use crate::raw;

#[tokio::test]
async fn what_is_over_the_limits_is_refused_at_once_and_counted() {
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let service = ServiceBuilder::new("narrow", "1.0.0")
        .endpoint_with(
            "narrow",
            move |_: Request| {
                let held = Arc::clone(&held);
                async move {
                    held.acquire().await.unwrap().forget();
                    "served"
                }
            },
            |endpoint| endpoint.concurrency(3),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    for _ in 0..60 {
        client
            .publish_with_reply("narrow", inbox.clone(), "".into())
            .await
            .unwrap();
    }
    let mut next = async || {
        let reply = tokio::time::timeout(raw::PATIENCE, replies.next()).await;
        reply.unwrap().unwrap()
    };
    // Three run, sixteen times as many wait, and nothing can finish: the rest is refused.
    for _ in 0..60 - 3 - 48 {
        let refused = next().await;
        assert_eq!(raw::error_of(&refused).unwrap().0, 503);
        assert_eq!(raw::text(&refused), "");
    }
    let seen = counters(&client, &service, 0).await;
    assert_eq!(counts(&seen), (9, 9));
    assert!(seen["last_error"].as_str().unwrap().starts_with("503:"));
    gate.add_permits(51);
    for _ in 0..51 {
        assert_eq!(raw::text(&next().await), "served");
    }
    assert_eq!(counts(&counters(&client, &service, 0).await), (60, 9));
}

#[tokio::test]
async fn how_many_may_wait_is_the_endpoints_own() {
    let broker = Broker::start().await;
    for pending in [0, 1, 7] {
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        let service = ServiceBuilder::new("waiting", "1.0.0")
            .endpoint_with(
                "held",
                move |_: Request| {
                    let held = Arc::clone(&held);
                    async move {
                        held.acquire().await.unwrap().forget();
                        "served"
                    }
                },
                |endpoint| endpoint.concurrency(2).pending(pending),
            )
            .start(&broker.client().await)
            .await
            .unwrap();
        let client = broker.client().await;
        let inbox = client.new_inbox();
        let mut replies = client.subscribe(inbox.clone()).await.unwrap();
        for _ in 0..20 {
            client
                .publish_with_reply("held", inbox.clone(), "".into())
                .await
                .unwrap();
        }
        let mut next = async || {
            let reply = tokio::time::timeout(raw::PATIENCE, replies.next()).await;
            reply.unwrap().unwrap()
        };
        let admitted = 2 + pending;
        for _ in admitted..20 {
            assert_eq!(raw::error_of(&next().await).unwrap().0, 503);
        }
        gate.add_permits(admitted);
        for _ in 0..admitted {
            assert_eq!(raw::text(&next().await), "served");
        }
        let refused = u64::try_from(20 - admitted).unwrap();
        assert_eq!(counts(&counters(&client, &service, 0).await), (20, refused));
        stop(&service).await;
    }
}

#[tokio::test]
async fn never_more_handlers_run_than_the_limit() {
    let broker = Broker::start().await;
    let room = Arc::new(Semaphore::new(4));
    let rooms = Arc::clone(&room);
    let _service = ServiceBuilder::new("bounded", "1.0.0")
        .concurrency(4)
        .endpoint("work", move |_: Request| {
            let rooms = Arc::clone(&rooms);
            async move {
                // A fifth would find no room.
                let _room = rooms.try_acquire().map_err(micro::Error::from)?;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                Ok::<_, micro::Error>("done")
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..20 {
        let calls = (0..60).map(|_| raw::request(&client, "work", ""));
        for reply in futures_util::future::join_all(calls).await {
            assert_eq!(raw::text(&reply), "done");
        }
    }
}

/// Closed until it is dropped, by a test that fails too: a blocked thread would keep its runtime.
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Gate {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// A handler that blocks its thread keeps the requests behind it from being read, and the client
/// drops what it has no room for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_consumer_is_told_and_does_not_stop_the_service() {
    let broker = Broker::start().await;
    let events = Events::new();
    let observed = events.clone();
    let dropped = Arc::new(Semaphore::new(0));
    let noticed = Arc::clone(&dropped);
    let client = ConnectOptions::new()
        .subscription_capacity(8)
        .event_callback(move |event| {
            observed.observe(&event);
            if matches!(event, async_nats::Event::SlowConsumer(_)) {
                noticed.add_permits(1);
            }
            async {}
        })
        .connect(broker.url())
        .await
        .unwrap();
    let (told, mut incidents) = mpsc::unbounded_channel();
    let gate = Gate(Arc::default());
    let held = Arc::clone(&gate.0);
    let service = ServiceBuilder::new("slow", "1.0.0")
        .endpoint("block", move |_: Request| {
            let held = Arc::clone(&held);
            async move {
                // As a thread would block, but for what else a thread of the runtime does.
                tokio::task::block_in_place(|| {
                    let open = held.0.lock().unwrap();
                    drop(held.1.wait_while(open, |open| !*open).unwrap());
                });
                "done"
            }
        })
        .endpoint("echo", echo)
        .on_error(move |_, incident| {
            let _ = told.send(incident.clone());
        })
        .start(Connection::with_events(client, events))
        .await
        .unwrap();
    let caller = broker.client().await;
    let inbox = caller.new_inbox();
    let mut replies = caller.subscribe(inbox.clone()).await.unwrap();
    for _ in 0..100 {
        caller
            .publish_with_reply("block", inbox.clone(), "".into())
            .await
            .unwrap();
    }
    let noticed = tokio::time::timeout(raw::PATIENCE, dropped.acquire_many(10)).await;
    noticed.unwrap().unwrap().forget();
    drop(gate);
    // Each was either served or dropped and told of.
    let (mut served, mut told) = (0, 0);
    while served + told < 100 {
        tokio::select! {
            reply = raw::soon(replies.next()) => {
                assert_eq!(raw::text(&reply.unwrap()), "done");
                served += 1;
            }
            incident = raw::soon(incidents.recv()) => match incident {
                Some(Incident::SlowConsumer { dropped, .. }) => told += dropped,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(served + told, 100);
    assert!(told >= 10, "{told}");
    // Everything is as it was.
    ping(&caller, &service).await;
    assert_eq!(ask_all(&caller, "$SRV.PING", 1).await.len(), 1);
    assert_eq!(raw::text(&raw::request(&caller, "echo", "x").await), "x");
    assert_eq!(raw::text(&raw::request(&caller, "block", "").await), "done");
}
