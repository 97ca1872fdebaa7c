//! Events: typed on one side and raw on the other, as values, as streams and through channels.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{Client, HeaderMap, RequestErrorKind};
use futures_util::{FutureExt as _, SinkExt, Stream, StreamExt as _, stream};
use micro::prelude::*;
use micro::{
    CallError, ConnectOptions, Connection, Error, EventError, FlushError, PublisherError,
    SubscribeError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::broker::Broker;
use crate::{proxy, raw};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Text {
    id: u32,
    body: String,
}

fn text(id: u32, body: &str) -> Text {
    Text {
        id,
        body: body.to_owned(),
    }
}

async fn connect(broker: &Broker) -> Connection {
    Connection::connect(broker.url()).await.unwrap()
}

/// A raw subscription that the server has.
async fn raw_subscriber(client: &Client, subject: &'static str) -> async_nats::Subscriber {
    let subscriber = client.subscribe(subject).await.unwrap();
    raw::round_trip(client).await;
    subscriber
}

async fn raw_publish(client: &Client, subject: &str, body: &Value) {
    let body = body.to_string().into();
    client.publish(subject.to_owned(), body).await.unwrap();
}

/// The next `number` events of a raw subscriber, as JSON.
async fn raw_events(subscriber: &mut async_nats::Subscriber, number: usize) -> Vec<Value> {
    let mut events = Vec::new();
    for _ in 0..number {
        let message = raw::soon(subscriber.next()).await.unwrap();
        events.push(raw::json(&message));
    }
    events
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    raw::soon(stream.next()).await.unwrap()
}

/// All that is left of a stream that ends.
async fn rest<S: Stream + Unpin>(stream: &mut S) -> Vec<S::Item> {
    raw::soon(stream.collect::<Vec<_>>()).await
}

/// Waits until the server says that nobody is subscribed.
async fn nobody_is_subscribed(client: &Client, subject: &str) {
    raw::until("nobody subscribed", async || {
        let request = async_nats::Request::new()
            .payload("null".into())
            .timeout(Some(Duration::from_millis(50)));
        let answer = client.send_request(subject.to_owned(), request).await;
        answer.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders)
    })
    .await;
}

// Rows 43, 122, 123.
#[tokio::test]
async fn a_publisher_of_a_type_is_read_in_order_by_anybody_who_reads_json() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut anybody = raw_subscriber(&client, "Messaging.Text.Standard").await;
    let publisher = connection.publisher("Messaging.Text.Standard").unwrap();
    for id in 0..5 {
        let event = text(id, "Hello over standard!");
        publisher.publish(&event).await.unwrap();
    }
    let expected: Vec<_> = (0..5)
        .map(|id| json!({"id": id, "body": "Hello over standard!"}))
        .collect();
    assert_eq!(raw_events(&mut anybody, 5).await, expected);
}

// Row 122, the other half.
#[tokio::test]
async fn a_subscription_of_a_type_reads_what_anybody_publishes_as_json() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut texts = connection
        .subscribe::<Text>("Messaging.Text.*")
        .await
        .unwrap();
    for id in 0..5 {
        raw_publish(
            &client,
            "Messaging.Text.Standard",
            &json!({"id": id, "body": "x"}),
        )
        .await;
    }
    for id in 0..5 {
        let event = next(&mut texts).await.unwrap();
        assert_eq!(event.payload, text(id, "x"));
        assert_eq!(event.subject(), "Messaging.Text.Standard");
        assert_eq!((event.reply_subject(), event.headers()), (None, None));
    }
}

// Row 124.
#[tokio::test]
async fn a_typed_request_of_a_subject_has_its_own_answer() {
    let broker = Broker::start().await;
    let caller = Caller::new(connect(&broker).await);
    let client = broker.client().await;
    let mut asked = raw_subscriber(&client, "Messaging.Text.Request").await;
    tokio::spawn(async move {
        while let Some(request) = asked.next().await {
            let id = raw::json(&request)["id"].clone();
            let answer = json!({"id": id, "body": "Responding!"}).to_string();
            let reply = request.reply.unwrap();
            client.publish(reply, answer.into()).await.unwrap();
        }
    });
    for id in 5..10 {
        let request = text(id, "Hello over request!");
        let call = caller.call::<_, Text, Error>("Messaging.Text.Request", request);
        let answer = call.timeout(raw::PATIENCE).await.unwrap();
        assert_eq!(answer, text(id, "Responding!"));
    }
}

#[tokio::test]
async fn a_typed_request_that_is_not_answered_ends_with_its_limit() {
    let broker = Broker::start().await;
    let caller = Caller::new(connect(&broker).await);
    let client = broker.client().await;
    let _silent = raw_subscriber(&client, "silent").await;
    let limit = Duration::from_millis(200);
    let error = caller
        .call::<_, Text, Error>("silent", text(5, "x"))
        .timeout(limit)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, CallError::Timeout { subject, after } if subject == "silent" && *after == limit),
        "{error}"
    );
}

