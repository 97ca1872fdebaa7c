//! Events, when a server is killed under them.

use micro::{Connection, EventError};

use crate::node::{Cluster, Node};
use crate::raw;

/// Row 32: at most once. What was on its way is lost, and nothing comes twice or in another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_on_when_their_server_is_back_and_none_comes_twice() {
    let Some(mut node) = Node::start("").await else {
        return;
    };
    let reading = Connection::connect(&node.url()).await.unwrap();
    let publishing = Connection::connect(&node.url()).await.unwrap();
    let mut numbers = reading.subscribe::<u64>("numbers").await.unwrap();
    let publisher = publishing.publisher::<u64>("numbers").unwrap();
    let counting = tokio::spawn(async move {
        let mut number = 0;
        while publisher.publish(&number).await.is_ok() {
            number += 1;
            tokio::task::yield_now().await;
        }
    });
    let mut last = None;
    for round in 0..4 {
        // Until the gap of this round has been told: two that nobody has read yet are one.
        let (mut seen, mut interrupted) = (0, round == 0);
        while seen < 1000 || !interrupted {
            let number = match raw::soon(numbers.next()).await.unwrap() {
                Ok(event) => event.payload,
                Err(EventError::Interrupted { .. }) if !interrupted => {
                    interrupted = true;
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            assert!(
                last < Some(number),
                "{number} after {last:?} in round {round}"
            );
            last = Some(number);
            seen += 1;
        }
        if round < 3 {
            node.kill().await;
            node.begin().await;
        }
    }
    publishing.close().await.unwrap();
    raw::soon(counting).await.unwrap();
    numbers.drain().await;
    while let Some(event) = raw::soon(numbers.next()).await {
        let number = event.unwrap().payload;
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
    }
}

/// One moves from a server that is about to go, and nothing of what others publish is lost or doubled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_moves_from_a_lame_duck_without_a_loss() {
    let config = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"10s\"";
    let Some(cluster) = Cluster::start(config).await else {
        return;
    };
    let reading = Connection::connect(&cluster.urls()).await.unwrap();
    let here = Cluster::node_of(&reading.client());
    let publishing = cluster.nodes[(here + 1) % 3].client().await;
    let mut numbers = reading.subscribe::<u64>("numbers").await.unwrap();
    cluster.settled().await;
    let mut number = 0_u64;
    let mut publish = async || {
        let body = number.to_string();
        publishing.publish("numbers", body.into()).await.unwrap();
        number += 1;
    };
    publish().await;
    cluster.nodes[here].lame_duck();
    raw::until("a move", async || {
        publish().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        Cluster::node_of(&reading.client()) != here
    })
    .await;
    for _ in 0..100 {
        publish().await;
    }
    for expected in 0..number {
        let event = raw::soon(numbers.next()).await.unwrap().unwrap();
        assert_eq!(event.payload, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_no_longer_permitted_ends_with_a_word() {
    let config = |denied: &str| {
        format!(
            r#"authorization {{ users: [
                {{ user: ada, password: a, permissions: {{ subscribe: {{ deny: ["{denied}"] }} }} }}
            ] }}"#
        )
    };
    let Some(mut node) = Node::start(&config("nothing")).await else {
        return;
    };
    let url = node.url().replace("nats://", "nats://ada:a@");
    let connection = Connection::connect(&url).await.unwrap();
    let mut plans = connection.subscribe::<u8>("plans").await.unwrap();
    let mut open = connection.subscribe::<u8>("open").await.unwrap();
    node.reload(&config("plans")).await;
    let error = loop {
        match raw::soon(plans.next()).await.unwrap() {
            Err(EventError::Interrupted { .. }) => {}
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(error, EventError::Refused { .. }), "{error}");
    assert!(raw::soon(plans.next()).await.is_none());
    connection.publish("open", &7).await.unwrap();
    let event = loop {
        match raw::soon(open.next()).await.unwrap() {
            Err(EventError::Interrupted { .. }) => {}
            other => break other.unwrap(),
        }
    };
    assert_eq!(event.payload, 7);
}

/// Not every version of the server names the group then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_queue_group_that_a_reload_takes_away_ends_with_a_word() {
    let config = |denied: &str| {
        format!(
            r#"authorization {{ users: [
                {{ user: ada, password: a, permissions: {{ subscribe: {{ deny: ["{denied}"] }} }} }}
            ] }}"#
        )
    };
    let Some(mut node) = Node::start(&config("nothing")).await else {
        return;
    };
    let url = node.url().replace("nats://", "nats://ada:a@");
    let connection = Connection::connect(&url).await.unwrap();
    let shared = |subject: &str| connection.subscribe::<u8>(subject).queue_group("q");
    let mut plans = shared("plans").await.unwrap();
    let mut open = shared("open").await.unwrap();
    node.reload(&config("plans")).await;
    let error = loop {
        match raw::soon(plans.next()).await.unwrap() {
            Err(EventError::Interrupted { .. }) => {}
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(error, EventError::Refused { .. }), "{error}");
    assert!(raw::soon(plans.next()).await.is_none());
    connection.publish("open", &7).await.unwrap();
    let event = loop {
        match raw::soon(open.next()).await.unwrap() {
            Err(EventError::Interrupted { .. }) => {}
            other => break other.unwrap(),
        }
    };
    assert_eq!(event.payload, 7);
}
