//! What anybody can cause by the thousand is told at once, and then as a number.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use micro::{ConnectOptions, Connection, Error, Events, Request, ServiceBuilder};
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::{lines, proxy, raw};

const REQUESTS: usize = 500;

/// How many lines they may have: on a busy machine they take longer than the first 5 seconds.
const FEW_LINES: usize = 6;

/// Sends requests, and waits for as many replies.
async fn flood(client: &async_nats::Client, subject: &'static str) {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    for _ in 0..REQUESTS {
        client
            .publish_with_reply(subject, inbox.clone(), "".into())
            .await
            .unwrap();
    }
    for _ in 0..REQUESTS {
        raw::soon(replies.next()).await.unwrap();
    }
}

/// The lines of a kind so far.
fn count(service: &str, says: &str) -> usize {
    lines::saying(&[&format!("service=\"{service}\""), says]).len()
}

/// All lines of the kind have told of all of them, at once or later.
async fn all_told(service: &str, says: &str) {
    let service = format!("service=\"{service}\"");
    // The first has a line of its own.
    lines::sum(&[&service, says], "kept_back", REQUESTS - 1).await;
}

#[tokio::test]
async fn failures_are_told_once_and_counted() {
    lines::record();
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("failing", "1.0.0")
        .endpoint_with(
            "late",
            async |_: Request| std::future::pending::<()>().await,
            |endpoint| endpoint.timeout(Duration::from_millis(1)),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    flood(&client, "late").await;
    let first = lines::line("failing", &["request failed"]).await;
    assert!(first.starts_with("ERROR micro::request: "), "{first}");
    assert!(
        first.contains("code=504 error=\"endpoint `late` did not answer within 1ms\""),
        "{first}"
    );
    all_told("failing", "request failed").await;
    let last = "error=\"endpoint `late` did not answer within 1ms\" kept_back=";
    lines::line("failing", &["request failed", last]).await;
    assert!(count("failing", "request failed") <= FEW_LINES);
    assert_eq!(service.stats().endpoints[0].num_errors, REQUESTS as u64);
}

#[tokio::test]
async fn replies_that_nobody_gets_are_told_once_and_counted() {
    lines::record();
    let broker = Broker::start().await;
    let _service = ServiceBuilder::new("unheard", "1.0.0")
        .endpoint("echo", async |_: Request| "reply")
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..REQUESTS {
        client.publish("echo", "".into()).await.unwrap();
    }
    all_told("unheard", " WARN micro::request: reply dropped ").await;
    assert!(count("unheard", "reply dropped") <= FEW_LINES);
}

#[tokio::test]
async fn failures_of_one_kind_do_not_hide_those_of_another() {
    lines::record();
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("manifold", "1.0.0")
        .endpoint_with(
            "all",
            async |request: Request| match &request.payload()[..] {
                b"late" => std::future::pending::<Result<_, Error>>().await,
                b"large" => Ok(vec![b'2'; 2 * 1024 * 1024]),
                b"internal" => Err(std::io::Error::other("the disk is full").into()),
                _ => panic!("at the disco"),
            },
            |endpoint| endpoint.timeout(Duration::from_millis(500)),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for (body, says) in [
        ("late", "code=504 error=\"endpoint `all` did not answer"),
        ("internal", "code=500 error=\"the disk is full\""),
        (
            "panic",
            "code=500 error=\"the handler panicked: at the disco",
        ),
        ("large", "code=413 error=\"the reply of "),
    ] {
        raw::request(&client, "all", body).await;
        lines::line("manifold", &["request failed", says]).await;
    }
    // What is kept back when it stops is told then, with the last of them.
    raw::request(&client, "all", "internal").await;
    service.stop().await;
    drop(service);
    let last = "error=\"the disk is full\" kept_back=1";
    lines::line("manifold", &["request failed", last]).await;
}

#[tokio::test]
async fn an_overload_is_told_when_it_begins_and_when_it_is_over() {
    lines::record();
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let entered = Arc::new(Semaphore::new(0));
    let (held, seen) = (Arc::clone(&gate), Arc::clone(&entered));
    let _service = ServiceBuilder::new("narrow", "1.0.0")
        .endpoint_with(
            "slow",
            move |_: Request| {
                let (held, seen) = (Arc::clone(&held), Arc::clone(&seen));
                async move {
                    seen.add_permits(1);
                    held.acquire().await.unwrap().forget();
                }
            },
            |endpoint| endpoint.concurrency(1).pending(0),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let first = tokio::spawn({
        let client = client.clone();
        async move { raw::request(&client, "slow", "").await }
    });
    raw::soon(entered.acquire()).await.unwrap().forget();
    flood(&client, "slow").await;
    let begun = lines::line("narrow", &["overloaded"]).await;
    assert!(
        begun.starts_with(" WARN micro::request: overloaded "),
        "{begun}"
    );
    assert!(begun.ends_with(" endpoint=\"slow\" refused=1"), "{begun}");
    let all = format!(" refused={REQUESTS} duration_us=");
    lines::line(
        "narrow",
        &[" INFO micro::request: no longer overloaded ", &all],
    )
    .await;
    assert!(
        count("narrow", ": overloaded ") <= FEW_LINES,
        "{:?}",
        lines::of("narrow")
    );
    gate.add_permits(1);
    raw::soon(first).await.unwrap();
}

#[tokio::test]
async fn why_a_connection_does_not_come_back_is_told_once() {
    lines::record();
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let _service = ServiceBuilder::new("away", "1.0.0")
        .endpoint("echo", async |_: Request| "reply")
        .start(&connection)
        .await
        .unwrap();
    network.cut();
    let told = lines::line("away", &[" WARN micro::connection: reconnect failed "]).await;
    let (_, error) = told.split_once(" error=").unwrap();
    // It is tried again, with the same result.
    let again = format!(" error={error}");
    lines::line("away", &["DEBUG micro::connection: event ", &again]).await;
    assert_eq!(
        lines::saying(&["\"away\"", "reconnect failed", &again]).len(),
        1
    );
}

#[tokio::test]
async fn refusals_of_one_endpoint_do_not_hide_those_of_another() {
    lines::record();
    let config = r#"authorization { users: [
        { user: a, password: a, permissions: { publish: { deny: "private.>" } } }
    ] }"#;
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let options = ConnectOptions::new().urls(broker.url()).user("a", "a");
    let connection = Connection::connect_with(&options).await.unwrap();
    let service = ServiceBuilder::new("denied", "1.0.0")
        .endpoint("one", async |_: Request| "reply")
        .endpoint("two", async |_: Request| "reply")
        .start(&connection)
        .await
        .unwrap();
    let client = connection.client();
    let long = format!("private.{}", "2".repeat(2000));
    for (endpoint, reply) in [("one", "private.1"), ("two", &long)] {
        client
            .publish_with_reply(endpoint, reply.to_owned(), "".into())
            .await
            .unwrap();
        let endpoint = format!("endpoint=\"{endpoint}\" subject=\"private.");
        lines::line("denied", &["micro::connection: refused", &endpoint]).await;
    }
    let stats = service.stats();
    let last = stats.endpoints[1].last_error.clone();
    assert!(
        last.contains("does not permit a message to `private."),
        "{last}"
    );
    assert!(last.len() < long.len(), "{last}");
    client
        .publish_with_reply("one", "private.3", "".into())
        .await
        .unwrap();
    raw::until("counted", async || {
        service.stats().endpoints[0].num_errors == 2
    })
    .await;
    service.stop().await;
    let last = "endpoint=\"one\" subject=\"private.3\" kept_back=1";
    lines::line("denied", &["micro::connection: refused", last]).await;
}

#[tokio::test]
async fn events_that_were_missed_are_told_once_and_counted() {
    const AT_ONCE: usize = 1000;
    const TIMES: usize = 3;
    lines::record();
    let broker = Broker::start().await;
    let events = Events::new();
    let connection = Connection::with_events(broker.client().await, events.clone());
    let service = ServiceBuilder::new("eventful", "1.0.0")
        .endpoint("echo", async |_: Request| "reply")
        .start(&connection)
        .await
        .unwrap();
    // This thread is the only one, so that nobody reads them meanwhile.
    for time in 1..=TIMES {
        for number in 1..=AT_ONCE {
            let last = if number == AT_ONCE { "last" } else { "further" };
            let error = async_nats::ClientError::Other(format!("{last} of {time}"));
            events.observe(&async_nats::Event::ClientError(error));
        }
        let last = format!("last of {time}\"");
        lines::line("eventful", &["micro::connection: event", &last]).await;
    }
    let told = || lines::saying(&["connection events came faster than they were read"]);
    assert_eq!(told().len(), 1, "{:?}", told());
    service.stop().await;
    drop(service);
    let missed =
        TIMES * AT_ONCE - lines::saying(&["\"eventful\"", "micro::connection: event"]).len();
    lines::sum(&["connection events came faster"], "missed", missed).await;
    assert_eq!(told().len(), 2, "{:?}", told());
}