// Row 125.
#[tokio::test]
async fn a_channel_is_bound_to_a_subject_in_one_line() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut anybody = raw_subscriber(&client, "Messaging.Text.Channel").await;
    let (sender, receiver) = mpsc::channel(1);
    let bound = tokio::spawn(
        connection
            .publisher("Messaging.Text.Channel")
            .unwrap()
            .bind(receiver),
    );
    for id in 10..15 {
        sender.send(text(id, "Hello over channel!")).await.unwrap();
    }
    drop(sender);
    raw::soon(bound).await.unwrap().unwrap();
    let events = raw_events(&mut anybody, 5).await;
    assert!(
        events
            .iter()
            .map(|event| &event["id"])
            .eq(&[10, 11, 12, 13, 14]),
        "{events:?}"
    );
}

// Row 125, for whoever has a stream.
#[tokio::test]
async fn a_stream_is_forwarded_to_a_subject_in_one_line() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut anybody = raw_subscriber(&client, "streamed").await;
    let texts = stream::iter((10..15).map(|id| text(id, "x")));
    texts
        .map(Ok)
        .forward(connection.publisher("streamed").unwrap())
        .await
        .unwrap();
    // It is confirmed: the server has them, and they are before its answer to what is asked now.
    raw::round_trip(&client).await;
    for id in 10..15 {
        let message = anybody.next().now_or_never().unwrap().unwrap();
        assert_eq!(raw::json(&message)["id"], id);
    }
}

// Row 126.
#[tokio::test]
async fn a_subject_is_bound_to_a_channel_in_one_line() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let (sender, mut receiver) = mpsc::channel::<Text>(1);
    let bound = tokio::spawn(
        connection
            .subscribe("Messaging.Text.Channel")
            .await
            .unwrap()
            .bind(sender),
    );
    for id in 10..15 {
        raw_publish(
            &client,
            "Messaging.Text.Channel",
            &json!({"id": id, "body": "x"}),
        )
        .await;
    }
    for id in 10..15 {
        assert_eq!(raw::soon(receiver.recv()).await.unwrap(), text(id, "x"));
    }
    // Whoever lets go of the channel has unsubscribed.
    drop(receiver);
    assert_eq!(raw::soon(bound).await.unwrap(), Ok(()));
    nobody_is_subscribed(&client, "Messaging.Text.Channel").await;
}

// Row 126, for whoever wants a stream.
#[tokio::test]
async fn a_subject_is_a_stream_of_values() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let texts = connection.subscribe::<Text>("streamed").await.unwrap();
    for id in 10..15 {
        raw_publish(&client, "streamed", &json!({"id": id, "body": "x"})).await;
    }
    let ids = texts.values().map(|text| text.id).take(5);
    assert_eq!(
        raw::soon(ids.collect::<Vec<_>>()).await,
        [10, 11, 12, 13, 14]
    );
}

// Row 127.
#[tokio::test]
async fn a_reader_takes_the_payload_alone_or_with_its_subject_and_who_waits_for_an_answer() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut payloads = connection
        .subscribe::<Text>("told.>")
        .await
        .unwrap()
        .values();
    let mut events = connection.subscribe::<Text>("told.{whom}").await.unwrap();
    let answering = tokio::spawn(async move {
        let event = next(&mut events).await.unwrap();
        let answer = format!("{} was told {}", event.subject(), event.payload.id);
        let reply = event.reply_subject().unwrap().to_owned();
        connection.publish(&reply, &answer).await.unwrap();
        event.placeholder("whom").map(str::to_owned)
    });
    let told = json!({"id": 7, "body": "x"}).to_string();
    let answer = raw::request(&client, "told.ada", &told).await;
    assert_eq!(raw::json(&answer), "told.ada was told 7");
    assert_eq!(answering.await.unwrap().as_deref(), Some("ada"));
    assert_eq!(next(&mut payloads).await, text(7, "x"));
}

#[tokio::test]
async fn headers_and_a_reply_subject_go_with_an_event() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut anybody = raw_subscriber(&client, "with.headers").await;
    let mut ours = connection.subscribe::<u8>("with.headers").await.unwrap();
    let publisher = connection.publisher("with.headers").unwrap();
    publisher
        .publish(&7)
        .header("X-Tenant", "acme")
        .reply_to("answers.here")
        .await
        .unwrap();
    let seen = raw::soon(anybody.next()).await.unwrap();
    assert_eq!(seen.reply.as_deref(), Some("answers.here"));
    assert_eq!(
        seen.headers.unwrap().get("X-Tenant").unwrap().as_str(),
        "acme"
    );
    let event = next(&mut ours).await.unwrap();
    assert_eq!(
        (event.payload, event.reply_subject()),
        (7, Some("answers.here"))
    );
    assert_eq!(event.header("X-Tenant"), Some("acme"));
}

// Row 32.
#[tokio::test]
async fn who_publishes_waits_for_nobody_and_nothing_is_kept() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    for id in 0..1000 {
        connection.publish("nobody", &id).await.unwrap();
    }
    connection.flush().await.unwrap();
    let mut late = connection.subscribe::<u32>("nobody").await.unwrap();
    connection.publish("nobody", &1000).await.unwrap();
    assert_eq!(next(&mut late).await.unwrap().payload, 1000);
}

