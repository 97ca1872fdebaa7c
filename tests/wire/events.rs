//! Events: subscribers beside endpoints, and alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::{Client, HeaderMap};
use futures_util::StreamExt as _;
use micro::{
    Bytes, Connection, Context, Error, EventOrder, FromRequest, Incident, Request, RunningService,
    ServiceBuilder, SubscriberOptions, endpoint, service, subscribe,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use crate::broker::Broker;
use crate::{proxy, raw};

/// A handler that hands on the bodies of its events.
fn hands_on<T: Send + 'static>(
    make: impl Fn(&Request) -> T + Send + Sync + 'static,
) -> (
    impl Fn(Request) -> std::future::Ready<()> + Send + Sync + 'static,
    mpsc::UnboundedReceiver<T>,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let handler = move |event: Request| {
        let _ = sender.send(make(&event));
        std::future::ready(())
    };
    (handler, receiver)
}

fn body(event: &Request) -> String {
    String::from_utf8(event.payload().to_vec()).unwrap()
}

async fn next<T>(events: &mut mpsc::UnboundedReceiver<T>) -> T {
    raw::soon(events.recv()).await.unwrap()
}

async fn publish(client: &Client, subject: &str, body: impl Into<String>) {
    let body = body.into().into();
    client.publish(subject.to_owned(), body).await.unwrap();
}

/// The subscriber's entry in STATS, over the wire.
async fn stats_of(client: &Client, service: &RunningService) -> serde_json::Value {
    let stats = raw::stats(client, service.name(), service.id()).await;
    raw::subscribers(&stats)[0].clone()
}

/// Waits until a subscriber has got so many events, whatever became of them.
async fn until_counted(service: &RunningService, events: u64) {
    raw::until("all of them counted", async || {
        let stats = service.subscribers()[0].stats();
        stats.num_events + stats.dropped == events
    })
    .await;
}

#[tokio::test]
async fn an_event_arrives_with_its_subject_headers_and_placeholders() {
    let broker = Broker::start().await;
    let (handler, mut events) = hands_on(|event| {
        let ctx = event.context();
        let order: u64 = event.json().unwrap();
        let placeholder = ctx.placeholder("region").map(str::to_owned);
        let header = ctx.header("X-From").map(str::to_owned);
        let reply = ctx.reply_subject().map(str::to_owned);
        (ctx.subject().to_owned(), order, placeholder, header, reply)
    });
    let service = ServiceBuilder::new("shipping", "1.0.0")
        .subscriber("orders.{region}.created", handler)
        .start(&broker.client().await)
        .await
        .unwrap();
    assert_eq!(service.subscribers()[0].subject(), "orders.*.created");
    let client = broker.client().await;
    let mut headers = HeaderMap::new();
    headers.insert("X-From", "shop");
    client
        .publish_with_headers("orders.eu.created", headers, "7".into())
        .await
        .unwrap();
    let expected = (
        "orders.eu.created".to_owned(),
        7,
        Some("eu".to_owned()),
        Some("shop".to_owned()),
        None,
    );
    assert_eq!(next(&mut events).await, expected);
}

#[tokio::test]
async fn nobody_is_answered_and_the_handler_sees_the_reply_subject() {
    let broker = Broker::start().await;
    let (handler, mut events) = hands_on(|event| {
        let reply = event.context().reply_subject().map(str::to_owned);
        reply.unwrap()
    });
    let service = ServiceBuilder::new("quiet", "1.0.0")
        .subscriber("fine", handler)
        .subscriber("fails", async |_: Request| {
            Err::<(), _>(Error::new(409, "not like this"))
        })
        .subscriber("panics", async |event: Request| {
            assert!(!event.payload().is_empty(), "as it is told");
        })
        .subscriber_with(
            "late",
            async |_: Request| std::future::pending::<()>().await,
            |late| late.timeout(Duration::from_millis(1)),
        )
        .subscriber_with(
            "full",
            async |_: Request| std::future::pending::<()>().await,
            |full| full.concurrency(1).pending(0),
        )
        .drain_timeout(Duration::ZERO)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    for subject in ["fine", "fails", "panics", "late", "full", "full"] {
        client
            .publish_with_reply(subject, inbox.clone(), "".into())
            .await
            .unwrap();
    }
    assert_eq!(next(&mut events).await, inbox);
    raw::until("each one done, but for the one that never is", async || {
        let stats = service.stats().subscribers();
        let counts: Vec<_> = stats.iter().map(|s| s.num_events + s.dropped).collect();
        counts == [1, 1, 1, 1, 1]
    })
    .await;
    // It is given up, and its sender hears nothing of that either.
    service.stop().await;
    raw::round_trip(&client).await;
    publish(&client, &inbox, "the only one").await;
    let first = raw::soon(replies.next()).await.unwrap();
    assert_eq!(raw::text(&first), "the only one");
}

