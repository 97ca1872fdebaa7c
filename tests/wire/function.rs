//! Functions: one request is served, and none is lost.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{Client, RequestErrorKind};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use micro::{App, AppArgs, ConnectOptions, Connection, Request, RunningService, ServiceBuilder};
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::process::{example, run};
use crate::raw;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum End {
    /// It was served, by whom the body says.
    By(String),
    /// The server says that nobody serves the subject.
    Nobody,
    /// The function says that it has had its request, and that there is no other instance.
    TryAgain,
}

async fn ask(client: &Client, subject: &str) -> End {
    match raw::try_request(client, subject, "").await {
        Err(kind) => {
            assert_eq!(kind, RequestErrorKind::NoResponders, "lost on {subject}");
            End::Nobody
        }
        Ok(reply) => match raw::error_of(&reply) {
            None => End::By(raw::text(&reply).to_owned()),
            Some((code, text)) => {
                assert_eq!(code, 503, "{text}");
                let headers = reply.headers.unwrap();
                assert!(headers.get("Micro-Retry-After").is_some(), "{text}");
                End::TryAgain
            }
        },
    }
}

/// Five at the same time, over two endpoints.
async fn five(client: &Client) -> HashMap<End, usize> {
    let subjects = ["a", "b", "a", "b", "a"];
    let ends = join_all(subjects.map(|subject| ask(client, subject))).await;
    let mut counts = HashMap::new();
    for end in ends {
        *counts.entry(end).or_default() += 1;
    }
    counts
}

/// Two endpoints that answer with a name.
fn named(name: &'static str) -> ServiceBuilder {
    let answer = move |_: Request| std::future::ready(name);
    ServiceBuilder::new("function", "1.0.0")
        .endpoint("a", answer)
        .endpoint("b", answer)
}

/// A connection as a program has it.
async fn apart(broker: &Broker) -> Connection {
    let options = ConnectOptions::new().urls(broker.url()).own_thread(true);
    Connection::connect_with(&options).await.unwrap()
}

async fn stopped(function: &RunningService) -> u64 {
    let report = raw::soon(function.stopped()).await;
    assert_eq!(report.cause, None);
    assert!(report.abandoned.is_empty());
    let served = report
        .endpoints
        .iter()
        .map(|e| e.num_requests - e.num_errors);
    served.sum()
}

#[tokio::test]
async fn one_of_five_is_served_and_the_others_know() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    for connection in [
        apart(&broker).await,
        Connection::from(broker.client().await),
    ] {
        let function = named("me").once().start(&connection).await.unwrap();
        let ends = five(&client).await;
        assert_eq!(ends.get(&End::By("me".to_owned())), Some(&1), "{ends:?}");
        assert_eq!(ends.values().sum::<usize>(), 5);
        assert_eq!(stopped(&function).await, 1);
        assert_eq!(ask(&client, "a").await, End::Nobody);
    }
}

#[tokio::test]
async fn the_others_go_to_other_instances() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let _other = named("other").start(&broker.client().await).await.unwrap();
    for connection in [
        apart(&broker).await,
        Connection::from(broker.client().await),
    ] {
        let function = named("me").once().start(&connection).await.unwrap();
        let mut served = 0;
        while served == 0 {
            let ends = five(&client).await;
            served = ends.get(&End::By("me".to_owned())).copied().unwrap_or(0);
            let other = ends.get(&End::By("other".to_owned())).copied();
            assert_eq!(served + other.unwrap_or(0), 5, "{ends:?}");
        }
        assert_eq!(served, 1);
        assert_eq!(stopped(&function).await, 1);
    }
}