// Row 45.
#[tokio::test]
async fn each_subscription_without_a_queue_group_has_all_events() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        let connection = connect(&broker).await;
        subscriptions.push(connection.subscribe::<u32>("all").await.unwrap());
    }
    for id in 0..100 {
        raw_publish(&client, "all", &json!(id)).await;
    }
    let mut count = 0;
    for mut subscription in subscriptions {
        for id in 0..100 {
            assert_eq!(next(&mut subscription).await.unwrap().payload, id);
            count += 1;
        }
        subscription.drain().await;
        assert!(rest(&mut subscription).await.is_empty());
    }
    assert_eq!(count, 300);
}

#[tokio::test]
async fn a_queue_group_shares_events_out() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut members = Vec::new();
    for _ in 0..3 {
        let subscribe = connection.subscribe::<u32>("shared").queue_group("workers");
        members.push(subscribe.await.unwrap());
    }
    for id in 0..300 {
        raw_publish(&client, "shared", &json!(id)).await;
    }
    raw::round_trip(&client).await;
    let mut seen = HashSet::new();
    for member in &mut members {
        member.drain().await;
        let events = rest(member).await;
        assert!(!events.is_empty(), "one has them all");
        for event in events {
            assert!(seen.insert(event.unwrap().payload), "twice");
        }
    }
    assert_eq!(seen.len(), 300);
}

/// The network takes its time, so that the server has not read what was asked for just now.
#[tokio::test]
async fn a_subscription_has_begun_when_there_is_one() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let url = proxy::delayed(broker.url(), Duration::from_millis(20)).await;
    let connection = Connection::connect(&url).await.unwrap();
    for round in 0..10 {
        let subject = format!("begun.{round}");
        let mut events = connection.subscribe::<u32>(&subject).await.unwrap();
        raw_publish(&client, &subject, &json!(round)).await;
        assert_eq!(next(&mut events).await.unwrap().payload, round);
    }
}

// Row 46.
#[tokio::test]
async fn whoever_lets_go_of_a_subscription_has_unsubscribed() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let subscription = connection.subscribe::<Value>("let.go").await.unwrap();
    let values = connection
        .subscribe::<Value>("let.go")
        .await
        .unwrap()
        .values();
    let mut drained = connection.subscribe::<Value>("let.go").await.unwrap();
    drop((subscription, values));
    drained.drain().await;
    nobody_is_subscribed(&client, "let.go").await;
    // What the server had sent by then is there, and it is the end.
    while drained.next().now_or_never().unwrap().is_some() {}
}

#[tokio::test]
async fn a_subscription_that_is_given_up_while_it_is_asked_for_leaves_nothing() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let url = proxy::delayed(broker.url(), Duration::from_millis(50)).await;
    let connection = Connection::connect(&url).await.unwrap();
    let asking = connection.subscribe::<Value>("given.up").into_future();
    assert!(asking.now_or_never().is_none());
    connection.flush().await.unwrap();
    nobody_is_subscribed(&client, "given.up").await;
}

// Row 46.
#[tokio::test]
async fn a_connection_that_was_closed_takes_nothing_and_says_so() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let options = ConnectOptions::new().urls(broker.url()).connections(2);
    for connection in [
        connect(&broker).await,
        Connection::connect_with(&options).await.unwrap(),
        client.clone().into(),
    ] {
        let mut publisher = connection.publisher("closed").unwrap();
        let mut events = connection.subscribe::<u8>("closed").await.unwrap();
        publisher.publish(&1).await.unwrap();
        assert_eq!(connection.close().await, Ok(()));
        assert!(!connection.is_connected());
        let error = publisher.publish(&2).await.unwrap_err();
        assert!(matches!(error, PublisherError::Closed { .. }), "{error}");
        let error = connection.publish("closed", &2).await.unwrap_err();
        assert!(matches!(error, PublisherError::Closed { .. }), "{error}");
        let error = publisher.send(2).await.unwrap_err();
        assert!(matches!(error, PublisherError::Closed { .. }), "{error}");
        assert_eq!(publisher.flush().await, Err(FlushError::Closed));
        assert_eq!(connection.flush().await, Err(FlushError::Closed));
        let error = connection.subscribe::<u8>("closed").await.unwrap_err();
        assert!(
            matches!(error, SubscribeError::Connection { .. }),
            "{error}"
        );
        // What was published before has gone out, and come back.
        assert_eq!(next(&mut events).await.unwrap().payload, 1);
        let end = next(&mut events).await.unwrap_err();
        assert!(matches!(end, EventError::Closed { .. }), "{end}");
        assert!(events.next().now_or_never().unwrap().is_none());
        assert_eq!(raw::soon(connection.close()).await, Ok(()));
    }
}

