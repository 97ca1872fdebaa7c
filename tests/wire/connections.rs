//! A service over several connections is one service.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use async_nats::Client;
use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _};
use micro::{
    ConnectError, ConnectOptions, Connection, EndpointOptions, Incident, Request, RunningService,
    ServiceBuilder,
};
use tokio::sync::{Semaphore, mpsc};

use crate::broker::Broker;
use crate::{proxy, raw};

fn options(url: &str, connections: usize) -> ConnectOptions {
    ConnectOptions::new().urls(url).connections(connections)
}

async fn connect(url: &str, connections: usize) -> Connection {
    let options = options(url, connections).own_thread(true);
    Connection::connect_with(&options).await.unwrap()
}

#[derive(Default)]
struct Seen {
    threads: Mutex<HashSet<ThreadId>>,
    order: Mutex<Vec<u32>>,
}

/// A service over three connections: one endpoint of each kind.
async fn several(broker: &Broker) -> (RunningService, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let (threads, order) = (Arc::clone(&seen), Arc::clone(&seen));
    let service = ServiceBuilder::new("several", "1.0.0")
        .endpoint("echo", move |request: Request| {
            let new = thread::current().id();
            threads.threads.lock().unwrap().insert(new);
            async move { request.payload().clone() }
        })
        .endpoint_with(
            "all",
            async |_: Request| "here",
            EndpointOptions::no_queue_group,
        )
        .endpoint_with(
            "serial",
            move |request: Request| {
                let number = std::str::from_utf8(request.payload()).unwrap().parse();
                order.order.lock().unwrap().push(number.unwrap());
                async { tokio::task::yield_now().await }
            },
            |serial| serial.concurrency(1).pending(1_000),
        )
        .start(connect(broker.url(), 3).await)
        .await
        .unwrap();
    (service, seen)
}

/// A service whose `work` is held.
struct Held {
    service: RunningService,
    /// Lets one go on for each permit.
    gate: Arc<Semaphore>,
    /// Has one message for each that has begun.
    begun: mpsc::UnboundedReceiver<()>,
    incidents: mpsc::UnboundedReceiver<Incident>,
    /// The connections' threads on which `echo` was served.
    threads: Arc<Mutex<HashSet<ThreadId>>>,
}

/// One over three connections, that works on four at once. It has been seen that they do not compute.
async fn hold(url: &str, client: &Client, pending: usize) -> Held {
    let gate = Arc::new(Semaphore::new(0));
    let (entered, mut begun) = mpsc::unbounded_channel();
    let (tell, incidents) = mpsc::unbounded_channel();
    let held = Arc::clone(&gate);
    let threads = Arc::<Mutex<HashSet<_>>>::default();
    let seen = Arc::clone(&threads);
    let service = ServiceBuilder::new("held", "1.0.0")
        .endpoint("echo", move |request: Request| {
            let thread = thread::current();
            if thread.name() == Some("nats") {
                seen.lock().unwrap().insert(thread.id());
            }
            async move { request.payload().clone() }
        })
        .endpoint_with(
            "work",
            move |_: Request| {
                let _ = entered.send(());
                let held = Arc::clone(&held);
                async move { held.acquire().await.unwrap().forget() }
            },
            |work| work.concurrency(4).pending(pending),
        )
        .on_error(move |_, incident| {
            let _ = tell.send(incident.clone());
        })
        .drain_timeout(Duration::from_millis(100))
        .start(connect(url, 3).await)
        .await
        .unwrap();
    gate.add_permits(1);
    raw::request(client, "work", "").await;
    raw::soon(begun.recv()).await.unwrap();
    Held {
        service,
        gate,
        begun,
        incidents,
        threads,
    }
}

