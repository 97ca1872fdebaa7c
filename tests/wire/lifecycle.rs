//! Starting and stopping.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use micro::{App, Connection, Request, RunningService, ServiceBuilder, StartError};
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::broker::Broker;
use crate::{proxy, raw};

#[tokio::test]
async fn a_thousand_starts_each_followed_at_once_by_a_request_from_another_connection() {
    let broker = Broker::start().await;
    let here = Connection::connect(broker.url()).await.unwrap();
    let there = broker.client().await;
    for number in 0..1_000 {
        let service = ServiceBuilder::new("starting", "1.0.0")
            .endpoint("answer", async |request: Request| {
                request.context().instance_id().to_owned()
            })
            .start(&here)
            .await
            .unwrap();
        let reply = raw::try_request(&there, "answer", "").await;
        let reply = reply.unwrap_or_else(|error| panic!("start {number}: {error}"));
        assert_eq!(raw::text(&reply), service.id());
        let report = service.stop().await;
        assert!(report.abandoned.is_empty());
    }
    let gone = raw::try_request(&there, "answer", "").await;
    assert_eq!(
        gone.unwrap_err(),
        async_nats::RequestErrorKind::NoResponders
    );
}

#[tokio::test]
async fn a_stop_answers_what_is_in_flight_and_waiting_then_is_gone() {
    let broker = Broker::start().await;
    let (started, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (seen, held) = (Arc::clone(&started), Arc::clone(&gate));
    let service = ServiceBuilder::new("stopping", "1.0.0")
        .concurrency(4)
        .endpoint("slow", move |_: Request| {
            let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
            async move {
                let told = held.notified();
                seen.add_permits(1);
                told.await;
                "done"
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { raw::request(&client, "slow", "").await })
        })
        .collect();
    let _four = started.acquire_many(4).await.unwrap();

    let stopping = tokio::spawn({
        let service = service.clone();
        async move { service.stop().await }
    });
    // Discovery goes last: it still answers, and when the endpoint has left, a request finds nobody.
    let released = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move {
            loop {
                gate.notify_waiters();
                tokio::task::yield_now().await;
            }
        }
    });
    for call in calls {
        assert_eq!(raw::text(&call.await.unwrap()), "done");
    }
    let report = stopping.await.unwrap();
    released.abort();
    assert!(report.abandoned.is_empty(), "{report:?}");
    for subject in ["slow", "$SRV.PING", "$SRV.STATS.stopping"] {
        let reply = raw::try_request(&client, subject, "").await;
        assert_eq!(
            reply.unwrap_err(),
            async_nats::RequestErrorKind::NoResponders,
            "{subject}"
        );
    }
    // A second stop is the same stop.
    assert_eq!(service.stop().await, report);
    assert_eq!(report.endpoints[0].num_requests, 20);
    // As in Go, what has stopped has no endpoints.
    assert!(service.info().endpoints.is_empty() && service.stats().endpoints.is_empty());
}