/// As many functions as requests, one after the other: each serves one, and each request is served.
#[tokio::test]
async fn functions_in_sequence_lose_nothing() {
    const MANY: usize = 20;
    let broker = Broker::start().await;
    let client = broker.client().await;
    let served = Arc::new(AtomicUsize::new(0));
    let asking = join_all((0..MANY).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let subject = ["a", "b"][number % 2];
            while !matches!(ask(&client, subject).await, End::By(_)) {
                tokio::task::yield_now().await;
            }
        })
    }));
    let connection = apart(&broker).await;
    let running = async {
        for number in 0..MANY {
            let served = Arc::clone(&served);
            let count = move |_: Request| {
                served.fetch_add(1, Ordering::Relaxed);
                std::future::ready("done")
            };
            let function = ServiceBuilder::new("function", "1.0.0")
                .endpoint("a", count.clone())
                .endpoint("b", count)
                .once();
            let function = function.start(&connection).await.unwrap();
            assert_eq!(stopped(&function).await, 1, "function {number}");
        }
    };
    let (asked, ()) = raw::soon(async { tokio::join!(asking, running) }).await;
    for asked in asked {
        asked.unwrap();
    }
    assert_eq!(served.load(Ordering::Relaxed), MANY);
}

/// While its handler is at work, it is subscribed to nothing any more.
#[tokio::test]
async fn it_leaves_before_it_answers() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let function = ServiceBuilder::new("held", "1.0.0")
        .endpoint("held", move |_: Request| {
            let gate = Arc::clone(&held);
            async move {
                let _pass = gate.acquire().await;
                "late"
            }
        })
        .endpoint("other", async |_: Request| "never")
        .once()
        .start(&broker.client().await)
        .await
        .unwrap();
    let first = ask(&client, "held");
    let others = async {
        for subject in ["held", "other"] {
            raw::until("nobody there", async || {
                ask(&client, subject).await == End::Nobody
            })
            .await;
        }
        gate.add_permits(1);
    };
    // Those that come before it is gone are told when it has left, not when it has answered.
    let (first, ()) = raw::soon(async { tokio::join!(first, others) }).await;
    assert_eq!(first, End::By("late".to_owned()));
    assert_eq!(stopped(&function).await, 1);
}

#[tokio::test]
async fn a_flood_loses_nothing() {
    const MANY: usize = 5_000;
    let broker = Broker::start().await;
    let client = broker.client().await;
    for connection in [
        apart(&broker).await,
        Connection::from(broker.client().await),
    ] {
        let function = named("me").once().start(&connection).await.unwrap();
        let ends = raw::soon(join_all(
            (0..MANY).map(|number| ask(&client, ["a", "b"][number % 2])),
        ))
        .await;
        let by_me = |end: &&End| matches!(end, End::By(_));
        assert_eq!(ends.iter().filter(by_me).count(), 1);
        assert_eq!(stopped(&function).await, 1);
    }
}

/// A message without a caller that reaches a function beside its one goes to another instance as well.
#[tokio::test]
async fn what_wants_no_reply_is_handed_on() {
    const MANY: usize = 40;
    let broker = Broker::start().await;
    let client = broker.client().await;
    let other = broker.client().await;
    let mut heir = other.queue_subscribe("a", "q".to_owned()).await.unwrap();
    raw::round_trip(&other).await;
    let (seen, mut served) = tokio::sync::mpsc::unbounded_channel();
    let function = ServiceBuilder::new("taker", "1.0.0")
        .endpoint("a", move |request: Request| {
            seen.send(request.payload().clone()).unwrap();
            std::future::ready(())
        })
        .once()
        .start(&Connection::from(broker.client().await))
        .await
        .unwrap();
    // In one write: about half of them reach the function before it can have left.
    for number in 0..MANY {
        let body = number.to_string().into();
        client.publish("a", body).await.unwrap();
    }
    let mut all = vec![raw::soon(served.recv()).await.unwrap()];
    while all.len() < MANY {
        all.push(raw::soon(heir.next()).await.unwrap().payload);
    }
    let each: HashSet<_> = all.iter().collect();
    assert_eq!(each.len(), MANY, "each of them once");
    assert_eq!(stopped(&function).await, 1);
}