#[tokio::test]
async fn several_connections_are_one_instance() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (service, seen) = several(&broker).await;

    for _ in 0..10 {
        let bodies: Vec<_> = (0..50).map(|n: u32| n.to_string()).collect();
        let asking = bodies
            .iter()
            .map(|body| raw::request(&client, "echo", body));
        for (answer, body) in join_all(asking).await.iter().zip(&bodies) {
            assert_eq!(raw::text(answer), body);
        }
    }
    // Each connection has had some, on its own thread; the first of all ran elsewhere.
    let threads = seen.threads.lock().unwrap().len();
    assert!((3..=4).contains(&threads), "{threads}");

    for subject in ["all", "$SRV.PING.several", "$SRV.INFO", "$SRV.STATS"] {
        assert_eq!(raw::gather(&client, subject, 1).await.len(), 1, "{subject}");
    }
    let stats = raw::stats(&client, "several", service.id()).await;
    assert_eq!(stats["endpoints"][0]["num_requests"], 500);
    assert_eq!(stats["endpoints"][0]["num_errors"], 0);
    assert_eq!(stats["endpoints"].as_array().unwrap().len(), 3);

    let late = service.add_endpoint("late", async |_: Request| "late");
    let late = late.await.unwrap();
    for _ in 0..20 {
        assert_eq!(raw::request(&client, "late", "").await.payload, "late");
    }
    assert_eq!(late.remove().await, None);
    let report = service.stop().await;
    assert!(report.abandoned.is_empty(), "{report:?}");
    for subject in ["echo", "all", "serial", "late", "$SRV.PING"] {
        assert!(raw::try_request(&client, subject, "").await.is_err());
    }
}

#[tokio::test]
async fn what_is_served_one_by_one_is_served_in_order() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (service, seen) = several(&broker).await;
    for number in 0..500 {
        let body = number.to_string().into();
        client.publish("serial", body).await.unwrap();
    }
    raw::request(&client, "serial", "500").await;
    assert!(seen.order.lock().unwrap().iter().copied().eq(0..=500));
    service.stop().await;
}

/// The turn of what waits comes with the end of another, by whatever connection that came.
#[tokio::test]
async fn limits_are_those_of_all_connections_together() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let Held {
        service,
        gate,
        mut begun,
        ..
    } = hold(broker.url(), &client, 8).await;

    let asking: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { raw::request(&client, "work", "").await })
        })
        .collect();
    for _ in 0..4 {
        raw::soon(begun.recv()).await.unwrap();
    }
    let refused = async || {
        let stats = raw::stats(&client, "held", service.id()).await;
        stats["endpoints"][1]["num_errors"] == 8
    };
    raw::until("eight that are too many", refused).await;
    assert!(begun.try_recv().is_err(), "more than four at once");
    gate.add_permits(12);
    let answers = join_all(asking).await.into_iter().map(Result::unwrap);
    let errors: Vec<_> = answers.filter_map(|a| raw::error_of(&a)).collect();
    assert_eq!(errors.len(), 8, "{errors:?}");
    assert!(errors.iter().all(|(code, _)| *code == 503), "{errors:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_several_connections_under_load_loses_no_request() {
    let broker = Broker::start().await;
    let slow = proxy::delayed(broker.url(), Duration::from_millis(1)).await;
    let start = async |url: &str| {
        ServiceBuilder::new("rolling", "1.0.0")
            .endpoint("work", async |_: Request| "ok")
            .start(connect(url, 3).await)
            .await
            .unwrap()
    };
    let stays = start(broker.url()).await;
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&broker.client().await, "work", &end);
    for _ in 0..10 {
        let leaves = start(&slow).await;
        let busy = async || leaves.stats().endpoints[0].num_requests >= 100;
        raw::until("100 requests", busy).await;
        assert!(leaves.stop().await.abandoned.is_empty());
    }
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
    stays.stop().await;
}

/// What poisons a connection may come by any of them.
#[tokio::test]
async fn each_connection_that_fails_is_made_again() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (service, seen) = several(&broker).await;
    for _ in 0..10 {
        raw::poison(broker.url(), "echo").await;
    }
    raw::until_answered(&client, "echo", "still here").await;
    seen.threads.lock().unwrap().clear();
    let all_serve = async || {
        raw::until_answered(&client, "echo", "still here").await;
        seen.threads.lock().unwrap().len() == 3
    };
    raw::until("requests by each connection", all_serve).await;
    assert_eq!(raw::gather(&client, "all", 1).await.len(), 1);
    assert_eq!(service.stop().await.cause, None);
}