/// Tells when it is dropped.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_drain_timeout_and_tells_whom_it_left() {
    let broker = Broker::start().await;
    let started = Arc::new(Semaphore::new(0));
    let seen = Arc::clone(&started);
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Arc::clone(&dropped);
    let service = ServiceBuilder::new("stuck", "1.0.0")
        .drain_timeout(Duration::from_millis(50))
        .concurrency(1)
        .endpoint("never", move |_: Request| {
            seen.add_permits(1);
            let guard = Told(Arc::clone(&guard));
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }
        })
        .endpoint("other", async |_: Request| "here")
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    for _ in 0..3 {
        let inbox = inbox.clone();
        client
            .publish_with_reply("never", inbox, "".into())
            .await
            .unwrap();
    }
    let _one = raw::soon(started.acquire()).await.unwrap();
    let report = raw::soon(service.stop()).await;
    assert!(
        dropped.load(Ordering::Relaxed),
        "the handler outlived the stop"
    );
    let named: Vec<_> = report
        .abandoned
        .iter()
        .map(|left| (left.endpoint.as_str(), left.requests))
        .collect();
    assert_eq!(named, [("never", 1)]);
    // One was begun, and may have done something; two were not, and can go elsewhere at once.
    let mut answers = Vec::new();
    for _ in 0..3 {
        let reply = raw::soon(futures_util::StreamExt::next(&mut replies))
            .await
            .unwrap();
        let again = reply.headers.as_ref().unwrap().get("Micro-Retry-After");
        let again = again.map(|after| after.as_str().to_owned());
        answers.push((raw::error_of(&reply).unwrap(), again));
    }
    answers.sort();
    let begun = (
        503,
        "endpoint `never` stopped before its handler was done".to_owned(),
    );
    let waited = (503, "endpoint `never` is stopping, try again".to_owned());
    let at_once = Some("0".to_owned());
    assert_eq!(
        answers,
        [
            (waited.clone(), at_once.clone()),
            (waited, at_once),
            (begun, None)
        ]
    );
    let never = &report.endpoints[0];
    assert_eq!((never.num_requests, never.num_errors), (3, 3));
}

#[tokio::test]
async fn with_a_server_that_goes_on_sending_a_stop_is_a_plain_drain() {
    let broker = Broker::start().await;
    let heard = Arc::new(Semaphore::new(0));
    let told = Arc::clone(&heard);
    // The limit by which a subscription is left is not understood.
    let url = proxy::dropping(broker.url(), move |line| {
        let leaves = line.starts_with("UNSUB ") && line.split(' ').count() == 3;
        told.add_permits(usize::from(leaves));
        leaves
    })
    .await;
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (seen, held) = (Arc::clone(&begun), Arc::clone(&gate));
    let service = ServiceBuilder::new("drained", "1.0.0")
        .endpoint("slow", move |_: Request| {
            let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
            async move {
                seen.add_permits(1);
                let _pass = held.acquire().await;
                "done"
            }
        })
        .start(&Connection::connect(&url).await.unwrap())
        .await
        .unwrap();
    let client = broker.client().await;
    let caller = client.clone();
    let asked = tokio::spawn(async move { raw::request(&caller, "slow", "").await });
    let _one = raw::soon(begun.acquire()).await.unwrap();
    let stopping = tokio::spawn({
        let service = service.clone();
        async move { service.stop().await }
    });
    let _left = raw::soon(heard.acquire()).await.unwrap();
    // A request that is on its way at the end of a plain drain is lost: none is waited for long.
    let gone = async || {
        let request = async_nats::Request::new().timeout(Some(Duration::from_millis(500)));
        let answer = client.send_request("slow", request).await;
        answer.is_err_and(|error| error.kind() == async_nats::RequestErrorKind::NoResponders)
    };
    gate.add_permits(1_000);
    raw::until("nobody on the subject", gone).await;
    assert_eq!(raw::text(&asked.await.unwrap()), "done");
    let report = raw::soon(stopping).await.unwrap();
    assert!(report.abandoned.is_empty(), "{report:?}");
}

/// An instance that stays, and others that come and go under load, over a connection each to `url`.
async fn come_and_go(broker: &Broker, url: &str, rounds: usize) -> (usize, usize) {
    let start = async |url: &str| {
        ServiceBuilder::new("rolling", "1.0.0")
            .endpoint("work", async |_: Request| {
                tokio::task::yield_now().await;
                "ok"
            })
            .start(Connection::connect(url).await.unwrap())
            .await
            .unwrap()
    };
    let _stays = start(broker.url()).await;
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&broker.client().await, "work", &end);
    for _ in 0..rounds {
        let leaves = start(url).await;
        // Mid-stream: it has served some, and more is on its way.
        let busy = async || leaves.stats().endpoints[0].num_requests >= 200;
        raw::until("200 requests", busy).await;
        assert!(leaves.stop().await.abandoned.is_empty());
    }
    end.store(true, Ordering::Relaxed);
    raw::all_of(load).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_under_load_loses_no_request() {
    let broker = Broker::start().await;
    let (sent, lost) = come_and_go(&broker, broker.url(), 10).await;
    assert_eq!(lost, 0, "of {sent}");
}