#[tokio::test]
async fn instances_share_events_evenly_and_lose_none() {
    let broker = Broker::start().await;
    let sum = Arc::new(AtomicU64::new(0));
    let mut services = Vec::new();
    for _ in 0..4 {
        let sum = Arc::clone(&sum);
        let add = move |event: Request| {
            let number: u64 = event.json().unwrap();
            sum.fetch_add(number, Ordering::Relaxed);
            async {}
        };
        let service = ServiceBuilder::new("sharing", "1.0.0").subscriber("shared", add);
        services.push(service.start(&broker.client().await).await.unwrap());
    }
    let client = broker.client().await;
    for number in 1..=4_000_u64 {
        publish(&client, "shared", number.to_string()).await;
    }
    let counts = || -> Vec<u64> {
        let stats = services.iter().map(RunningService::stats);
        stats
            .map(|stats| stats.subscribers()[0].num_events)
            .collect()
    };
    raw::until("4,000 events", async || {
        counts().iter().sum::<u64>() >= 4_000
    })
    .await;
    assert_eq!(counts().iter().sum::<u64>(), 4_000);
    assert_eq!(sum.load(Ordering::Relaxed), 4_000 * 4_001 / 2);
    for count in counts() {
        // Each of them is chosen by chance: 15 % is more than five times the deviation, 27.
        assert!((850..=1_150).contains(&count), "{:?}", counts());
    }
}

#[tokio::test]
async fn without_a_queue_group_every_instance_gets_every_event() {
    let broker = Broker::start().await;
    let seen = Arc::new(AtomicU64::new(0));
    let mut services = Vec::new();
    for _ in 0..3 {
        let seen = Arc::clone(&seen);
        let count = move |_: Request| {
            seen.fetch_add(1, Ordering::Relaxed);
            async {}
        };
        let service = ServiceBuilder::new("all", "1.0.0")
            .subscriber_with("told", count, SubscriberOptions::no_queue_group)
            .start(&broker.client().await)
            .await;
        services.push(service.unwrap());
    }
    let client = broker.client().await;
    for _ in 0..100 {
        publish(&client, "told", "").await;
    }
    for service in &services {
        until_counted(service, 100).await;
        assert_eq!(service.subscribers()[0].info().queue_group, "");
    }
    assert_eq!(seen.load(Ordering::Relaxed), 300);
}