/// One has failed and cannot be made again, and has answers to send.
#[tokio::test]
async fn a_connection_that_takes_nothing_keeps_the_others_from_nothing() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let client = broker.client().await;
    let Held {
        service,
        gate,
        begun,
        mut incidents,
        threads,
    } = hold(&url, &client, 1_000).await;
    let mut inbox = client.subscribe("held.*").await.unwrap();
    for number in 0..200 {
        let reply = format!("held.{number}");
        client
            .publish_with_reply("work", reply, "".into())
            .await
            .unwrap();
    }
    // What is behind them on each connection: what has not come when one fails is nobody's.
    let arrived = async || {
        raw::request(&client, "echo", "").await;
        threads.lock().unwrap().len() == 3 && begun.len() == 4
    };
    raw::until("all requests", arrived).await;

    network.close(true);
    raw::poison(broker.url(), "echo").await;
    let failed = raw::soon(incidents.recv()).await.unwrap();
    assert_eq!(failed, Incident::ClientFailed);
    gate.add_permits(10_000);
    // Those that came by the others are answered, and so are those that come now, but for one that the
    // server sends the way of the failed one before it knows.
    for _ in 0..50 {
        raw::until_answered(&client, "work", "").await;
    }
    // What the failed one has to send does not keep the stop beyond its bounds, and is told.
    let report = raw::soon(service.stop()).await;
    raw::round_trip(&client).await;
    let mut answered = 0;
    while let Some(Some(_)) = tokio::task::unconstrained(inbox.next()).now_or_never() {
        answered += 1;
    }
    assert!((50..200).contains(&answered), "{answered}");
    assert_eq!(report.abandoned.len(), 1, "{report:?}");
    assert_eq!(report.abandoned[0].requests, 200 - answered, "{report:?}");
}

/// A server that lets a connection answer what came by it, and send nothing else.
#[tokio::test]
async fn an_answer_goes_back_by_the_connection_that_the_request_came_by() {
    let config = "authorization { users: [
        { user: caller, password: p }
        { user: service, password: p, permissions: {
            subscribe: \">\", publish: { allow: \"_INBOX.service.>\" }, allow_responses: true } } ] }";
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let login = |user: &str| {
        let user = async_nats::ConnectOptions::with_user_and_password(user.into(), "p".into());
        user.connect(broker.url().to_owned())
    };
    let options = options(broker.url(), 3)
        .user("service", "p")
        .inbox_prefix("_INBOX.service");
    let service = ServiceBuilder::new("answers", "1.0.0")
        .endpoint_with(
            "work",
            async |request: Request| {
                // Early, late, in turn, and with headers.
                tokio::task::yield_now().await;
                request.context().set_header("X-Late", "yes").unwrap();
                request.payload().clone()
            },
            |work| work.concurrency(2).pending(1_000),
        )
        .start(Connection::connect_with(&options).await.unwrap())
        .await
        .unwrap();
    let client = login("caller").await.unwrap();
    let mut inbox = client.subscribe("answers.*").await.unwrap();
    for number in 0..300 {
        let reply = format!("answers.{number}");
        let body = number.to_string().into();
        client
            .publish_with_reply("work", reply, body)
            .await
            .unwrap();
    }
    let mut answered = HashSet::new();
    for _ in 0..300 {
        let answer = raw::soon(inbox.next()).await.unwrap();
        assert_eq!(raw::error_of(&answer), None);
        assert!(answered.insert(raw::text(&answer).to_owned()));
    }
    service.stop().await;
}

#[tokio::test]
async fn there_are_one_to_sixty_four_connections() {
    for number in [0, 65] {
        let refused = Connection::connect_with(&options("127.0.0.1:1", number)).await;
        let Err(error @ ConnectError::Settings { .. }) = refused else {
            panic!("{number}");
        };
        let text = error.to_string();
        assert!(text.contains(&format!("not {number}")), "{text}");
    }
}