/// An event that names a reply subject is one all the same: whoever it is handed on to sees it as it was.
#[tokio::test]
async fn a_subscriber_is_a_function_too() {
    const MANY: usize = 40;
    let broker = Broker::start().await;
    let client = broker.client().await;
    let other = broker.client().await;
    let mut heir = other
        .queue_subscribe("a", "taker.a".to_owned())
        .await
        .unwrap();
    raw::round_trip(&other).await;
    let (seen, mut served) = tokio::sync::mpsc::unbounded_channel();
    let function = ServiceBuilder::new("taker", "1.0.0")
        .subscriber("a", move |event: Request| {
            seen.send(event.payload().clone()).unwrap();
            std::future::ready(Ok::<_, micro::Error>(()))
        })
        .once()
        .start(&Connection::from(broker.client().await))
        .await
        .unwrap();
    for number in 0..MANY {
        let body = number.to_string().into();
        let sent = client.publish_with_reply("a", "reply.here", body);
        sent.await.unwrap();
    }
    let mut all = vec![raw::soon(served.recv()).await.unwrap()];
    while all.len() < MANY {
        let event = raw::soon(heir.next()).await.unwrap();
        assert_eq!(event.reply.as_deref(), Some("reply.here"));
        all.push(event.payload);
    }
    let each: HashSet<_> = all.iter().collect();
    assert_eq!(each.len(), MANY, "each of them once");
    assert_eq!(raw::soon(function.stopped()).await.cause, None);
    assert!(served.recv().await.is_none(), "one of them here");
}

/// Each instance has its own copy: nothing is handed on, and nobody has it twice.
#[tokio::test]
async fn without_a_queue_group_nothing_is_handed_on() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let counted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&counted);
    let _other = named("other")
        .no_queue_group()
        .endpoint("count", move |_: Request| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready("other")
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let mine = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&mine);
    let function = ServiceBuilder::new("function", "1.0.0")
        .no_queue_group()
        .endpoint("count", move |_: Request| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready("me")
        })
        .once()
        .start(&Connection::from(broker.client().await))
        .await
        .unwrap();
    let requests = (0..50).map(|_| raw::gather(&client, "count", 1));
    raw::soon(join_all(requests)).await;
    assert_eq!(stopped(&function).await, 1);
    assert_eq!(mine.load(Ordering::Relaxed), 1);
    // Behind whatever the function could have sent.
    assert_eq!(ask(&client, "count").await, End::By("other".to_owned()));
    raw::until("each request once", async || {
        counted.load(Ordering::Relaxed) == 51
    })
    .await;
}

#[tokio::test]
async fn it_may_be_added_to_and_stopped_before() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let connection = apart(&broker).await;
    let function = named("me").once().start(&connection).await.unwrap();
    let later = function.add_endpoint("later", async |_: Request| "later");
    later.await.unwrap();
    let ends = join_all(["a", "later", "b", "later"].map(|subject| ask(&client, subject))).await;
    let served = ends.iter().filter(|end| matches!(end, End::By(_)));
    assert_eq!(served.count(), 1, "{ends:?}");
    assert_eq!(stopped(&function).await, 1);

    let function = named("me").once().start(&connection).await.unwrap();
    raw::soon(function.stop()).await;
    assert_eq!(stopped(&function).await, 0);
    assert_eq!(ask(&client, "a").await, End::Nobody);
}

/// Row 93: the process.
#[tokio::test]
async fn the_process_serves_one_and_ends() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    for round in 0..3 {
        let mut command = example("function");
        command.args(["--nats", broker.url()]);
        let mut function = run(command).await;
        assert!(
            function.banner.contains("Serves one request, and ends."),
            "{}",
            function.banner
        );
        let asked = ["hello", "bye", "hello", "bye", "hello"];
        let ends =
            raw::soon(join_all(asked.map(async |subject| {
                raw::try_request(&client, subject, "\"John\"").await
            })))
            .await;
        let served = ends.iter().filter(|end| {
            let greets =
                |reply| raw::text(reply).contains("John") && raw::error_of(reply).is_none();
            end.as_ref().is_ok_and(greets)
        });
        assert_eq!(served.count(), 1, "round {round}: {ends:?}");
        for end in &ends {
            match end {
                Ok(reply) => assert!(raw::error_of(reply).is_none_or(|(code, _)| code == 503)),
                Err(kind) => assert_eq!(*kind, RequestErrorKind::NoResponders),
            }
        }
        assert_eq!(function.exit_code().await, Some(0));
    }
}