#[tokio::test]
async fn each_kind_of_service_gets_each_event_once() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut services = Vec::new();
    let mut events = HashMap::new();
    for name in ["billing", "shipping"] {
        for _ in 0..2 {
            let (handler, seen) = hands_on(body);
            let service = ServiceBuilder::new(name, "1.0.0")
                .no_queue_group()
                .subscriber("orders.created", handler)
                .start(&client)
                .await
                .unwrap();
            let group = service.subscribers()[0].info().queue_group;
            assert_eq!(group, format!("{name}.orders-created"));
            events.entry(name).or_insert_with(Vec::new).push(seen);
            services.push(service);
        }
    }
    for number in 0..50 {
        publish(&client, "orders.created", number.to_string()).await;
    }
    raw::round_trip(&client).await;
    for service in services {
        service.stop().await;
    }
    for seen in events.values_mut() {
        let mut numbers: Vec<u32> = Vec::new();
        for instance in seen {
            while let Ok(number) = instance.try_recv() {
                numbers.push(number.parse().unwrap());
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn who_unsubscribes_hears_nothing_more_and_may_come_again() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("listening", "1.0.0")
        .endpoint("serves", async |_: Request| "still")
        .start(&broker.client().await)
        .await
        .unwrap();
    for round in 0..3 {
        let (handler, mut events) = hands_on(body);
        let subscriber = service.add_subscriber("news", handler).await.unwrap();
        publish(&client, "news", format!("heard {round}")).await;
        assert_eq!(next(&mut events).await, format!("heard {round}"));
        assert_eq!(service.info().subscribers().len(), 1);
        assert_eq!(subscriber.unsubscribe().await, None);
        assert_eq!(subscriber.unsubscribe().await, None);
        publish(&client, "news", "missed").await;
        raw::round_trip(&client).await;
        raw::request(&client, "serves", "").await;
        assert_eq!(events.try_recv(), Err(mpsc::error::TryRecvError::Empty));
        assert_eq!(subscriber.stats().num_events, 1);
        assert!(service.info().subscribers().is_empty());
    }
    let info = raw::json(&raw::request(&client, "$SRV.INFO.listening", "").await);
    assert_eq!(info["metadata"], json!({}));
}

#[tokio::test]
async fn a_subscriber_with_options_is_added_in_a_group_and_alone() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("growing", "1.0.0")
        .start(&broker.client().await)
        .await
        .unwrap();
    let added = service
        .add(|service| {
            service.group("text", |text| {
                text.endpoint("length", async |r: Request| r.payload().len().to_string())
                    .subscriber_with("seen", async |_: Request| {}, |s| s.name("text-seen"))
            })
        })
        .await
        .unwrap();
    assert_eq!(added.len(), 1);
    let alone = service
        .add_subscriber_with(
            "other",
            async |_: Request| {},
            |other| other.queue_group("others").description("sees the others"),
        )
        .await
        .unwrap();
    assert_eq!(alone.info().metadata["description"], "sees the others");
    let subscribers: Vec<_> = service
        .info()
        .subscribers()
        .into_iter()
        .map(|s| (s.name, s.subject, s.queue_group))
        .collect();
    let expected = [
        ("text-seen", "text.seen", "growing.text-seen"),
        ("other", "other", "others"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(subscribers, expected);
    service.stop().await;
    let late = service.add_subscriber("late", async |_: Request| {}).await;
    assert!(matches!(late, Err(micro::AddError::Stopped { .. })));
}

#[tokio::test]
async fn a_prefix_holds_for_events_too() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (handler, mut events) = hands_on(body);
    let service = ServiceBuilder::new("apart", "1.0.0")
        .subscriber("news", handler)
        .group("local", |local| {
            local.subscriber("news", async |_: Request| {})
        })
        .prefix("staging")
        .start(&client)
        .await
        .unwrap();
    let subjects: Vec<_> = service
        .subscribers()
        .iter()
        .map(|s| s.subject().to_owned())
        .collect();
    assert_eq!(subjects, ["staging.news", "staging.local.news"]);
    for subscriber in service.info().subscribers() {
        assert_eq!(subscriber.queue_group, "staging.apart.news");
    }
    publish(&client, "news", "not here").await;
    publish(&client, "staging.news", "here").await;
    assert_eq!(next(&mut events).await, "here");
}

/// A copy with a prefix shares nothing with the one without, where the subjects of both are those of an
/// event.
#[tokio::test]
async fn copies_apart_by_a_prefix_take_no_events_from_each_other() {
    const SENT: u64 = 50;
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut copies = Vec::new();
    for prefix in ["", "staging"] {
        let copy = ServiceBuilder::new("copies", "1.0.0")
            .subscriber_with("{stage}.eu.>", async |_: Request| {}, |all| all.name("all"))
            .prefix(prefix)
            .start(&broker.client().await)
            .await;
        copies.push(copy.unwrap());
    }
    let later = copies[1].add_subscriber("later", async |_: Request| {});
    let later = later.await.unwrap().info();
    for _ in 0..SENT {
        publish(&client, "staging.eu.eu.news", "for both").await;
    }
    raw::round_trip(&client).await;
    for copy in copies {
        let report = copy.stop().await;
        assert_eq!(report.subscribers[0].num_events, SENT, "{report:?}");
    }
    assert_eq!(later.queue_group, "staging.copies.later");
}

/// Handles numbers, holding each until it may go on, and says how many of one key were at work at
/// once.
struct Ordered {
    log: Mutex<Vec<(String, u32)>>,
    running: Mutex<HashMap<String, usize>>,
    most_of_a_key: AtomicUsize,
    most: AtomicUsize,
}

impl Ordered {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            log: Mutex::default(),
            running: Mutex::default(),
            most_of_a_key: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    async fn handle(&self, key: String, number: u32) {
        let (own, all) = {
            let mut running = self.running.lock().unwrap();
            *running.entry(key.clone()).or_default() += 1;
            (running[&key], running.values().sum())
        };
        self.most_of_a_key.fetch_max(own, Ordering::Relaxed);
        self.most.fetch_max(all, Ordering::Relaxed);
        self.log.lock().unwrap().push((key.clone(), number));
        for _ in 0..number % 4 {
            tokio::task::yield_now().await;
        }
        *self.running.lock().unwrap().get_mut(&key).unwrap() -= 1;
    }

    fn numbers_of(&self, key: &str) -> Vec<u32> {
        let log = self.log.lock().unwrap();
        let own = log.iter().filter(|(of, _)| of == key);
        own.map(|(_, number)| *number).collect()
    }
}

#[tokio::test]
async fn one_at_a_time_is_the_order_in_which_they_came() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let ordered = Ordered::new();
    let seen = Arc::clone(&ordered);
    let service = ServiceBuilder::new("ledger", "1.0.0")
        .concurrency(16)
        .subscriber_with(
            "booked",
            move |event: Request| {
                let seen = Arc::clone(&seen);
                async move { seen.handle(String::new(), event.json().unwrap()).await }
            },
            |booked| booked.order(EventOrder::OneAtATime),
        )
        .start(&client)
        .await
        .unwrap();
    for number in 0..2_000 {
        publish(&client, "booked", number.to_string()).await;
    }
    until_counted(&service, 2_000).await;
    assert_eq!(ordered.numbers_of(""), (0..2_000).collect::<Vec<_>>());
    assert_eq!(ordered.most.load(Ordering::Relaxed), 1);
}

async fn events_of_a_key_follow_one_another(order: EventOrder) {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let ordered = Ordered::new();
    let seen = Arc::clone(&ordered);
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let service = ServiceBuilder::new("ledger", "1.0.0")
        .subscriber_with(
            "accounts.{account}",
            move |event: Request| {
                let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
                async move {
                    let account = event.context().placeholder("account").unwrap().to_owned();
                    let number: u32 = event.json().unwrap();
                    if account == "held" {
                        let _passed = held.acquire().await.unwrap();
                    }
                    seen.handle(account, number).await;
                }
            },
            |subscriber| subscriber.order(order).concurrency(8),
        )
        .start(&client)
        .await
        .unwrap();
    let send = async |account: &str, number: u32| {
        let mut headers = HeaderMap::new();
        headers.insert("X-Account", account);
        client
            .publish_with_headers(
                format!("accounts.{account}"),
                headers,
                number.to_string().into(),
            )
            .await
            .unwrap();
    };
    // One that is stuck, with many behind it: they take nobody's place.
    for number in 0..100 {
        send("held", number).await;
    }
    for number in 0..300 {
        for account in ["a", "b", "c"] {
            send(account, number).await;
        }
    }
    until_counted(&service, 900).await;
    assert!(ordered.numbers_of("held").is_empty());
    gate.add_permits(1);
    until_counted(&service, 1_000).await;
    for account in ["a", "b", "c"] {
        assert_eq!(ordered.numbers_of(account), (0..300).collect::<Vec<_>>());
    }
    assert_eq!(ordered.numbers_of("held"), (0..100).collect::<Vec<_>>());
    assert_eq!(ordered.most_of_a_key.load(Ordering::Relaxed), 1);
    assert!(
        ordered.most.load(Ordering::Relaxed) > 1,
        "keys wait for one another"
    );
}

#[tokio::test]
async fn events_of_one_placeholder_follow_one_another_and_others_go_past() {
    events_of_a_key_follow_one_another(EventOrder::per_placeholder("account")).await;
}

#[tokio::test]
async fn events_of_one_header_follow_one_another_and_others_go_past() {
    events_of_a_key_follow_one_another(EventOrder::per_header("X-Account")).await;
}

#[tokio::test]
async fn failures_are_counted_and_told_and_change_nothing_else() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (told, mut incidents) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("failing", "1.0.0")
        .subscriber_with(
            "orders",
            async |event: Request| match event.json::<u64>()? {
                0 => panic!("nothing"),
                1 => std::future::pending().await,
                2 => Err(Error::new(409, "two of them")),
                _ => Ok(()),
            },
            // One after the other, so that the last error is that of the last.
            |orders| {
                orders
                    .order(EventOrder::OneAtATime)
                    .timeout(Duration::from_millis(20))
            },
        )
        .endpoint("fine", async |_: Request| "yes")
        .on_error(move |_, incident| {
            let _ = told.send(incident.clone());
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    for order in ["7", "seven", "0", "1", "2", "8"] {
        publish(&client, "orders", order).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let incident = next(&mut incidents).await;
        assert_eq!(incident.subject(), Some("orders"));
        assert_eq!(incident.subscriber(), Some("orders"));
        assert_eq!(incident.endpoint(), None);
        let Incident::EventFailed { code, reason, .. } = incident else {
            panic!("{incident}");
        };
        seen.push((code, reason));
    }
    let codes: Vec<_> = seen.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [400, 500, 504, 409]);
    let beginnings = [
        "cannot decode the event: ",
        "the handler panicked: nothing",
        "subscriber `orders` was not done within 20ms",
        "two of them",
    ];
    for ((_, reason), beginning) in seen.iter().zip(beginnings) {
        assert!(reason.starts_with(beginning), "{reason}");
    }
    until_counted(&service, 6).await;
    let stats = stats_of(&client, &service).await;
    assert_eq!(stats["num_events"], 6);
    assert_eq!(stats["num_errors"], 4);
    assert_eq!(stats["dropped"], 0);
    assert_eq!(stats["last_error"], "409:two of them");
    assert!(stats["processing_time"].as_u64().unwrap() > 20_000_000);
    assert_eq!(raw::text(&raw::request(&client, "fine", "").await), "yes");
}

#[tokio::test]
async fn what_is_over_the_limits_is_dropped_and_told_of() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (gate, done) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    let (held, counted) = (Arc::clone(&gate), Arc::clone(&done));
    let (told, mut incidents) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("flooded", "1.0.0")
        .subscriber_with(
            "flood",
            move |_: Request| {
                let (held, counted) = (Arc::clone(&held), Arc::clone(&counted));
                async move {
                    held.acquire().await.unwrap().forget();
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            },
            |flood| flood.concurrency(2).pending(8),
        )
        .on_error(move |_, incident| {
            let _ = told.send(incident.clone());
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    for _ in 0..1_000 {
        publish(&client, "flood", "").await;
    }
    raw::until("990 dropped", async || {
        service.subscribers()[0].stats().dropped == 990
    })
    .await;
    let first = next(&mut incidents).await;
    assert!(
        matches!(first, Incident::EventsDropped { dropped: 1, .. }),
        "{first}"
    );
    gate.add_permits(10);
    until_counted(&service, 1_000).await;
    assert_eq!(done.load(Ordering::Relaxed), 10);
    let stats = stats_of(&client, &service).await;
    assert_eq!(stats["num_events"], 10);
    assert_eq!(stats["num_errors"], 0);
    assert_eq!(stats["dropped"], 990);
    let report = service.stop().await;
    assert_eq!(report.subscribers[0].dropped, 990);
    // Whatever came after the first is told by then, as numbers.
    let mut all = 1;
    while let Some(Incident::EventsDropped { dropped, .. }) = raw::soon(incidents.recv()).await {
        all += dropped;
        if all == 990 {
            break;
        }
    }
    assert_eq!(all, 990);
}

#[tokio::test]
async fn what_waits_for_its_key_counts_as_waiting() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("flooded", "1.0.0")
        .subscriber_with(
            "keys.{key}",
            async |_: Request| std::future::pending::<()>().await,
            |keys| keys.order(EventOrder::per_placeholder("key")).pending(8),
        )
        .drain_timeout(Duration::ZERO)
        .start(&broker.client().await)
        .await
        .unwrap();
    // Five are in hand, and of each key no more than two wait.
    for number in 0..100 {
        publish(&client, &format!("keys.{}", number % 5), "").await;
    }
    raw::until("87 dropped", async || {
        service.subscribers()[0].stats().dropped == 87
    })
    .await;
    let report = service.stop().await;
    assert_eq!(report.abandoned[0].events, 13);
    assert_eq!(report.abandoned[0].requests, 0);
    let stats = &report.subscribers[0];
    assert_eq!(
        (stats.num_events, stats.num_errors, stats.dropped),
        (5, 5, 95)
    );
}

#[tokio::test]
async fn bodies_that_wait_are_bounded_by_their_bytes() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("large", "1.0.0")
        .subscriber_with(
            "large",
            async |_: Request| std::future::pending::<()>().await,
            |large| large.concurrency(1),
        )
        .drain_timeout(Duration::ZERO)
        .start(&broker.client().await)
        .await
        .unwrap();
    let megabyte = "x".repeat(1_000_000);
    for _ in 0..80 {
        publish(&client, "large", megabyte.clone()).await;
    }
    // 67 of these are less than 64 MiB, and one is in hand.
    raw::until("the others dropped", async || {
        service.subscribers()[0].stats().dropped == 80 - 68
    })
    .await;
    assert_eq!(service.stop().await.abandoned[0].events, 68);
}

#[tokio::test]
async fn a_stop_handles_what_was_sent_before() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    for order in [
        EventOrder::Any,
        EventOrder::OneAtATime,
        EventOrder::per_placeholder("key"),
    ] {
        let done = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&done);
        let service = ServiceBuilder::new("draining", "1.0.0")
            .subscriber_with(
                "work.{key}",
                move |_: Request| {
                    let counted = Arc::clone(&counted);
                    async move {
                        tokio::task::yield_now().await;
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                },
                |work| work.order(order).concurrency(1),
            )
            .start(&broker.client().await)
            .await
            .unwrap();
        for number in 0..3_000 {
            publish(&client, &format!("work.{}", number % 7), "").await;
        }
        raw::round_trip(&client).await;
        let report = service.stop().await;
        assert!(report.abandoned.is_empty(), "{report:?}");
        assert_eq!(done.load(Ordering::Relaxed), 3_000);
        assert_eq!(report.subscribers[0].num_events, 3_000);
        assert!(report.endpoints.is_empty());
    }
}