#[tokio::test]
async fn a_connection_without_a_server_is_closed_in_time() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let mut events = connection.subscribe::<u32>("closed").await.unwrap();
    let (sender, _receiver) = mpsc::channel::<u32>(1);
    let bound = tokio::spawn(connection.subscribe("closed").await.unwrap().bind(sender));
    network.cut();
    raw::until("a lost connection", async || !connection.is_connected()).await;
    // The last one waits for room in the client's queue.
    let publisher = connection.publisher::<u32>("closed").unwrap();
    let publishing = tokio::spawn(async move {
        loop {
            if let Err(error) = publisher.publish(&1).await {
                return error;
            }
        }
    });
    let mut sink = connection.publisher::<u32>("closed").unwrap();
    sink.feed(1).await.unwrap();
    let flushing = tokio::spawn(async move { SinkExt::flush(&mut sink).await });
    let (closed, again) = tokio::join!(connection.close(), connection.close());
    assert!(
        matches!(closed, Err(FlushError::Unconfirmed { .. })),
        "{closed:?}"
    );
    assert_eq!(closed, again);
    let error = connection.publish("closed", &2).await.unwrap_err();
    assert!(matches!(error, PublisherError::Closed { .. }), "{error}");
    let error = raw::soon(publishing).await.unwrap();
    assert!(matches!(error, PublisherError::Closed { .. }), "{error}");
    let error = raw::soon(flushing).await.unwrap().unwrap_err();
    assert!(matches!(error, PublisherError::Flush { .. }), "{error}");
    let end = next(&mut events).await.unwrap_err();
    assert!(matches!(end, EventError::Closed { .. }), "{end}");
    assert!(rest(&mut events).await.is_empty());
    let end = raw::soon(bound).await.unwrap().unwrap_err();
    assert!(matches!(end, EventError::Closed { .. }), "{end}");
}

/// Most of it is still in the client when it is asked to end.
#[tokio::test]
async fn what_was_published_before_a_close_has_gone_out() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut anybody = raw_subscriber(&client, "large").await;
    let url = proxy::delayed(broker.url(), Duration::from_millis(20)).await;
    let connection = Connection::connect(&url).await.unwrap();
    let body = Bytes::from(vec![b'x'; 1_000_000]);
    for _ in 0..8 {
        connection.publish("large", &body).await.unwrap();
    }
    assert_eq!(raw::soon(connection.close()).await, Ok(()));
    raw::round_trip(&client).await;
    for _ in 0..8 {
        let message = anybody.next().now_or_never().unwrap().unwrap();
        assert_eq!(message.payload.len(), body.len());
    }
}

#[tokio::test]
async fn a_connection_whose_client_is_being_replaced_is_closed_for_good() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let mut events = connection.subscribe::<u32>("renewed").await.unwrap();
    network.close(true);
    raw::poison(broker.url(), "renewed").await;
    raw::until("a failed client", async || !connection.is_connected()).await;
    let publisher = connection.publisher::<u32>("renewed").unwrap();
    let publish = publisher.publish(&1).into_future();
    let (result, closed) = tokio::join!(publish, connection.close());
    let error = result.unwrap_err();
    assert!(matches!(error, PublisherError::Closed { .. }), "{error}");
    assert_eq!(closed, Err(FlushError::Closed));
    network.close(false);
    let end = next(&mut events).await.unwrap_err();
    assert!(matches!(end, EventError::Closed { .. }), "{end}");
    assert!(!connection.is_connected());
}

/// A stream that pauses has what it sent flushed, and goes on while that is under way.
#[tokio::test]
async fn a_sink_is_flushed_when_the_last_event_is_confirmed() {
    let delay = Duration::from_millis(100);
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut anybody = raw_subscriber(&client, "flushed").await;
    let url = proxy::delayed(broker.url(), delay).await;
    let connection = Connection::connect(&url).await.unwrap();
    let mut sink = connection.publisher::<u32>("flushed").unwrap();
    sink.feed(1).await.unwrap();
    assert!(SinkExt::flush(&mut sink).now_or_never().is_none());
    raw_events(&mut anybody, 1).await;
    // The first word is on its way back now, and here before the server has the second event.
    tokio::time::sleep(delay / 2).await;
    sink.feed(2).await.unwrap();
    raw::soon(SinkExt::flush(&mut sink)).await.unwrap();
    raw::round_trip(&client).await;
    let last = anybody.next().now_or_never().unwrap().unwrap();
    assert_eq!(raw::json(&last), 2);
}

/// While there is no server, the queue of a client of one's own is for what is published.
#[tokio::test]
async fn a_flush_asks_once_while_the_server_is_away() {
    const ROOM: usize = 16;
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let options = async_nats::ConnectOptions::new().client_capacity(ROOM);
    let client = options.connect(&url).await.unwrap();
    let connection = Connection::from(&client);
    let mut sink = connection.publisher::<u32>("away").unwrap();
    raw::soon(sink.send(1)).await.unwrap();
    network.cut();
    raw::until("a lost connection", async || !connection.is_connected()).await;
    sink.feed(2).await.unwrap();
    let flushing = tokio::spawn(async move { SinkExt::flush(&mut sink).await });
    // Longer than it waits for the server's word.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mut taken = 0;
    while client.publish("away", "3".into()).now_or_never().is_some() {
        taken += 1;
    }
    // The event that was fed, the question, and where its answer is to be sent.
    assert_eq!(taken, ROOM - 3);
    let _network = proxy::serve(proxy::bind_again(&url).await, broker.url(), Duration::ZERO);
    raw::soon(flushing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sink_that_is_not_confirmed_is_not_confirmed_when_asked_again() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let mut sink = connection.publisher::<u32>("unconfirmed").unwrap();
    sink.feed(1).await.unwrap();
    connection.close().await.unwrap();
    for _ in 0..2 {
        let error = SinkExt::flush(&mut sink).await.unwrap_err();
        assert!(matches!(error, PublisherError::Flush { .. }), "{error}");
    }
    let error = SinkExt::close(&mut sink).await.unwrap_err();
    assert!(matches!(error, PublisherError::Flush { .. }), "{error}");
}

/// Panics at what somebody sends.
#[derive(Debug)]
struct Fragile(u8);

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        assert!(number != 13, "thirteen");
        Ok(Self(number))
    }
}

