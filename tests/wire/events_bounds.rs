//! Events where something is full, late or shared: who gets them, and what becomes of those that nobody
//! could take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use micro::{AddError, Request, ServiceBuilder, StartError, SubscriberOptions};

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