#[tokio::test]
async fn instances_that_come_and_go_lose_no_event() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let done = Arc::new(AtomicU64::new(0));
    let start = async || {
        let counted = Arc::clone(&done);
        let count = move |_: Request| {
            let counted = Arc::clone(&counted);
            async move {
                tokio::task::yield_now().await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        };
        let service = ServiceBuilder::new("rolling", "1.0.0").subscriber("work", count);
        service.start(&broker.client().await).await.unwrap()
    };
    let mut current = start().await;
    let end = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn({
        let (client, end) = (client.clone(), Arc::clone(&end));
        async move {
            let mut sent = 0;
            while !end.load(Ordering::Relaxed) {
                publish(&client, "work", "").await;
                client.flush().await.unwrap();
                sent += 1;
            }
            sent
        }
    });
    for _ in 0..10 {
        let next = start().await;
        let report = current.stop().await;
        assert!(report.abandoned.is_empty());
        current = next;
    }
    end.store(true, Ordering::Relaxed);
    let sent: u64 = publishing.await.unwrap();
    raw::round_trip(&client).await;
    current.stop().await;
    assert_eq!(done.load(Ordering::Relaxed), sent);
}

#[tokio::test]
async fn info_and_stats_tell_of_subscribers_beside_the_endpoints() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("both", "1.0.0")
        .endpoint("ask", async |_: Request| "yes")
        .subscriber_with(
            "told.{who}",
            async |_: Request| {},
            |told| told.name("told").metadata("team", "core"),
        )
        .stats_handler(|_| 7)
        .start(&broker.client().await)
        .await
        .unwrap();
    publish(&client, "told.ada", "").await;
    until_counted(&service, 1).await;
    let reply = raw::request(&client, "$SRV.INFO.both", "").await;
    let info = raw::json(&reply);
    assert_eq!(info["endpoints"].as_array().unwrap().len(), 1);
    let expected = json!([{
        "name": "told", "subject": "told.*", "queue_group": "both.told", "metadata": {"team": "core"}
    }]);
    assert_eq!(raw::subscribers(&info), expected);
    // Who knows nothing of it reads the rest.
    let theirs: async_nats::service::Info = serde_json::from_slice(&reply.payload).unwrap();
    assert_eq!(theirs.endpoints.len(), 1);
    let reply = raw::request(&client, "$SRV.STATS.both", "").await;
    let theirs: async_nats::service::Stats = serde_json::from_slice(&reply.payload).unwrap();
    assert_eq!(theirs.endpoints.len(), 1);
    let stats = raw::json(&reply);
    let entry = raw::subscribers(&stats)[0].clone();
    let entry = entry.as_object().unwrap();
    let keys: Vec<_> = entry.keys().map(String::as_str).collect();
    let expected = [
        "average_processing_time",
        "dropped",
        "last_error",
        "name",
        "num_errors",
        "num_events",
        "processing_time",
        "queue_group",
        "subject",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        (&entry["num_events"], &entry["last_error"]),
        (&json!(1), &json!(""))
    );
    // Our own reading side, and a reset.
    let connection = Connection::from(client.clone());
    let found = connection.discovery().of("both").stats().await.unwrap();
    let seen = found.into_documents().remove(0);
    assert_eq!(seen.subscribers()[0].num_events, 1);
    let found = connection.discovery().of("both").info().await.unwrap();
    assert_eq!(found.into_documents().remove(0), service.info());
    assert_eq!(service.reset().subscribers()[0].num_events, 1);
    assert_eq!(service.stats().subscribers()[0].num_events, 0);
}

