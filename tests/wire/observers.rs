//! What a service tells its owner: stats handlers, the error handler, the done handler.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_nats::ConnectOptions;
use micro::{
    Connection, Error, Events, Incident, Request, RunningService, ServiceBuilder, StopReport,
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::broker::Broker;
use crate::{proxy, raw};

async fn echo(request: Request) -> micro::Bytes {
    request.payload().clone()
}

/// The incidents of a service, in the order in which its error handler saw them.
fn listening(builder: ServiceBuilder) -> (ServiceBuilder, mpsc::UnboundedReceiver<Incident>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let builder = builder.on_error(move |_, incident| {
        let _ = sender.send(incident.clone());
    });
    (builder, receiver)
}

async fn next(incidents: &mut mpsc::UnboundedReceiver<Incident>) -> Incident {
    tokio::time::timeout(raw::PATIENCE, incidents.recv())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_stats_handler_adds_data_and_its_absence_adds_nothing() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("counted", "1.0.0")
        .endpoint("bare", echo)
        .endpoint_with("own", echo, |endpoint| {
            endpoint.stats_handler(|stats| json!({"seen": stats.num_requests}))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    raw::request(&client, "own", "").await;
    let stats = raw::stats(&client, "counted", service.id()).await;
    assert_eq!(stats["endpoints"][0].get("data"), None);
    assert_eq!(stats["endpoints"][1]["data"], json!({"seen": 1}));
    service.reset();
    let stats = raw::stats(&client, "counted", service.id()).await;
    assert_eq!(stats["endpoints"][1]["data"], json!({"seen": 0}));
}

#[tokio::test]
async fn an_endpoints_stats_handler_goes_before_its_services() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("counted", "1.0.0")
        .stats_handler(|stats| json!({"endpoint": stats.name}))
        .endpoint("first", echo)
        .endpoint_with("second", echo, |endpoint| endpoint.stats_handler(|_| 7))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let stats = raw::stats(&client, "counted", service.id()).await;
    assert_eq!(stats["endpoints"][0]["data"], json!({"endpoint": "first"}));
    assert_eq!(stats["endpoints"][1]["data"], 7);
}

#[tokio::test]
async fn a_stats_handler_may_ask_for_stats_and_may_reset_them() {
    let broker = Broker::start().await;
    let this: Arc<OnceLock<RunningService>> = Arc::default();
    let own = Arc::clone(&this);
    let service = ServiceBuilder::new("counted", "1.0.0")
        .stats_handler(move |_| {
            let service = own.get()?;
            service.reset();
            let inner = service.stats();
            assert!(
                inner
                    .endpoints
                    .iter()
                    .all(|endpoint| endpoint.data.is_none())
            );
            Some((service.info().endpoints.len(), inner.endpoints.len()))
        })
        .endpoint("first", echo)
        .endpoint("second", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    this.set(service.clone()).unwrap();
    let client = broker.client().await;
    let stats = raw::stats(&client, "counted", service.id()).await;
    assert_eq!(stats["endpoints"][1]["data"], json!([2, 2]));
}

#[tokio::test]
async fn a_stats_handler_that_fails_or_panics_leaves_the_rest_of_stats_as_it_is() {
    let broker = Broker::start().await;
    let (builder, mut incidents) = listening(ServiceBuilder::new("counted", "1.0.0"));
    let service = builder
        .endpoint_with("fails", echo, |endpoint| {
            endpoint.try_stats_handler(|_| Err::<(), _>("the disk is full"))
        })
        .endpoint_with("panics", echo, |endpoint| {
            endpoint.stats_handler(|_| -> u8 { panic!("oh no") })
        })
        .endpoint_with("works", echo, |endpoint| {
            endpoint.try_stats_handler(|_| Ok::<_, Error>("fine"))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let stats = raw::stats(&client, "counted", service.id()).await;
    let data = |index: usize| stats["endpoints"][index].get("data");
    assert_eq!((data(0), data(1)), (None, None));
    assert_eq!(data(2), Some(&json!("fine")));
    for (name, says) in [("fails", "the disk is full"), ("panics", "oh no")] {
        let Incident::StatsHandler {
            endpoint, reason, ..
        } = next(&mut incidents).await
        else {
            panic!("another incident");
        };
        assert_eq!(endpoint, name);
        assert!(reason.contains(says), "{reason}");
    }
}

#[tokio::test]
async fn the_error_handler_is_told_of_what_no_caller_is_told() {
    let broker = Broker::start().await;
    let (builder, mut incidents) = listening(ServiceBuilder::new("told", "1.0.0"));
    let service = builder
        .endpoint("echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for subject in ["$SRV.PING", "$SRV.INFO.told"] {
        client.publish(subject, "".into()).await.unwrap();
        let incident = next(&mut incidents).await;
        assert_eq!(incident.subject(), Some(subject));
        assert!(matches!(incident, Incident::NoReplySubject { .. }));
    }
    client.publish("echo", "nobody waits".into()).await.unwrap();
    let incident = next(&mut incidents).await;
    assert_eq!(incident.subject(), Some("echo"));
    // It goes on, and the request counts as one that went wrong.
    raw::request(&client, "echo", "hi").await;
    let stats = raw::stats(&client, "told", service.id()).await;
    assert_eq!(stats["endpoints"][0]["num_requests"], 2);
    assert_eq!(stats["endpoints"][0]["num_errors"], 1);
}

#[tokio::test]
async fn an_error_handler_that_panics_is_called_again_and_hurts_nobody() {
    let broker = Broker::start().await;
    let (sender, mut calls) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("told", "1.0.0")
        .endpoint("echo", echo)
        .on_error(move |service, incident| {
            let _ = sender.send(service.name().to_owned());
            panic!("{incident}");
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..3 {
        client.publish("$SRV.PING", "".into()).await.unwrap();
        assert_eq!(raw::soon(calls.recv()).await.as_deref(), Some("told"));
    }
    raw::request(&client, "echo", "").await;
    assert!(service.stop().await.abandoned.is_empty());
}

#[tokio::test]
async fn the_done_handler_is_called_once_before_a_stop_returns() {
    let broker = Broker::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let reports: Arc<Mutex<Vec<StopReport>>> = Arc::default();
    let (counter, seen) = (Arc::clone(&calls), Arc::clone(&reports));
    let service = ServiceBuilder::new("ending", "1.0.0")
        .endpoint("echo", echo)
        .on_done(move |service, report| {
            assert!(service.info().endpoints.is_empty());
            seen.lock().unwrap().push(report.clone());
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    raw::request(&broker.client().await, "echo", "").await;
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let stops = (0..5).map(|_| service.stop());
    for report in futures_util::future::join_all(stops).await {
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(report, reports.lock().unwrap()[0]);
        assert_eq!(report.endpoints[0].num_requests, 1);
    }
    service.stop().await;
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_done_handler_that_panics_does_not_keep_a_stop() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("ending", "1.0.0")
        .on_done(|_, _| panic!("at the end"))
        .start(&broker.client().await)
        .await
        .unwrap();
    let stopped = tokio::time::timeout(raw::PATIENCE, service.stop()).await;
    assert_eq!(stopped.unwrap().cause, None);
}

#[tokio::test]
async fn a_closed_connection_is_told_to_both_handlers() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (done, mut ended) = mpsc::unbounded_channel();
    let (builder, mut incidents) = listening(ServiceBuilder::new("closing", "1.0.0"));
    let service = builder
        .endpoint("echo", echo)
        .on_done(move |_, report| {
            let _ = done.send(report.cause.clone());
        })
        .start(&client)
        .await
        .unwrap();
    client.drain().await.unwrap();
    assert_eq!(next(&mut incidents).await, Incident::ConnectionClosed);
    let cause = raw::soon(ended.recv()).await.unwrap();
    assert_eq!(cause.as_deref(), Some("its connection to NATS is closed"));
    assert_eq!(service.stopped().await.cause, cause);
}

#[tokio::test]
async fn a_subscription_that_is_no_longer_permitted_is_told_counted_and_ends_the_service() {
    let config = |deny: &str| {
        format!(
            r#"authorization {{ users [
                {{ user: us, password: pw, permissions: {{ subscribe: {{ deny: ["{deny}"] }} }} }}
            ] }}"#
        )
    };
    // The dev server has no permissions.
    let Some(broker) = Broker::start_real(&config("other")).await else {
        return;
    };
    let with_user = |url: &str| url.replace("nats://", "nats://us:pw@");
    let (url, network) = proxy::cuttable(broker.url(), std::time::Duration::ZERO).await;
    let connection = Connection::connect(&with_user(&url)).await.unwrap();
    let (builder, mut incidents) = listening(ServiceBuilder::new("permitted", "1.0.0"));
    let service = builder
        .endpoint("echo", echo)
        .start(&connection)
        .await
        .unwrap();
    // The client comes back to a server that knows it under other rules.
    let Some(stricter) = Broker::start_real(&config("echo")).await else {
        return;
    };
    network.cut();
    let listener = proxy::bind_again(&url).await;
    let _network = proxy::serve(listener, stricter.url(), std::time::Duration::ZERO);
    let incident = next(&mut incidents).await;
    assert_eq!(incident.subject(), Some("echo"));
    assert!(matches!(incident, Incident::SubscriptionRefused { .. }));
    let report = raw::soon(service.stopped()).await;
    let cause = report.cause.unwrap();
    assert!(cause.contains("`echo`"), "{cause}");
    assert_eq!(report.endpoints[0].num_errors, 1);
    assert_eq!(report.endpoints[0].last_error, cause);
}

#[tokio::test]
async fn a_client_of_the_users_own_keeps_its_event_callback() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), std::time::Duration::ZERO).await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let events = Events::new();
    let ours = events.clone();
    let client = ConnectOptions::new()
        .event_callback(move |event| {
            ours.observe(&event);
            let _ = sender.send(event);
            async {}
        })
        .connect(&url)
        .await
        .unwrap();
    let connection = Connection::with_events(client, events);
    let service = ServiceBuilder::new("bringing", "1.0.0")
        .endpoint("echo", echo)
        .start(&connection)
        .await
        .unwrap();
    let first = raw::soon(seen.recv()).await;
    assert_eq!(first, Some(async_nats::Event::Connected));
    service.stop().await;
    // The service is gone; the connection and its callback are the user's still.
    network.cut();
    let lost = async { while seen.recv().await.unwrap() != async_nats::Event::Disconnected {} };
    tokio::time::timeout(raw::PATIENCE, lost).await.unwrap();
}

#[tokio::test]
async fn what_handlers_hold_is_let_go_by_a_stop() {
    let broker = Broker::start().await;
    for whole in [false, true] {
        let this: Arc<OnceLock<RunningService>> = Arc::default();
        let own = Arc::clone(&this);
        let handler = move |_: &_| own.get().map(|service| service.info().endpoints.len());
        let builder = ServiceBuilder::new("counted", "1.0.0");
        let builder = if whole {
            builder.stats_handler(handler).endpoint("echo", echo)
        } else {
            builder.endpoint_with("echo", echo, |endpoint| endpoint.stats_handler(handler))
        };
        let service = builder.start(&broker.client().await).await.unwrap();
        this.set(service.clone()).unwrap();
        let held = Arc::downgrade(&this);
        drop(this);
        service.stop().await;
        drop(service);
        raw::until("it let go", async || held.upgrade().is_none()).await;
    }
}

/// And on the one thread that everything else runs on, a handler that blocks keeps nothing up.
#[tokio::test]
async fn a_flood_of_small_incidents_does_not_hide_a_grave_one() {
    let broker = Broker::start().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let seen: Arc<Mutex<Vec<Incident>>> = Arc::default();
    let list = Arc::clone(&seen);
    let connection = broker.client().await;
    let service = ServiceBuilder::new("told", "1.0.0")
        .on_error(move |_, incident| {
            // Until the sender is dropped.
            let _ = held.lock().unwrap().recv();
            list.lock().unwrap().push(incident.clone());
        })
        .start(&connection)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..400 {
        client.publish("$SRV.PING", "".into()).await.unwrap();
    }
    raw::stats(&client, "told", service.id()).await;
    connection.drain().await.unwrap();
    assert!(raw::soon(service.stopped()).await.cause.is_some());
    drop(release);
    let told = async || seen.lock().unwrap().contains(&Incident::ConnectionClosed);
    raw::until("the grave one told", told).await;
}

#[tokio::test]
async fn an_error_handler_that_blocks_does_not_keep_the_done_handler_from_being_called() {
    let broker = Broker::start().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let begun = Arc::new(tokio::sync::Semaphore::new(0));
    let seen = Arc::clone(&begun);
    let done = Arc::new(AtomicBool::new(false));
    let called = Arc::clone(&done);
    let service = ServiceBuilder::new("told", "1.0.0")
        .on_error(move |_, _| {
            seen.add_permits(1);
            // Until the sender is dropped.
            let _ = held.lock().unwrap().recv();
        })
        .on_done(move |_, _| called.store(true, Ordering::Relaxed))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..10 {
        client.publish("$SRV.PING", "".into()).await.unwrap();
    }
    let _one = raw::soon(begun.acquire()).await.unwrap();
    raw::soon(service.stop()).await;
    assert!(done.load(Ordering::Relaxed));
    drop(release);
}

#[test]
fn a_stats_handler_that_blocks_does_not_keep_a_stop() {
    // One thread, which everything else runs on.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let stopped = runtime.block_on(async {
        let broker = Broker::start().await;
        let service = ServiceBuilder::new("counted", "1.0.0")
            .stats_handler(|_| {
                std::thread::park();
            })
            .endpoint("echo", echo)
            .start(&broker.client().await)
            .await
            .unwrap();
        let client = broker.client().await;
        client
            .publish_with_reply("$SRV.STATS", client.new_inbox(), "".into())
            .await
            .unwrap();
        raw::request(&client, "echo", "").await;
        // Nothing but STATS waits for it.
        for subject in ["$SRV.PING", "$SRV.INFO"] {
            raw::request(&client, subject, "").await;
        }
        tokio::time::timeout(raw::PATIENCE, service.stop()).await
    });
    // The blocked thread cannot be waited for.
    runtime.shutdown_background();
    assert_eq!(stopped.unwrap().endpoints[0].num_requests, 1);
}