/// Row 93, of a subscriber: one of five events at the same time, and the program ends without an error.
#[tokio::test]
async fn a_program_that_only_subscribes_ends_after_one() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let other = broker.client().await;
    let mut heir = other
        .queue_subscribe("a", "taker.a".to_owned())
        .await
        .unwrap();
    raw::round_trip(&other).await;
    let (seen, mut served) = tokio::sync::mpsc::unbounded_channel();
    let taker = ServiceBuilder::new("taker", "1.0.0").subscriber("a", move |event: Request| {
        seen.send(event.payload().clone()).unwrap();
        std::future::ready(())
    });
    let app = App::with_args(AppArgs::default()).nats(broker.url());
    let running = tokio::spawn(app.builder(taker).once().run());
    raw::until("a program that is ready", async || {
        let ping = raw::try_request(&client, "$SRV.PING.taker", "").await;
        ping.is_ok()
    })
    .await;
    // The server gives each to one of the two by chance.
    let mut all = HashSet::new();
    let mut sent = 0;
    while served.is_empty() {
        for _ in 0..5 {
            client.publish("a", sent.to_string().into()).await.unwrap();
            sent += 1;
        }
        raw::round_trip(&client).await;
    }
    raw::soon(running).await.unwrap().unwrap();
    all.insert(served.recv().await.unwrap());
    assert!(served.recv().await.is_none(), "one of them here");
    while all.len() < sent {
        all.insert(raw::soon(heir.next()).await.unwrap().payload);
    }
}

/// The first hands on to the second what it does not serve itself.
#[tokio::test]
async fn two_processes_serve_two() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let start = async || {
        let mut command = example("function");
        command.args(["--nats", broker.url()]);
        run(command).await
    };
    let mut both = [start().await, start().await];
    let mut served = 0;
    while served < 2 {
        let asked = (0..5).map(|_| raw::try_request(&client, "hello", "\"John\""));
        for end in raw::soon(join_all(asked)).await {
            match end {
                Ok(reply) if raw::error_of(&reply).is_none() => served += 1,
                Ok(reply) => assert_eq!(raw::error_of(&reply).unwrap().0, 503),
                Err(kind) => assert_eq!(kind, RequestErrorKind::NoResponders),
            }
        }
    }
    assert_eq!(served, 2);
    for function in &mut both {
        assert_eq!(function.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn a_signal_ends_the_process_as_any_other() {
    let broker = Broker::start().await;
    let mut command = example("function");
    command.args(["--nats", broker.url()]);
    let mut function = run(command).await;
    function.signal("TERM");
    assert_eq!(function.exit_code().await, Some(0));
}

/// What is not begun yet when the connection breaks is served once it is back.
#[tokio::test]
async fn it_survives_a_reconnect() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (url, network) = crate::proxy::cuttable(broker.url(), Duration::ZERO).await;
    let options = ConnectOptions::new().urls(&*url).own_thread(true);
    let connection = Connection::connect_with(&options).await.unwrap();
    let function = named("me").once().start(&connection).await.unwrap();
    network.cut();
    raw::until("the break", async || !connection.is_connected()).await;
    let listener = crate::proxy::bind_again(&url).await;
    let _network = crate::proxy::serve(listener, broker.url(), Duration::ZERO);
    raw::until("the return", async || connection.is_connected()).await;
    raw::round_trip(&connection.client()).await;
    let ends = join_all((0..5).map(|_| ask(&client, "a"))).await;
    let served = ends.iter().filter(|end| matches!(end, End::By(_)));
    assert_eq!(served.count(), 1, "{ends:?}");
    assert_eq!(stopped(&function).await, 1);
    assert_eq!(ask(&client, "b").await, End::Nobody);
}