#[tokio::test]
async fn a_service_without_endpoints_is_one() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (handler, mut events) = hands_on(body);
    let service = ServiceBuilder::new("ears", "1.0.0")
        .subscriber("said.>", handler)
        .start(&broker.client().await)
        .await
        .unwrap();
    assert_eq!(service.subscribers()[0].name(), "said-all");
    publish(&client, "said.by.somebody", "hello").await;
    assert_eq!(next(&mut events).await, "hello");
    let ping = raw::json(&raw::request(&client, "$SRV.PING.ears", "").await);
    assert_eq!(ping["id"], service.id());
    let info = raw::json(&raw::request(&client, "$SRV.INFO.ears", "").await);
    assert_eq!(info["endpoints"], json!([]));
    service.stop().await;
    let gone = raw::try_request(&client, "$SRV.PING.ears", "").await;
    assert!(gone.is_err());
}

#[tokio::test]
async fn what_is_wrong_with_a_subscriber_is_told_together() {
    let broker = Broker::start().await;
    let nothing = async |_: Request| {};
    let error = ServiceBuilder::new("wrong", "1.0.0")
        .subscriber("two..dots", nothing)
        .subscriber_with("fine", nothing, |s| s.name("not fine").concurrency(0))
        .subscriber_with("fine", nothing, |s| {
            s.order(EventOrder::per_placeholder("region"))
        })
        .subscriber_with("fine", nothing, |s| s.order(EventOrder::per_header("a b")))
        .subscriber_with("fine", nothing, |s| {
            s.order(EventOrder::OneAtATime).concurrency(2)
        })
        .subscriber_with("fine", nothing, |s| s.queue_group("a b"))
        .start(&broker.client().await)
        .await
        .unwrap_err();
    let micro::StartError::Invalid { problems, .. } = &error else {
        panic!("{error}");
    };
    // Two of them are each other's besides: one name, one subject.
    assert_eq!(problems.len(), 9, "{error}");
    assert!(
        problems
            .iter()
            .all(|problem| problem.starts_with("subscriber `")),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("has no placeholder of this name"),
        "{error}"
    );
}