#[tokio::test]
async fn a_stats_handler_that_goes_on_failing_is_told_once_until_it_works_again() {
    let broker = Broker::start().await;
    let fails = Arc::new(AtomicBool::new(true));
    let told = Arc::new(AtomicUsize::new(0));
    let (failing, count) = (Arc::clone(&fails), Arc::clone(&told));
    let service = ServiceBuilder::new("counted", "1.0.0")
        .endpoint_with("echo", echo, move |endpoint| {
            endpoint.try_stats_handler(move |_| {
                if failing.load(Ordering::Relaxed) {
                    Err("no")
                } else {
                    Ok("yes")
                }
            })
        })
        .on_error(move |service, _| {
            // This asks the handler that has just failed.
            assert_eq!(service.stats().endpoints[0].data, None);
            count.fetch_add(1, Ordering::Relaxed);
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    for round in 1..=3 {
        fails.store(true, Ordering::Relaxed);
        for _ in 0..10 {
            assert_eq!(service.stats().endpoints[0].data, None);
        }
        let once = async || told.load(Ordering::Relaxed) == round;
        raw::until("the failure told", once).await;
        fails.store(false, Ordering::Relaxed);
        assert_eq!(service.stats().endpoints[0].data, Some(json!("yes")));
    }
    service.stop().await;
    assert_eq!(told.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn an_error_handler_may_stop_its_service() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("told", "1.0.0")
        .endpoint("echo", echo)
        .on_error(|service, _| {
            let service = service.clone();
            tokio::spawn(async move { service.stop().await });
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    client.publish("$SRV.PING", "".into()).await.unwrap();
    assert_eq!(raw::soon(service.stopped()).await.cause, None);
}