#[tokio::test]
async fn a_type_that_panics_at_a_body_panics_nobody_who_reads() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let mut events = connection.subscribe::<Fragile>("fragile").await.unwrap();
    let values = connection.subscribe::<Fragile>("fragile").await.unwrap();
    for number in [13, 7] {
        connection.publish("fragile", &number).await.unwrap();
    }
    let error = next(&mut events).await.unwrap_err();
    assert!(matches!(error, EventError::Decode { .. }), "{error}");
    assert!(error.to_string().contains("thirteen"), "{error}");
    assert_eq!(next(&mut events).await.unwrap().payload.0, 7);
    connection.flush().await.unwrap();
    // Who is on no runtime reads as well, and has it in the log.
    let reading = std::thread::spawn(|| {
        let mut values = values.values();
        loop {
            if let Some(value) = values.next().now_or_never() {
                return value.unwrap().0;
            }
            std::thread::yield_now();
        }
    });
    raw::until("a value", async || reading.is_finished()).await;
    assert_eq!(reading.join().unwrap(), 7);
}

#[tokio::test]
async fn a_drain_that_is_given_up_ends_the_stream_all_the_same() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let mut events = connection.subscribe::<u32>("drained").await.unwrap();
    connection.publish("drained", &1).await.unwrap();
    connection.flush().await.unwrap();
    network.freeze();
    assert!(events.drain().now_or_never().is_none());
    let events = rest(&mut events).await;
    assert!(events.iter().all(Result::is_ok), "{events:?}");
}

#[tokio::test]
async fn what_is_bound_is_drained_from_elsewhere() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let numbers = connection.subscribe("drained").await.unwrap();
    let handle = numbers.drain_handle();
    let bound = tokio::spawn(numbers.bind(sender));
    for number in 0..100 {
        raw_publish(&client, "drained", &json!(number)).await;
    }
    raw::round_trip(&client).await;
    raw::soon(handle.drain()).await;
    nobody_is_subscribed(&client, "drained").await;
    for number in 0..100 {
        assert_eq!(raw::soon(receiver.recv()).await, Some(number));
    }
    assert_eq!(raw::soon(receiver.recv()).await, None);
    assert_eq!(raw::soon(bound).await.unwrap(), Ok(()));
    raw::soon(handle.drain()).await;
}

#[tokio::test]
async fn what_the_client_drops_is_told() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let events = micro::Events::new();
    let small = async_nats::ConnectOptions::new()
        .subscription_capacity(1)
        .event_callback(events.callback());
    let small = small.connect(broker.url()).await.unwrap();
    let connection = Connection::with_events(small, events);
    let mut numbers = connection.subscribe::<u32>("dropped").await.unwrap();
    let told = raw::soon(async {
        loop {
            for number in 0..100 {
                raw_publish(&client, "dropped", &json!(number)).await;
            }
            raw::round_trip(&client).await;
            while let Some(event) = numbers.next().now_or_never() {
                if let Err(error) = event.unwrap() {
                    return error;
                }
            }
            tokio::task::yield_now().await;
        }
    });
    let error = told.await;
    assert!(
        matches!(error, EventError::Dropped { dropped: 1.., .. }),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_drained_has_all_that_was_sent_before() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut events = connection.subscribe::<u32>("drained").await.unwrap();
    for id in 0..5000 {
        raw_publish(&client, "drained", &json!(id)).await;
    }
    raw::round_trip(&client).await;
    events.drain().await;
    nobody_is_subscribed(&client, "drained").await;
    let ids = rest(&mut events)
        .await
        .into_iter()
        .map(|event| event.unwrap().payload);
    assert!(ids.eq(0..5000));
}

#[tokio::test]
async fn what_was_let_go_of_is_told_at_its_place() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut events = connection
        .subscribe::<u32>("lagged")
        .buffer_events(10)
        .await
        .unwrap();
    let many = connection
        .subscribe::<u32>("lagged")
        .buffer_bytes(5_300)
        .await
        .unwrap();
    for id in 0..1000 {
        raw_publish(&client, "lagged", &json!(id)).await;
    }
    raw::round_trip(&client).await;
    events.drain().await;
    let EventError::Lagged {
        subject, missed, ..
    } = next(&mut events).await.unwrap_err()
    else {
        panic!("no word of what was missed");
    };
    assert_eq!((subject.as_str(), missed), ("lagged", 990));
    let ids = rest(&mut events)
        .await
        .into_iter()
        .map(|event| event.unwrap().payload);
    assert!(ids.eq(990..1000));
    // By its bytes: each has 6 of its subject, 3 of its body, and 512 of its own.
    let mut values = many.values();
    values.drain().await;
    assert!(rest(&mut values).await.into_iter().eq(990..1000));
}