#[tokio::test]
async fn events_that_come_while_the_connection_is_away_are_not_waited_for() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(url.as_str()).await.unwrap();
    let (handler, mut events) = hands_on(body);
    let service = ServiceBuilder::new("away", "1.0.0")
        .subscriber("news", handler)
        .start(&connection)
        .await
        .unwrap();
    publish(&client, "news", "before").await;
    assert_eq!(next(&mut events).await, "before");
    network.cut();
    let listener = proxy::bind_again(&url).await;
    let _network = proxy::serve(listener, broker.url(), Duration::ZERO);
    // It listens again as soon as it is back, by itself.
    let heard = raw::until("an event", async || {
        publish(&client, "news", "after").await;
        client.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        events.try_recv().is_ok_and(|body| body == "after")
    });
    heard.await;
    assert!(service.stop().await.abandoned.is_empty());
}

#[derive(Serialize, Deserialize)]
struct Created {
    number: u64,
}

/// What a method saw.
type Seen = (&'static str, String, Option<String>, u64);

/// A service by its attributes.
struct Shipping {
    seen: mpsc::UnboundedSender<Seen>,
}

struct Tenant(String);

impl FromRequest for Tenant {
    async fn from_request(request: &Request) -> Result<Self, Error> {
        let tenant = request.context().header("X-Tenant");
        let tenant = tenant.ok_or_else(|| Error::new(401, "whose is it?"))?;
        Ok(Self(tenant.to_owned()))
    }
}

#[service(name = "shipping", version = "1.0.0", group = "shipping")]
impl Shipping {
    #[endpoint]
    async fn status(&self) -> String {
        "open".to_owned()
    }

    /// Ships what was ordered.
    #[subscribe("orders.{region}.created", metadata(team = "core"))]
    async fn created(
        &self,
        region: String,
        #[header("X-From")] from: Option<String>,
        order: Created,
    ) -> Result<(), Error> {
        if order.number == 0 {
            return Err(Error::new(409, "there is no such order"));
        }
        self.saw("created", region, from, order.number);
        Ok(())
    }

    #[subscribe("orders.*.paid", queue_group = false)]
    async fn paid(&self, ctx: &Context, #[extract] tenant: Tenant, order: Created) {
        let subject = ctx.subject().to_owned();
        self.saw("paid", subject, Some(tenant.0), order.number);
    }

    #[subscribe(
        "accounts.{account}",
        ordered_by = "account",
        concurrency = 8,
        name = "books"
    )]
    async fn booked(&self, amount: u64) {
        // Whoever comes first has most to wait for.
        for _ in 0..(20_u64.saturating_sub(amount)) {
            tokio::task::yield_now().await;
        }
        self.saw("booked", String::new(), None, amount);
    }

    #[subscribe("blocks", blocking, ordered)]
    fn blocks(&self, #[payload(raw)] body: Bytes) {
        let text = String::from_utf8(Vec::from(body)).unwrap();
        self.saw("blocks", text, None, 0);
    }
}

