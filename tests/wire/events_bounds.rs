//! Events where something is full, late or shared: who gets them, and what becomes of those that nobody
//! could take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use micro::{
    AddError, ConnectOptions, Connection, EventOrder, Incident, Request, ServiceBuilder,
    StartError, SubscriberOptions,
};
use tokio::sync::mpsc;

use crate::broker::Broker;
use crate::raw;

/// A handler that counts, and its count.
fn counts() -> (
    impl Fn(Request) -> std::future::Ready<()> + Clone + Send + Sync + 'static,
    Arc<AtomicU64>,
) {
    let seen = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&seen);
    let handler = move |_: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    (handler, seen)
}

#[tokio::test]
async fn subscribers_whose_subjects_overlap_get_every_event_each() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (audit, audited) = counts();
    let (ship, shipped) = counts();
    let mut services = Vec::new();
    for _ in 0..2 {
        let service = ServiceBuilder::new("orders", "1.0.0")
            .queue_group("orders")
            .endpoint("orders.create", async |_: Request| "created")
            .subscriber_with("orders.>", audit.clone(), |audit| audit.name("audit"))
            .subscriber_with("orders.{region}.created", ship.clone(), |ship| {
                ship.name("ship")
            })
            .start(&broker.client().await)
            .await;
        services.push(service.unwrap());
    }
    for _ in 0..500 {
        client
            .publish("orders.eu.created", "".into())
            .await
            .unwrap();
    }
    // And no subscriber takes a request from the endpoint.
    for _ in 0..50 {
        let reply = raw::request(&client, "orders.create", "").await;
        assert_eq!(raw::text(&reply), "created");
    }
    raw::round_trip(&client).await;
    for service in services {
        assert!(service.stop().await.abandoned.is_empty());
    }
    assert_eq!(shipped.load(Ordering::Relaxed), 500);
    assert_eq!(audited.load(Ordering::Relaxed), 550);
}