#[tokio::test]
async fn what_a_stranger_sends_ends_nothing() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut events = connection.subscribe::<Text>("hostile.*").await.unwrap();
    let deep = "[".repeat(100_000);
    let long = format!("{{\"id\":\"{}\"}}", "\u{e9}".repeat(100_000));
    let bodies: [&[u8]; 6] = [
        b"",
        b"\xff\x00",
        b"not json",
        b"{\"id\":-1}",
        deep.as_bytes(),
        long.as_bytes(),
    ];
    for body in bodies {
        let body = Bytes::copy_from_slice(body);
        client.publish("hostile.body", body).await.unwrap();
        let error = next(&mut events).await.unwrap_err();
        let said = error.to_string();
        let EventError::Decode { subject, .. } = error else {
            panic!("{said}");
        };
        assert_eq!(subject, "hostile.body");
        assert!(
            said.len() < 2000 && !said.contains(char::is_control),
            "{said:?}"
        );
    }
    client
        .publish("hostile.\u{1b}[2J", "not json".into())
        .await
        .unwrap();
    let error = next(&mut events).await.unwrap_err();
    assert!(
        !error.to_string().contains(char::is_control),
        "{:?}",
        error.to_string()
    );
    let mut headers = HeaderMap::new();
    headers.insert("X-Escape", "\u{1b}[2J");
    headers.insert("X-Long", "x".repeat(100_000));
    let good = json!({"id": 7, "body": "x"}).to_string();
    client
        .publish_with_reply_and_headers(
            "hostile.headers",
            "$SRV.PING",
            headers,
            good.clone().into(),
        )
        .await
        .unwrap();
    let event = next(&mut events).await.unwrap();
    assert_eq!(event.payload.id, 7);
    // Nobody is answered at a subject that is reserved, or that is none.
    for reply in [
        event.reply_subject().unwrap(),
        "a.*",
        "a..b",
        "a b",
        "a\r\nPUB b 0\r\n",
    ] {
        let error = connection.publish(reply, &7).await.unwrap_err();
        assert!(matches!(error, PublisherError::Subject { .. }), "{error}");
        assert!(!error.to_string().contains('\r'), "{error:?}");
    }
    // The client itself fails at this one, and another takes over.
    raw::poison(broker.url(), "hostile.headers").await;
    let mut interrupted = 0;
    raw::until("an event after the failure", async || {
        client
            .publish("hostile.after", good.clone().into())
            .await
            .unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(50), events.next());
        match waiting.await.map(Option::unwrap) {
            Ok(Ok(event)) => event.subject() == "hostile.after",
            Ok(Err(EventError::Interrupted { .. })) => {
                interrupted += 1;
                false
            }
            Ok(Err(error)) => panic!("{error}"),
            Err(_) => false,
        }
    })
    .await;
    if interrupted == 0 {
        let mut later = next(&mut events).await;
        while later.is_ok() {
            later = next(&mut events).await;
        }
        let error = later.unwrap_err();
        assert!(matches!(error, EventError::Interrupted { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_and_is_not_sent() {
    struct Unwritable;
    impl Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("boom");
        }
    }
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    let client = broker.client().await;
    let mut everything = raw_subscriber(&client, "not.*").await;
    let error = connection
        .publish("not.sent", &Unwritable)
        .await
        .unwrap_err();
    assert!(matches!(error, PublisherError::Encode { .. }), "{error}");
    let error = connection.publish("not.sent", &Panics).await.unwrap_err();
    assert!(matches!(error, PublisherError::Encode { .. }), "{error}");
    assert!(error.to_string().contains("boom"), "{error}");
    let large = "x".repeat(connection.max_payload());
    let publisher = connection.publisher::<String>("not.sent").unwrap();
    let error = publisher.publish(&large).await.unwrap_err();
    assert!(matches!(error, PublisherError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("claim check"), "{error}");
    let small = "x".to_owned();
    for (name, value) in [("X", "a\r\nY: b"), ("", "a"), ("X Y", "a")] {
        let error = publisher
            .publish(&small)
            .header(name, value)
            .await
            .unwrap_err();
        assert!(matches!(error, PublisherError::Header { .. }), "{error}");
    }
    let error = publisher.publish(&small).reply_to("a.*").await.unwrap_err();
    assert!(matches!(error, PublisherError::Subject { .. }), "{error}");
    for subject in ["", "not.*", "not.>", "not.{sent}", "$SRV.PING", "not sent"] {
        let error = connection.publisher::<u8>(subject).unwrap_err();
        assert!(matches!(error, PublisherError::Subject { .. }), "{error}");
    }
    for subject in ["", "a..b", "$SRV.>", "a b", "a.>.b"] {
        let error = connection.subscribe::<u8>(subject).await.unwrap_err();
        assert!(matches!(error, SubscribeError::Subject { .. }), "{error}");
    }
    let error = connection
        .subscribe::<u8>("a")
        .queue_group("a b")
        .await
        .unwrap_err();
    assert!(
        matches!(error, SubscribeError::QueueGroup { .. }),
        "{error}"
    );
    // The connection is as good as before, and only this has come.
    connection
        .publish("not.refused", &Bytes::from_static(b"raw"))
        .await
        .unwrap();
    let seen = raw::soon(everything.next()).await.unwrap();
    assert_eq!(
        (seen.subject.as_str(), raw::text(&seen)),
        ("not.refused", "raw")
    );
}

#[tokio::test]
async fn a_subscription_that_is_not_permitted_is_refused() {
    let config = r#"authorization { users: [
        { user: ada, password: a, permissions: { subscribe: { deny: ["secret.>"] } } }
    ] }"#;
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let url = broker.url().replace("nats://", "nats://ada:a@");
    let connection = Connection::connect(&url).await.unwrap();
    for group in [None, Some("q")] {
        let mut subscribe = connection.subscribe::<u8>("secret.plans");
        if let Some(group) = group {
            subscribe = subscribe.queue_group(group);
        }
        let error = subscribe.await.unwrap_err();
        assert!(matches!(error, SubscribeError::Refused { .. }), "{error}");
    }
    let mut open = connection.subscribe::<u8>("open").await.unwrap();
    connection.publish("open", &7).await.unwrap();
    assert_eq!(next(&mut open).await.unwrap().payload, 7);
}

#[tokio::test]
async fn a_refusal_of_another_subscription_to_the_subject_ends_nothing() {
    let config = r#"authorization { users: [
        { user: ada, password: a, permissions: { subscribe: { allow: ["_INBOX.>", "work q"] } } }
    ] }"#;
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let url = broker.url().replace("nats://", "nats://ada:a@");
    let connection = Connection::connect(&url).await.unwrap();
    let shared = connection.subscribe::<u8>("work").queue_group("q");
    let mut shared = shared.await.unwrap();
    for group in [None, Some("other")] {
        let mut subscribe = connection.subscribe::<u8>("work");
        if let Some(group) = group {
            subscribe = subscribe.queue_group(group);
        }
        let error = subscribe.await.unwrap_err();
        assert!(matches!(error, SubscribeError::Refused { .. }), "{error}");
    }
    connection.publish("work", &7).await.unwrap();
    assert_eq!(next(&mut shared).await.unwrap().payload, 7);
}