/// What a plain drain of async-nats loses, and bare loopback does not show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_under_load_over_a_slow_network_loses_no_request() {
    let broker = Broker::start().await;
    let slow = proxy::delayed(broker.url(), Duration::from_millis(2)).await;
    let (sent, lost) = come_and_go(&broker, &slow, 10).await;
    assert_eq!(lost, 0, "of {sent}");
}

/// A handler that blocks the task that reads requests holds up that one, and not the others' leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_with_a_blocked_handler_loses_no_request_of_another_endpoint() {
    let broker = Broker::start().await;
    let slow = proxy::delayed(broker.url(), Duration::from_millis(2)).await;
    let begun = Arc::new(Semaphore::new(0));
    let seen = Arc::clone(&begun);
    let stays = ServiceBuilder::new("blocked", "1.0.0").endpoint("work", async |_: Request| "ok");
    let _stays = stays.start(&broker.client().await).await.unwrap();
    let leaves = ServiceBuilder::new("blocked", "1.0.0")
        .endpoint("work", async |_: Request| "ok")
        .endpoint("block", move |_: Request| {
            seen.add_permits(1);
            // Longer than a stop waits for a reader.
            tokio::task::block_in_place(|| std::thread::sleep(Duration::from_secs(3)));
            async {}
        })
        .start(&Connection::connect(&slow).await.unwrap())
        .await
        .unwrap();
    let client = broker.client().await;
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&client, "work", &end);
    let busy = async || leaves.stats().endpoints[0].num_requests >= 200;
    raw::until("200 requests", busy).await;
    client.publish("block", "".into()).await.unwrap();
    let _one = raw::soon(begun.acquire()).await.unwrap();
    leaves.stop().await;
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
}

#[tokio::test]
async fn what_cannot_be_told_of_a_stop_is_counted_and_named() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let service = ServiceBuilder::new("untold", "1.0.0")
        .drain_timeout(Duration::ZERO)
        .concurrency(1)
        .endpoint("never", |_: Request| std::future::pending::<()>())
        .start(&connection)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..3 {
        let inbox = client.new_inbox();
        client
            .publish_with_reply("never", inbox, "".into())
            .await
            .unwrap();
    }
    raw::round_trip(&client).await;
    // What the server has sent before is there, and then the network goes, and the client's queue
    // fills with what it cannot send.
    raw::request(&client, &format!("$SRV.PING.untold.{}", service.id()), "").await;
    network.cut();
    raw::until("the connection lost", async || !connection.is_connected()).await;
    let stuck = connection.client();
    while let Ok(sent) = tokio::time::timeout(
        Duration::from_millis(200),
        stuck.publish("nowhere", "".into()),
    )
    .await
    {
        sent.unwrap();
    }
    let report = raw::soon(service.stop()).await;
    assert_eq!(report.abandoned[0].requests, 3, "{report:?}");
    let never = &report.endpoints[0];
    assert_eq!((never.num_requests, never.num_errors), (3, 3));
}

#[tokio::test]
async fn dropping_the_handle_leaves_the_service_running() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    drop(
        ServiceBuilder::new("kept", "1.0.0")
            .endpoint("kept", async |_: Request| "here")
            .start(&broker.client().await)
            .await
            .unwrap(),
    );
    assert_eq!(raw::text(&raw::request(&client, "kept", "").await), "here");
}

#[tokio::test]
async fn a_closed_connection_stops_the_service() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let service = ServiceBuilder::new("closing", "1.0.0")
        .endpoint("x", async |_: Request| ())
        .start(&connection)
        .await
        .unwrap();
    connection.client().drain().await.unwrap();
    tokio::time::timeout(raw::PATIENCE, service.stopped())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_closed_connection_of_the_users_own_stops_the_service_too() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("closing", "1.0.0")
        .endpoint("x", async |_: Request| ())
        .start(&client)
        .await
        .unwrap();
    client.drain().await.unwrap();
    let report = tokio::time::timeout(raw::PATIENCE, service.stopped())
        .await
        .unwrap();
    assert_eq!(
        report.cause.as_deref(),
        Some("its connection to NATS is closed")
    );
}

