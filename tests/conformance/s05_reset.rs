//! Section 5: starting the counters anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use micro::{Error, Request, ServiceBuilder};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::documents::{counters, counts, echo, fail, fresh, info, soon, stats};
use crate::raw;

#[tokio::test]
async fn a_reset_zeroes_the_counters_sets_started_and_keeps_the_rest() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("reset", "1.0.0")
        .queue_group("workers")
        .endpoint("echo", echo)
        .group("g", |group| {
            group.endpoint_with("fail", fail, |endpoint| {
                endpoint.name("Fail").no_queue_group()
            })
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let untouched = info(&client, &service).await;
    for round in 0..3 {
        raw::request(&client, "echo", "x").await;
        raw::request(&client, "g.fail", "x").await;
        let before = stats(&client, &service).await;
        assert_eq!(counts(&before["endpoints"][1]), (1, 1), "round {round}");
        service.reset();
        let after = stats(&client, &service).await;
        assert_eq!(
            after["endpoints"],
            json!([
                fresh("echo", "echo", "workers"),
                fresh("Fail", "g.fail", "")
            ])
        );
        // Both are written alike, so the order of the texts is that of the times.
        assert!(after["started"].as_str().unwrap() > before["started"].as_str().unwrap());
        assert_eq!(after["id"], before["id"]);
    }
    assert_eq!(info(&client, &service).await, untouched);
}

/// What is zero when nothing has been asked could still be there with the next request.
#[tokio::test]
async fn the_time_before_a_reset_does_not_come_back() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("time", "1.0.0")
        .endpoint("sleep", async |request: Request| {
            let millis = request.json::<u64>()?;
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok::<_, Error>(())
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let calls = (0..20).map(|_| raw::request(&client, "sleep", "200"));
    futures_util::future::join_all(calls).await;
    let started = Instant::now();
    service.reset();
    raw::request(&client, "sleep", "0").await;
    let outside = started.elapsed();
    let seen = counters(&client, &service, 0).await;
    assert_eq!(counts(&seen), (1, 0));
    let counted = Duration::from_nanos(seen["processing_time"].as_u64().unwrap());
    assert!(counted <= outside, "{counted:?} within {outside:?}");
    assert_eq!(seen["average_processing_time"], seen["processing_time"]);
}

#[tokio::test]
async fn a_request_in_flight_counts_after_a_reset() {
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let service = ServiceBuilder::new("flight", "1.0.0")
        .endpoint("held", move |_: Request| {
            let (held, entered) = (Arc::clone(&held), entered.clone());
            async move {
                entered.send(()).unwrap();
                held.acquire().await.unwrap().forget();
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { raw::request(&client, "held", "").await }
    });
    soon(entries.recv()).await.unwrap();
    service.reset();
    assert_eq!(
        counters(&client, &service, 0).await,
        fresh("held", "held", "q")
    );
    gate.add_permits(1);
    call.await.unwrap();
    assert_eq!(counts(&counters(&client, &service, 0).await), (1, 0));
}

#[tokio::test]
async fn data_is_asked_for_anew_after_a_reset() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("data", "1.0.0")
        .stats_handler(|stats| json!({"seen": stats.num_requests}))
        .endpoint("echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..3 {
        raw::request(&client, "echo", "x").await;
    }
    let seen = |endpoint: Value| endpoint["data"]["seen"].clone();
    assert_eq!(seen(counters(&client, &service, 0).await), 3);
    service.reset();
    assert_eq!(seen(counters(&client, &service, 0).await), 0);
    raw::request(&client, "echo", "x").await;
    assert_eq!(seen(counters(&client, &service, 0).await), 1);
}