/// Publishes numbers until told to end.
fn count_up(connection: &Connection, subject: &'static str) -> tokio::task::JoinHandle<u64> {
    let publisher = connection.publisher::<u64>(subject).unwrap();
    tokio::spawn(async move {
        let mut number = 0;
        while publisher.publish(&number).await.is_ok() {
            number += 1;
            tokio::task::yield_now().await;
        }
        number
    })
}

// Row 32.
#[tokio::test]
async fn a_subscription_goes_on_when_the_connection_is_back_and_nothing_comes_twice() {
    let broker = Broker::start().await;
    let (publishing_url, publishing_way) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let (reading_url, reading_way) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let publishing = Connection::connect(&publishing_url).await.unwrap();
    let reading = Connection::connect(&reading_url).await.unwrap();
    let mut numbers = reading.subscribe::<u64>("numbers").await.unwrap();
    let publisher = count_up(&publishing, "numbers");
    let (mut last, mut interrupted) = (None, 0);
    let mut follow = async || {
        for _ in 0..1000 {
            let number = match next(&mut numbers).await {
                Ok(event) => event.payload,
                Err(EventError::Interrupted { .. }) => {
                    interrupted += 1;
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            assert!(last < Some(number), "{number} after {last:?}");
            last = Some(number);
        }
        last
    };
    let ways = [
        (&publishing, publishing_url, publishing_way),
        (&reading, reading_url, reading_way),
    ];
    let mut open = Vec::new();
    for (connection, url, way) in ways {
        follow().await;
        let statistics = connection.client().statistics();
        let connects = || statistics.connects.load(Ordering::Relaxed);
        let before = connects();
        way.cut();
        let listener = proxy::bind_again(&url).await;
        open.push(proxy::serve(listener, broker.url(), Duration::ZERO));
        raw::until("a new connection", async || connects() > before).await;
    }
    let last = follow().await;
    publishing.close().await.unwrap();
    let number = raw::soon(publisher).await.unwrap();
    assert!(last < Some(number));
    // Its own connection was away once, and that is told once.
    assert_eq!(interrupted, 1);
}

/// What comes out of this has been asked for by whoever sends it on.
fn counted(
    taken: &Arc<AtomicUsize>,
) -> impl Stream<Item = Result<Bytes, PublisherError>> + Send + use<> {
    let taken = Arc::clone(taken);
    let body = Bytes::from(vec![b'x'; 16 * 1024]);
    stream::repeat_with(move || {
        taken.fetch_add(1, Ordering::Relaxed);
        Ok(body.clone())
    })
}

/// A server that greets, and reads nothing more.
async fn greet(listener: &TcpListener) -> BufReader<TcpStream> {
    let (socket, _) = listener.accept().await.unwrap();
    let mut socket = BufReader::new(socket);
    let info =
        json!({"server_id": "x", "version": "2.15.1", "headers": true, "max_payload": 1 << 20});
    socket
        .write_all(format!("INFO {info}\r\n").as_bytes())
        .await
        .unwrap();
    let mut line = String::new();
    while line != "PING\r\n" {
        line.clear();
        raw::soon(socket.read_line(&mut line)).await.unwrap();
    }
    socket.write_all(b"PONG\r\n").await.unwrap();
    socket
}

#[tokio::test]
async fn a_sink_takes_no_more_than_the_client_has_room_for() {
    const ALL: usize = 20_000;
    let broker = Broker::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let (connection, silent) = tokio::join!(Connection::connect(&url), greet(&listener));
    let connection = connection.unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let sink = connection.publisher::<Bytes>("much").unwrap();
    let mut forward = tokio::spawn(counted(&taken).take(ALL).forward(sink));
    let mut before = (0, 0);
    raw::until("a sink that takes no more", async || {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = taken.load(Ordering::Relaxed);
        before = if now == before.0 {
            (now, before.1 + 1)
        } else {
            (now, 0)
        };
        now > 0 && before.1 == 20
    })
    .await;
    assert!((&mut forward).now_or_never().is_none());
    assert!(before.0 < ALL / 2, "{} taken", before.0);
    // It goes on with the rest when there is a server again, and ends when that has it.
    let _network = proxy::serve(listener, broker.url(), Duration::ZERO);
    drop(silent);
    raw::soon(forward).await.unwrap().unwrap();
    assert_eq!(taken.load(Ordering::Relaxed), ALL);
}

#[tokio::test]
async fn a_flush_without_a_server_is_an_error_in_time() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    network.freeze();
    connection.publish("nobody", &1).await.unwrap();
    let error = raw::soon(connection.flush()).await.unwrap_err();
    assert!(matches!(error, FlushError::Unconfirmed { .. }), "{error}");
}

struct Orders;

#[service(name = "orders", version = "1.0.0")]
impl Orders {
    #[endpoint]
    async fn order(&self, ctx: &Context, number: u32) -> Result<u32, Error> {
        ctx.publish("orders.created", &number)
            .header("X-By", ctx.service())
            .await?;
        Ok(number)
    }
}

#[tokio::test]
async fn a_handler_publishes_through_its_context() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut created = raw_subscriber(&client, "orders.created").await;
    let options = ConnectOptions::new()
        .urls(broker.url())
        .own_thread(true)
        .connections(2);
    let connection = Connection::connect_with(&options).await.unwrap();
    let service = ServiceBuilder::of(Orders).start(&connection).await.unwrap();
    for number in 0..10 {
        raw::request(&client, "order", &number.to_string()).await;
    }
    for number in 0..10 {
        let event = raw::soon(created.next()).await.unwrap();
        assert_eq!(raw::json(&event), number);
        assert_eq!(
            event.headers.unwrap().get("X-By").unwrap().as_str(),
            "orders"
        );
    }
    service.stop().await;
}