#[tokio::test]
async fn a_stop_ends_while_the_server_is_away() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let service = ServiceBuilder::new("alone", "1.0.0")
        .endpoint("x", async |_: Request| ())
        .start(&connection)
        .await
        .unwrap();
    network.cut();
    raw::until("the connection lost", async || !connection.is_connected()).await;
    // And with the client's queue of commands full, which nobody empties now.
    let client = connection.client().clone();
    let flood =
        tokio::spawn(async move { while client.publish("nowhere", "".into()).await.is_ok() {} });
    let report = tokio::time::timeout(raw::PATIENCE, service.stop())
        .await
        .unwrap();
    assert!(report.abandoned.is_empty(), "{report:?}");
    flood.abort();
}

/// Each for itself: they do not wait for each other, nor for the server to come back.
#[tokio::test]
async fn starts_end_while_the_server_is_away() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    network.cut();
    raw::until("the connection lost", async || !connection.is_connected()).await;
    let start = async |subject: String| {
        let service = ServiceBuilder::new("away", "1.0.0");
        let service = service.endpoint(&subject, async |_: Request| ());
        service.start(&connection).await
    };
    let starts = (0..32).map(|number| start(format!("x{number}")));
    let failed = tokio::time::timeout(raw::PATIENCE, join_all(starts)).await;
    assert!(failed.unwrap().iter().all(Result::is_err));
}

#[tokio::test]
async fn a_service_comes_back_with_the_server_under_the_same_id() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let service = ServiceBuilder::new("back", "1.0.0")
        .endpoint("back", async |_: Request| "here")
        .start(&connection)
        .await
        .unwrap();
    let client = broker.client().await;
    raw::request(&client, "back", "").await;
    network.cut();
    let listener = proxy::bind_again(&url).await;
    proxy::serve(listener, broker.url(), Duration::ZERO);
    // A request that the server sends into the broken connection is lost, so ask again and again,
    // without waiting for each.
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    let answered = async {
        loop {
            client
                .publish_with_reply("back", inbox.clone(), "".into())
                .await
                .unwrap();
            client.flush().await.unwrap();
            tokio::select! {
                reply = futures_util::StreamExt::next(&mut replies) => {
                    if reply.unwrap().status.is_none() {
                        return;
                    }
                }
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
        }
    };
    tokio::time::timeout(raw::PATIENCE, answered).await.unwrap();
    let stats = raw::stats(&client, "back", service.id()).await;
    let requests = stats["endpoints"][0]["num_requests"].as_u64().unwrap();
    assert!(
        requests >= 2,
        "the one from before is still counted: {requests}"
    );
}

/// At most once, whatever happens to the network: nothing is sent again by itself.
#[tokio::test]
async fn a_network_that_breaks_in_the_middle_has_no_request_served_twice() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let served: Arc<Mutex<BTreeMap<usize, usize>>> = Arc::default();
    let book = Arc::clone(&served);
    let connection = Connection::connect(&url).await.unwrap();
    let _service = ServiceBuilder::new("once", "1.0.0")
        .endpoint("once", move |request: Request| {
            let number = std::str::from_utf8(request.payload())
                .unwrap()
                .parse()
                .unwrap();
            *book.lock().unwrap().entry(number).or_default() += 1;
            async {}
        })
        .start(&connection)
        .await
        .unwrap();
    // The caller's network is the same one.
    let client = async_nats::connect(&url).await.unwrap();
    let mut number = 0;
    let mut send_until = async |what: &str, so: &dyn Fn(usize) -> bool| {
        raw::until(what, async || {
            let (inbox, body) = (client.new_inbox(), number.to_string());
            number += 1;
            // Refused while the connection is down and the client's queue full.
            let sent = client.publish_with_reply("once", inbox, body.into());
            let _ = tokio::time::timeout(Duration::from_millis(1), sent).await;
            so(number)
        })
        .await;
        number
    };
    let count = || served.lock().unwrap().len();
    send_until("some of them served", &|_| count() >= 500).await;
    network.cut();
    let before = count();
    let cut = send_until("the connection lost", &|_| !connection.is_connected()).await;
    let listener = proxy::bind_again(&url).await;
    proxy::serve(listener, broker.url(), Duration::ZERO);
    let sent = send_until("served again", &|_| count() >= before + 500).await;
    let served = served.lock().unwrap();
    let twice: Vec<_> = served.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "of {sent}, cut at {cut}: {twice:?}");
}