#[tokio::test]
async fn who_would_take_what_is_for_another_is_refused() {
    let broker = Broker::start().await;
    let connection = broker.client().await;
    let nothing = async |_: Request| {};
    let in_group = |s: SubscriberOptions| s.queue_group("books");
    let error = ServiceBuilder::new("orders", "1.0.0")
        .endpoint_with(
            "orders.create",
            async |_: Request| "created",
            |create| create.queue_group("books"),
        )
        .subscriber_with("orders.>", nothing, in_group)
        .subscriber_with("orders.*.created", nothing, in_group)
        // Beside these nothing is wrong with it.
        .subscriber_with("other.>", nothing, in_group)
        .subscriber("orders.>", nothing)
        .start(&connection)
        .await
        .unwrap_err();
    let StartError::Invalid { problems, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(
        problems,
        [
            "subscriber `orders-all`: its subject `orders.>` overlaps `orders.create` of endpoint `orders-create`, and both are in the queue group `books`: what is for both would go to one of them, give one of them another queue group",
            "subscriber `orders-any-created`: its subject `orders.*.created` overlaps `orders.>` of subscriber `orders-all`, and both are in the queue group `books`: what is for both would go to one of them, give one of them another queue group",
        ]
    );

    let service = ServiceBuilder::new("orders", "1.0.0")
        .queue_group("books")
        .endpoint("ask", async |_: Request| "yes")
        .subscriber_with("orders.>", nothing, in_group)
        .start(&connection)
        .await
        .unwrap();
    let late = service.add_subscriber_with("orders.eu", nothing, in_group);
    assert!(matches!(late.await, Err(AddError::Invalid { problems, .. }) if problems.len() == 1));
    let late = service.add_endpoint("orders.create", async |_: Request| "created");
    assert!(matches!(late.await, Err(AddError::Invalid { problems, .. }) if problems.len() == 1));
    // Two of them at the same time: one is there first.
    let (one, other) = tokio::join!(
        service.add_subscriber_with("paid.>", nothing, |s| s.name("one").queue_group("paid")),
        service.add_subscriber_with("paid.eu", nothing, |s| s.name("other").queue_group("paid")),
    );
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    assert_eq!(service.subscribers().len(), 2);
    // Once it has gone, there is room for the other.
    let first = one.or(other).unwrap();
    assert_eq!(first.unsubscribe().await, None);
    let again = service.add_subscriber_with("paid.eu", nothing, |s| s.queue_group("paid"));
    again.await.unwrap();
}

#[tokio::test]
async fn names_too_long_for_a_queue_group_of_their_own_are_told() {
    let broker = Broker::start().await;
    let name = "n".repeat(300);
    let start = async |options: fn(SubscriberOptions) -> SubscriberOptions| {
        ServiceBuilder::new(&name, "1.0.0")
            .subscriber_with(&name, async |_: Request| {}, options)
            .start(&broker.client().await)
            .await
    };
    let error = start(|subscriber| subscriber).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("has 601 bytes, at most 512"), "{text}");
    assert!(text.contains("name one, or shorten"), "{text}");
    start(|subscriber| subscriber.queue_group("short"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_timeout_of_a_service_is_for_its_endpoints() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("slow", "1.0.0")
        .timeout(Duration::from_millis(1))
        .endpoint("asked", async |_: Request| {
            std::future::pending::<()>().await;
        })
        .subscriber("told", async |_: Request| {
            tokio::time::sleep(Duration::from_millis(50)).await;
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    client.publish("told", "".into()).await.unwrap();
    let reply = raw::request(&client, "asked", "").await;
    assert_eq!(raw::error_of(&reply).unwrap().0, 504);
    raw::until("the event handled", async || {
        service.subscribers()[0].stats().num_events == 1
    })
    .await;
    assert_eq!(service.subscribers()[0].stats().num_errors, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_added_together_is_seen_together() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("growing", "1.0.0")
        .start(&broker.client().await)
        .await
        .unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let looking = std::thread::spawn({
        let (service, is_done) = (service.clone(), Arc::clone(&is_done));
        move || {
            while !is_done.load(Ordering::Relaxed) {
                let (info, stats) = (service.info(), service.stats());
                assert_eq!(info.endpoints.len(), info.subscribers().len());
                assert_eq!(stats.endpoints.len(), stats.subscribers().len());
            }
        }
    });
    for number in 0..100 {
        let added = service.add(|service| {
            service
                .endpoint(&format!("asked.{number}"), async |_: Request| "yes")
                .subscriber(&format!("told.{number}"), async |_: Request| {})
        });
        added.await.unwrap();
    }
    is_done.store(true, Ordering::Relaxed);
    looking.join().unwrap();
}

/// The body of an event, as a number.
fn number(event: &Request) -> u64 {
    event.json().unwrap()
}

#[tokio::test]
async fn a_burst_into_a_cheap_handler_is_handled_or_counted_as_dropped() {
    const SENT: u64 = 30_000;
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (handler, seen) = counts();
    let service = ServiceBuilder::new("bursts", "1.0.0")
        .subscriber_with("burst", handler, |burst| burst.pending(100))
        .start(&broker.client().await)
        .await
        .unwrap();
    for _ in 0..SENT {
        client.publish("burst", "".into()).await.unwrap();
    }
    raw::round_trip(&client).await;
    let report = service.stop().await;
    let stats = &report.subscribers[0];
    assert_eq!(stats.num_events + stats.dropped, SENT, "{report:?}");
    assert_eq!(seen.load(Ordering::Relaxed), stats.num_events);
    assert!(report.abandoned.is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_stop_handles_a_burst_into_a_cheap_handler_in_its_order() {
    const SENT: u64 = 30_000;
    let broker = Broker::start().await;
    let client = broker.client().await;
    for order in [EventOrder::OneAtATime, EventOrder::per_placeholder("key")] {
        let seen = Arc::new(Mutex::new(vec![Vec::new(); 3]));
        let noted = Arc::clone(&seen);
        let service = ServiceBuilder::new("bursts", "1.0.0")
            .subscriber_with(
                "burst.{key}",
                move |event: Request| {
                    let key: usize = event.context().placeholder("key").unwrap().parse().unwrap();
                    noted.lock().unwrap()[key].push(number(&event));
                    std::future::ready(())
                },
                |burst| burst.order(order),
            )
            .start(&broker.client().await)
            .await
            .unwrap();
        for number in 0..SENT {
            let subject = format!("burst.{}", number % 3);
            let body = number.to_string().into();
            client.publish(subject, body).await.unwrap();
        }
        raw::round_trip(&client).await;
        let report = service.stop().await;
        assert_eq!(report.subscribers[0].num_events, SENT, "{report:?}");
        for (key, numbers) in seen.lock().unwrap().iter().enumerate() {
            let expected: Vec<u64> = (0..SENT).filter(|n| n % 3 == key as u64).collect();
            assert!(*numbers == expected, "key {key}");
        }
    }
}

#[tokio::test]
async fn a_stop_that_cannot_wait_counts_what_it_leaves() {
    const SENT: u64 = 20_000;
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("left", "1.0.0")
        .subscriber_with(
            "left",
            async |_: Request| std::future::pending::<()>().await,
            |left| left.concurrency(2),
        )
        .drain_timeout(Duration::ZERO)
        .start(&broker.client().await)
        .await
        .unwrap();
    for _ in 0..SENT {
        client.publish("left", "".into()).await.unwrap();
    }
    raw::round_trip(&client).await;
    let report = service.stop().await;
    let stats = &report.subscribers[0];
    assert_eq!(stats.num_events + stats.dropped, SENT, "{report:?}");
    assert_eq!(report.abandoned[0].events as u64, SENT, "{report:?}");
}

#[tokio::test]
async fn a_key_that_is_stuck_leaves_room_for_the_others() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (done, seen) = counts();
    let service = ServiceBuilder::new("keys", "1.0.0")
        .subscriber_with(
            "keys.{key}",
            move |event: Request| {
                let is_stuck = event.context().placeholder("key") == Some("stuck");
                let done = done(event);
                async move {
                    if is_stuck {
                        std::future::pending::<()>().await;
                    }
                    done.await;
                }
            },
            |keys| keys.order(EventOrder::per_placeholder("key")).pending(8),
        )
        .drain_timeout(Duration::ZERO)
        .start(&broker.client().await)
        .await
        .unwrap();
    for _ in 0..50 {
        client.publish("keys.stuck", "".into()).await.unwrap();
    }
    raw::until("all but three dropped", async || {
        service.subscribers()[0].stats().dropped == 47
    })
    .await;
    for number in 0..5 {
        client
            .publish(format!("keys.{number}"), "".into())
            .await
            .unwrap();
    }
    raw::until("the others handled", async || {
        service.subscribers()[0].stats().num_events == 5
    })
    .await;
    assert_eq!(seen.load(Ordering::Relaxed), 6);
    assert_eq!(service.stop().await.abandoned[0].events, 3);
}

#[tokio::test]
async fn headers_that_wait_are_bounded_by_what_they_take() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("headers", "1.0.0")
        .subscriber_with(
            "headers",
            async |_: Request| std::future::pending::<()>().await,
            |headers| headers.concurrency(1),
        )
        .drain_timeout(Duration::ZERO)
        .start(&broker.client().await)
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    for name in 0..10_000 {
        headers.insert(format!("h{name}"), "");
    }
    // 80 KB each on the wire, and megabytes in memory.
    for _ in 0..60 {
        client
            .publish_with_headers("headers", headers.clone(), "".into())
            .await
            .unwrap();
    }
    raw::until("most of them dropped", async || {
        service.subscribers()[0].stats().dropped >= 20
    })
    .await;
    service.stop().await;
}

#[tokio::test]
async fn a_flood_of_what_fails_is_told_once_and_then_as_a_number() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (told, mut incidents) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("flooded", "1.0.0")
        .subscriber("numbers", async |event: Request| {
            event.json::<u64>().map(drop)
        })
        .on_error(move |_, incident| {
            let _ = told.send(incident.clone());
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    for _ in 0..1_000 {
        client.publish("numbers", "none".into()).await.unwrap();
    }
    raw::until("all of them counted", async || {
        service.subscribers()[0].stats().num_errors == 1_000
    })
    .await;
    service.stop().await;
    drop(service);
    let first = raw::soon(incidents.recv()).await.unwrap();
    assert!(
        matches!(first, Incident::EventFailed { code: 400, .. }),
        "{first}"
    );
    let mut failed = 1;
    while failed < 1_000 {
        match raw::soon(incidents.recv()).await.unwrap() {
            Incident::EventsFailed { failed: more, .. } => failed += more,
            other => panic!("{other}"),
        }
    }
    assert_eq!(failed, 1_000);
}

#[tokio::test]
async fn a_key_is_free_again_after_a_panic_and_after_a_timeout() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (told, mut done) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("keys", "1.0.0")
        .subscriber_with(
            "keys.{key}",
            move |event: Request| {
                let told = told.clone();
                async move {
                    match &event.payload()[..] {
                        b"panics" => panic!("as it is told"),
                        b"hangs" => std::future::pending::<()>().await,
                        _ => {
                            let _ = told.send(number(&event));
                        }
                    }
                }
            },
            |keys| {
                let keys = keys.order(EventOrder::per_placeholder("key"));
                keys.timeout(Duration::from_millis(20))
            },
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    for body in ["1", "panics", "2", "hangs", "3"] {
        client.publish("keys.one", body.into()).await.unwrap();
    }
    for expected in 1..=3 {
        assert_eq!(raw::soon(done.recv()).await.unwrap(), expected);
    }
    assert!(service.stop().await.abandoned.is_empty());
}

#[tokio::test]
async fn by_several_connections_each_event_comes_once_and_an_order_is_kept() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let options = ConnectOptions::new().urls(broker.url()).connections(3);
    let connection = Connection::connect_with(&options).await.unwrap();
    let (any, seen) = counts();
    let ordered = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&ordered);
    let service = ServiceBuilder::new("several", "1.0.0")
        .subscriber_with("numbers", any, |any| any.name("any"))
        .subscriber_with(
            "numbers",
            move |event: Request| {
                noted.lock().unwrap().push(number(&event));
                std::future::ready(())
            },
            |ordered| ordered.name("ordered").order(EventOrder::OneAtATime),
        )
        .start(&connection)
        .await
        .unwrap();
    for number in 0..5_000_u64 {
        let body = number.to_string().into();
        client.publish("numbers", body).await.unwrap();
    }
    raw::round_trip(&client).await;
    assert!(service.stop().await.abandoned.is_empty());
    assert_eq!(seen.load(Ordering::Relaxed), 5_000);
    assert!(*ordered.lock().unwrap() == (0..5_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn heavy_handlers_of_many_keys_keep_to_the_concurrency_and_to_their_order() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let seen = Arc::new(Mutex::new(vec![Vec::new(); 10]));
    let noted = Arc::clone(&seen);
    let (running, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let reached = Arc::clone(&most);
    let service = ServiceBuilder::new("heavy", "1.0.0")
        .subscriber_with(
            "heavy.{key}",
            move |event: Request| {
                let key: usize = event.context().placeholder("key").unwrap().parse().unwrap();
                let (noted, running) = (Arc::clone(&noted), Arc::clone(&running));
                let reached = Arc::clone(&reached);
                async move {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    reached.fetch_max(now, Ordering::SeqCst);
                    let until = Instant::now() + Duration::from_micros(200);
                    while Instant::now() < until {
                        std::hint::spin_loop();
                    }
                    tokio::task::yield_now().await;
                    noted.lock().unwrap()[key].push(number(&event));
                    running.fetch_sub(1, Ordering::SeqCst);
                }
            },
            |heavy| {
                let heavy = heavy.order(EventOrder::per_placeholder("key"));
                heavy.concurrency(4)
            },
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    for number in 0..2_000_u64 {
        let subject = format!("heavy.{}", number % 10);
        let body = number.to_string().into();
        client.publish(subject, body).await.unwrap();
    }
    raw::round_trip(&client).await;
    assert!(service.stop().await.abandoned.is_empty());
    assert!(most.load(Ordering::SeqCst) <= 4);
    for numbers in &*seen.lock().unwrap() {
        assert_eq!(numbers.len(), 200);
        assert!(numbers.is_sorted());
    }
}
