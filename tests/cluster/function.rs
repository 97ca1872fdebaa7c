//! Functions, where the request comes from another node, and where they may not hand it on.

use futures_util::future::join_all;
use micro::{
    Caller, ConnectOptions, Connection, Error, Incident, Request, RunningService, ServiceBuilder,
};
use tokio::sync::mpsc;

use crate::node::{Cluster, Node};
use crate::{held, raw};

async fn start(connection: &Connection) -> RunningService {
    let answer = async |_: Request| "\"served\"";
    ServiceBuilder::new("function", "1.0.0")
        .endpoint("one", answer)
        .endpoint("other", answer)
        .once()
        .start(connection)
        .await
        .unwrap()
}

/// How many of as many calls over both endpoints were served. Those that were not were told so.
async fn served(caller: &Caller, calls: usize) -> usize {
    let calls = (0..calls).map(async |number| {
        let subject = if number % 2 == 0 { "one" } else { "other" };
        let call = caller.call::<_, String, Error>(subject, ());
        match raw::soon(call.timeout(raw::PATIENCE * 2).into_future()).await {
            Ok(_) => 1,
            Err(micro::CallError::NoResponders { .. }) => 0,
            Err(error) => {
                assert_eq!(error.code(), Some(503), "{error}");
                0
            }
        }
    });
    join_all(calls).await.into_iter().sum()
}

#[tokio::test]
async fn a_function_serves_one_from_another_node() {
    let Some(cluster) = Cluster::start("").await else {
        return;
    };
    let caller = Caller::new(cluster.nodes[1].client().await);
    let options = ConnectOptions::new()
        .urls(cluster.nodes[0].url())
        .own_thread(true);
    let apart = Connection::connect_with(&options).await.unwrap();
    let together = Connection::connect(&cluster.nodes[0].url()).await.unwrap();
    for connection in [apart, together] {
        let function = start(&connection).await;
        // What is asked for at one node is known at the others after a while.
        cluster.settled().await;
        assert_eq!(served(&caller, 10).await, 1);
        raw::soon(function.stopped()).await;
    }
}

/// It may answer, and send nothing else: whoever comes beside its one request is told at once.
#[tokio::test]
async fn a_function_that_may_not_hand_on_says_so() {
    let config = "authorization { users: [ { user: op, password: o }, \
         { user: limited, password: l, permissions: \
         { publish: { deny: [\"one\", \"other\"] } } } ] }";
    let Some(node) = Node::start(config).await else {
        return;
    };
    let limited = node.url().replace("//", "//limited:l@");
    let connection = Connection::connect(&limited).await.unwrap();
    let operator = node.url().replace("//", "//op:o@");
    let caller = Caller::new(Connection::connect(&operator).await.unwrap());
    for _ in 0..5 {
        let function = start(&connection).await;
        assert_eq!(served(&caller, 10).await, 1);
        raw::soon(function.stopped()).await;
    }
}

/// What nobody awaits an answer to has nobody to be told: it is counted, and the owner hears of it. More
/// than the client tells of at a time, each on a subject of its own.
#[tokio::test]
async fn what_a_function_may_not_publish_again_is_counted() {
    const EACH: u64 = 300;
    let config = "authorization { users: [ { user: op, password: o }, \
         { user: limited, password: l, permissions: { publish: { deny: \"*.not.>\" } } } ] }";
    let Some(node) = Node::start(config).await else {
        return;
    };
    let limited = node.url().replace("//", "//limited:l@");
    let options = ConnectOptions::new().urls(limited).own_thread(true);
    let connection = Connection::connect_with(&options).await.unwrap();
    let operator = async_nats::ConnectOptions::with_user_and_password("op".into(), "o".into())
        .connect(node.url())
        .await
        .unwrap();
    let (told, mut incidents) = mpsc::unbounded_channel();
    let function = || {
        let told = told.clone();
        ServiceBuilder::new("function", "1.0.0")
            .once()
            .on_error(move |_, incident| told.send(incident.clone()).unwrap())
    };
    let nothing = async |_: Request| {};
    let subscriber = function().subscriber("events.>", nothing);
    let endpoint = function().endpoint("requests.>", nothing);
    for (function, kind) in [(subscriber, "events"), (endpoint, "requests")] {
        let function = function.start(&connection).await.unwrap();
        let release = held::hold(&connection, &operator).await;
        for number in 0..=2 * EACH {
            let may = if number % 2 == 0 { "may" } else { "not" };
            let subject = format!("{kind}.{may}.{number}");
            operator.publish(subject, "".into()).await.unwrap();
        }
        raw::round_trip(&operator).await;
        drop(release);
        let report = raw::soon(function.stopped()).await;
        assert!(report.abandoned.is_empty(), "{report:?}");
        if kind == "events" {
            let stats = &report.subscribers[0];
            assert_eq!((stats.num_events, stats.num_errors), (1, 0));
            assert_eq!(stats.dropped, EACH);
        } else {
            let stats = &report.endpoints[0];
            assert_eq!((stats.num_requests, stats.num_errors), (1 + EACH, EACH));
        }
    }
    let incident = raw::soon(incidents.recv()).await.unwrap();
    assert!(
        matches!(&incident, Incident::EventsDropped { dropped: EACH, .. }),
        "{incident}"
    );
    let text = incident.to_string();
    assert!(text.contains("permit"), "{text}");
}