#[tokio::test]
async fn discovery_answers_while_a_service_drains_and_what_waits_too_long_is_told() {
    let broker = Broker::start().await;
    let started = Arc::new(Notify::new());
    let seen = Arc::clone(&started);
    let service = ServiceBuilder::new("draining", "1.0.0")
        .concurrency(1)
        .drain_timeout(Duration::from_secs(3))
        .endpoint("slow", move |_: Request| {
            seen.notify_one();
            std::future::pending::<()>()
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { raw::request(&client, "slow", "").await })
        })
        .collect();
    started.notified().await;
    let stopping = tokio::spawn({
        let service = service.clone();
        async move { service.stop().await }
    });
    // Once the endpoint has left, nobody is there for a new request, and STATS still answers.
    let inbox = client.new_inbox();
    let mut nobody = client.subscribe(inbox.clone()).await.unwrap();
    let gone = async {
        loop {
            client
                .publish_with_reply("slow", inbox.clone(), "".into())
                .await
                .unwrap();
            client.flush().await.unwrap();
            tokio::select! {
                reply = futures_util::StreamExt::next(&mut nobody) => {
                    if reply.unwrap().status.is_some() {
                        return;
                    }
                }
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::time::timeout(raw::PATIENCE, gone).await.unwrap();
    let stats = raw::stats(&client, "draining", service.id()).await;
    assert_eq!(stats["id"], service.id());

    let report = tokio::time::timeout(raw::PATIENCE, stopping)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(report.abandoned[0].requests, 1, "{report:?}");
    // Everybody is told, the four that never started and the one that did.
    for call in calls {
        let told = raw::error_of(&call.await.unwrap());
        assert_eq!(told.unwrap().0, 503);
    }
}

#[tokio::test]
async fn a_program_whose_service_stops_by_itself_has_failed() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("failing", "1.0.0").endpoint("x", async |_: Request| ());
    let program = tokio::spawn(App::with_client(&client).builder(service).run());
    let caller = broker.client().await;
    let up = async { while raw::try_request(&caller, "x", "").await.is_err() {} };
    tokio::time::timeout(raw::PATIENCE, up).await.unwrap();
    client.drain().await.unwrap();
    let error = tokio::time::timeout(raw::PATIENCE, program)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        error.unwrap_err().to_string(),
        "service `failing` has stopped: its connection to NATS is closed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_not_permitted_is_an_error_that_names_it() {
    let config = r#"
        authorization {
            users = [
                { user: limited, password: "p w", permissions: {
                    publish: ">", subscribe: { deny: ["secret.>", "$SRV.PING"] } } }
            ]
        }"#;
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let url = broker.url().replace("nats://", "nats://limited:p%20w@");
    // Busy cores, so that what the client hands to a task of its own may come late.
    let end = Arc::new(AtomicBool::new(false));
    for _ in 0..4 {
        let end = Arc::clone(&end);
        std::thread::spawn(move || while !end.load(Ordering::Relaxed) {});
    }
    for (denied, subject) in [("secret.one", "secret.one"), ("open.one", "$SRV.PING")] {
        for _ in 0..50 {
            let connection = Connection::connect(&url).await.unwrap();
            let error = ServiceBuilder::new("limited", "1.0.0")
                .endpoint("open.two", async |_: Request| ())
                .endpoint(denied, async |_: Request| ())
                .start(&connection)
                .await
                .unwrap_err();
            let StartError::Refused { subject: named, .. } = &error else {
                panic!("{error}");
            };
            assert!([subject, "$SRV.PING"].contains(&named.as_str()), "{error}");
        }
    }
    end.store(true, Ordering::Relaxed);
}

/// Something whose end is a panic.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test]
async fn what_panics_as_it_is_dropped_does_not_keep_a_stop() {
    let broker = Broker::start().await;
    let bomb = Bomb;
    let service = ServiceBuilder::new("dropped", "1.0.0")
        .endpoint("x", move |_: Request| {
            let _held = &bomb;
            async {}
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    raw::request(&broker.client().await, "x", "").await;
    let stopped = tokio::time::timeout(raw::PATIENCE, service.stop()).await;
    assert_eq!(stopped.unwrap().endpoints[0].num_requests, 1);
}

#[tokio::test]
async fn what_asks_its_own_service_as_it_is_dropped_has_an_answer() {
    struct Last(Arc<OnceLock<RunningService>>, mpsc::UnboundedSender<usize>);
    impl Drop for Last {
        fn drop(&mut self) {
            if let Some(service) = self.0.get() {
                let _ = self.1.send(service.stats().endpoints.len());
            }
        }
    }
    let broker = Broker::start().await;
    let this: Arc<OnceLock<RunningService>> = Arc::default();
    let (sender, mut seen) = mpsc::unbounded_channel();
    let last = Last(Arc::clone(&this), sender);
    let service = ServiceBuilder::new("dropped", "1.0.0")
        .endpoint("x", move |_: Request| {
            let _held = &last;
            async {}
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    this.set(service.clone()).unwrap();
    let stopped = tokio::time::timeout(raw::PATIENCE, service.stop()).await;
    assert!(stopped.is_ok());
    assert_eq!(seen.try_recv(), Ok(0));
}

#[tokio::test]
async fn a_panic_whose_own_end_panics_is_answered_like_any_other() {
    let broker = Broker::start().await;
    let _service = ServiceBuilder::new("dropped", "1.0.0")
        .endpoint("x", async |request: Request| {
            if request.payload().is_empty() {
                std::panic::panic_any(Bomb);
            }
            "fine"
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let reply = raw::request(&client, "x", "").await;
    assert_eq!(raw::error_of(&reply).unwrap().0, 500);
    assert_eq!(raw::text(&raw::request(&client, "x", "1").await), "fine");
}

#[tokio::test]
async fn a_start_that_is_given_up_loses_no_request_and_leaves_nothing() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let start = |name: &str| {
        ServiceBuilder::new(name, "1.0.0").endpoint("shared", async |_: Request| "here")
    };
    let _stays = start("stays").start(&client).await.unwrap();
    let far = proxy::delayed(broker.url(), Duration::from_millis(20)).await;
    let far = Connection::connect(&far).await.unwrap();
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&client, "shared", &end);
    for _ in 0..5 {
        // Far enough to have asked for its subscriptions; the server's word takes 40 ms.
        let yields = async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            started = start("given-up").start(&far) => panic!("{started:?}"),
            () = yields => {}
        }
        raw::until("it come, and gone", async || {
            raw::try_request(&client, "$SRV.PING.given-up", "")
                .await
                .is_err()
        })
        .await;
    }
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
}

#[tokio::test]
async fn a_stop_that_is_asked_for_outside_of_a_runtime_is_one() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("outside", "1.0.0")
        .start(&broker.client().await)
        .await
        .unwrap();
    let other = service.clone();
    std::thread::spawn(move || {
        let mut stop = std::pin::pin!(other.stop());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(stop.as_mut().poll(&mut context).is_pending());
    })
    .join()
    .unwrap();
    let stopped = tokio::time::timeout(raw::PATIENCE, service.stopped()).await;
    assert_eq!(stopped.unwrap().cause, None);
}