// Row 98.
#[tokio::test]
async fn one_value_calls_publishes_streams_and_discovers() {
    let broker = Broker::start().await;
    let _service = ServiceBuilder::of(Orders)
        .start(&connect(&broker).await)
        .await
        .unwrap();
    let caller = Caller::new(connect(&broker).await);
    let nats = caller.connection();
    let mut created = nats.subscribe::<u32>("orders.created").await.unwrap();
    assert_eq!(
        OrdersClient::with(caller.clone()).order(&7).await.unwrap(),
        7
    );
    assert_eq!(next(&mut created).await.unwrap().payload, 7);
    nats.publish("orders.created", &8).await.unwrap();
    assert_eq!(next(&mut created).await.unwrap().payload, 8);
    let found = nats.discovery().ping().await.unwrap();
    assert!(found.documents().any(|ping| ping.name == "orders"));
}

fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}

// Row 130.
#[tokio::test]
async fn a_publisher_is_shared_as_it_is() {
    let broker = Broker::start().await;
    let connection = connect(&broker).await;
    is_shared(&connection);
    is_shared(&Caller::new(&connection));
    is_shared(&OrdersClient::new(&connection));
    let mut all = connection
        .subscribe::<u32>("shared.publisher")
        .await
        .unwrap();
    let publisher = connection.publisher::<u32>("shared.publisher").unwrap();
    is_shared(&publisher);
    let tasks = (0..10).map(|task| {
        let publisher = publisher.clone();
        tokio::spawn(async move {
            for number in 0..10 {
                publisher.publish(&(task * 10 + number)).await.unwrap();
            }
        })
    });
    futures_util::future::join_all(tasks).await;
    let mut seen = HashSet::new();
    for _ in 0..100 {
        seen.insert(next(&mut all).await.unwrap().payload);
    }
    assert_eq!(seen.len(), 100);
}