impl Shipping {
    fn saw(&self, method: &'static str, text: String, other: Option<String>, number: u64) {
        let _ = self.seen.send((method, text, other, number));
    }
}

async fn shipping(broker: &Broker) -> (RunningService, mpsc::UnboundedReceiver<Seen>) {
    let (seen, calls) = mpsc::unbounded_channel();
    let service = ServiceBuilder::of(Shipping { seen });
    let service = service.start(&broker.client().await).await.unwrap();
    (service, calls)
}

#[tokio::test]
async fn annotated_methods_get_events_and_their_service_serves() {
    let broker = Broker::start().await;
    let (service, mut seen) = shipping(&broker).await;
    let client = broker.client().await;
    let mut headers = HeaderMap::new();
    headers.insert("X-From", "shop");
    headers.insert("X-Tenant", "ada");
    let created = r#"{"number":7}"#;
    for subject in ["orders.eu.created", "orders.eu.paid"] {
        let headers = headers.clone();
        let publishing = client.publish_with_headers(subject, headers, created.into());
        publishing.await.unwrap();
        let expected = match subject {
            "orders.eu.paid" => ("paid", subject.to_owned(), Some("ada".to_owned()), 7),
            _ => ("created", "eu".to_owned(), Some("shop".to_owned()), 7),
        };
        assert_eq!(next(&mut seen).await, expected);
    }
    publish(&client, "blocks", "four").await;
    assert_eq!(next(&mut seen).await.1, "four");
    // The group of the service is one of its endpoints.
    let nats = Connection::from(client.clone());
    assert_eq!(ShippingClient::new(&nats).status().await.unwrap(), "open");
    assert_eq!(
        raw::text(&raw::request(&client, "shipping.status", "").await),
        r#""open""#
    );
    let subscribers: Vec<_> = service
        .info()
        .subscribers()
        .into_iter()
        .map(|s| (s.name, s.subject, s.queue_group))
        .collect();
    let expected = [
        ("created", "orders.*.created", "shipping.created"),
        ("paid", "orders.*.paid", ""),
        ("books", "accounts.*", "shipping.books"),
        ("blocks", "blocks", "shipping.blocks"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(subscribers, expected);
    let metadata = &service.info().subscribers()[0].metadata;
    assert_eq!(metadata["team"], "core");
    assert_eq!(metadata["description"], "Ships what was ordered.");
}

#[tokio::test]
async fn what_an_annotated_method_cannot_read_is_told_of() {
    let broker = Broker::start().await;
    let (service, mut seen) = shipping(&broker).await;
    let client = broker.client().await;
    let errors = async || {
        let stats = service.stats().subscribers();
        let errors: Vec<_> = stats.iter().map(|s| (s.num_events, s.num_errors)).collect();
        errors
    };
    // Neither a body, nor an order that is one, nor a header that is wanted.
    publish(&client, "orders.eu.created", "").await;
    publish(&client, "orders.eu.created", r#"{"number":0}"#).await;
    publish(&client, "orders.eu.paid", r#"{"number":7}"#).await;
    raw::until("three errors", async || {
        errors().await == [(2, 2), (1, 1), (0, 0), (0, 0)]
    })
    .await;
    assert_eq!(
        service.subscribers()[1].stats().last_error,
        "401:whose is it?"
    );
    publish(&client, "orders.eu.created", r#"{"number":1}"#).await;
    assert_eq!(next(&mut seen).await, ("created", "eu".to_owned(), None, 1));
}

#[tokio::test]
async fn an_annotated_method_has_the_events_of_a_key_in_their_order() {
    let broker = Broker::start().await;
    let (service, mut seen) = shipping(&broker).await;
    let client = broker.client().await;
    for amount in 0..200 {
        publish(&client, "accounts.one", amount.to_string()).await;
    }
    for amount in 0..200 {
        assert_eq!(next(&mut seen).await.3, amount);
    }
    assert!(service.stop().await.abandoned.is_empty());
}
