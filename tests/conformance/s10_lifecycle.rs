//! Section 10: from a start to a stop.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use async_nats::ConnectOptions;
use futures_util::future::join_all;
use humantime::format_rfc3339_micros;
use micro::{Connection, Events, RunningService, ServiceBuilder};

use crate::broker::Broker;
use crate::documents::{ask_all, by_id, echo, is_silent, ping, plain, start, stats};
use crate::raw;
use crate::tap::Tap;

#[tokio::test]
async fn a_service_is_visible_to_everybody_when_its_start_returns() {
    let broker = Broker::start().await;
    let (here, there) = (broker.client().await, broker.client().await);
    for number in 0..50 {
        let name = format!("s{number}");
        let service = plain(&name).start(&here).await.unwrap();
        for subject in [
            "$SRV.PING",
            &format!("$SRV.INFO.{name}"),
            &by_id("STATS", &service),
        ] {
            let answers = ask_all(&there, subject, 1).await;
            assert_eq!(
                (answers.len(), &answers[0]["id"]),
                (1, &service.id().into())
            );
        }
        assert_eq!(raw::text(&raw::request(&there, "echo", "x").await), "x");
        service.stop().await;
    }
}

#[tokio::test]
async fn started_is_the_time_when_the_subscriptions_were_there() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let connection = tap.client().await;
    for _ in 0..20 {
        let before = tap.mark();
        let service = plain("started").start(&connection).await.unwrap();
        let after = SystemTime::now();
        let said = tap.said_since(before);
        let subscribed = said.iter().filter(|frame| frame.line.starts_with("SUB "));
        let last = subscribed.map(|frame| frame.at).max().unwrap();
        let document = stats(&broker.client().await, &service).await;
        let started = document["started"].as_str().unwrap();
        let text = |time| format_rfc3339_micros(time).to_string();
        assert!(
            text(last).as_str() <= started,
            "{} before {started}",
            text(last)
        );
        assert!(
            started <= text(after).as_str(),
            "{started} before {}",
            text(after)
        );
        service.stop().await;
    }
}

#[tokio::test]
async fn a_thousand_instances_have_a_thousand_ids_that_are_tokens() {
    let broker = Broker::start().await;
    let connection = broker.client().await;
    let starts = (0..1_000).map(|_| ServiceBuilder::new("many", "1.0.0").start(&connection));
    let services: Vec<_> = join_all(starts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let ids: HashSet<_> = services.iter().map(RunningService::id).collect();
    assert_eq!(ids.len(), 1_000);
    // By the schema, each is 22 letters and digits.
    let client = broker.client().await;
    let answers = ask_all(&client, "$SRV.PING.many", 1_000).await;
    let answered: HashSet<_> = answers.iter().map(|a| a["id"].as_str().unwrap()).collect();
    assert_eq!((answers.len(), answered), (1_000, ids));
    for service in services.iter().step_by(100) {
        assert_eq!(ask_all(&client, &by_id("PING", service), 1).await.len(), 1);
    }
}

#[tokio::test]
async fn services_and_instances_share_a_connection() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let connection = tap.client().await;
    let mut services = Vec::new();
    for name in ["one", "one", "one", "two"] {
        let service = ServiceBuilder::new(name, "1.0.0")
            .group(name, |group| group.endpoint("echo", echo))
            .start(&connection)
            .await
            .unwrap();
        services.push(service);
    }
    let client = broker.client().await;
    let answers = ask_all(&client, "$SRV.PING.one", 3).await;
    let ids: HashSet<_> = answers.iter().map(|a| a["id"].as_str().unwrap()).collect();
    assert_eq!((answers.len(), ids.len()), (3, 3));
    assert_eq!(ask_all(&client, "$SRV.PING", 4).await.len(), 4);
    for subject in ["one.echo", "two.echo"] {
        assert_eq!(raw::gather(&client, subject, 1).await.len(), 1);
    }
    // One of them leaves; the connection and the others stay.
    let gone = services.remove(1);
    gone.stop().await;
    assert_eq!(ask_all(&client, "$SRV.PING.one", 2).await.len(), 2);
    assert!(is_silent(&client, &by_id("PING", &gone)).await);
    for subject in ["one.echo", "two.echo"] {
        assert_eq!(raw::text(&raw::request(&client, subject, "x").await), "x");
    }
    assert_eq!(
        raw::text(&raw::request(&connection, "two.echo", "x").await),
        "x"
    );
    let connects = tap.said_since(0);
    let connects = connects
        .iter()
        .filter(|frame| frame.line.starts_with("CONNECT "));
    assert_eq!(connects.count(), 1);
}

#[tokio::test]
async fn nothing_answers_after_a_stop() {
    let broker = Broker::start().await;
    let service = start(&broker, "gone").await;
    let client = broker.client().await;
    ping(&client, &service).await;
    service.stop().await;
    for verb in ["PING", "INFO", "STATS"] {
        for subject in [
            format!("$SRV.{verb}"),
            format!("$SRV.{verb}.gone"),
            by_id(verb, &service),
        ] {
            assert!(is_silent(&client, &subject).await, "{subject}");
        }
    }
    for subject in ["echo", "fail"] {
        assert!(is_silent(&client, subject).await, "{subject}");
    }
}

#[tokio::test]
async fn a_second_stop_is_the_first_one() {
    let broker = Broker::start().await;
    let service = start(&broker, "twice").await;
    let (first, second) = tokio::join!(service.stop(), service.stop());
    assert_eq!(first, second);
    assert_eq!(service.stop().await, first);
    assert_eq!(service.stopped().await, first);
}

#[tokio::test]
async fn a_stop_leaves_the_endpoints_first_and_discovery_last() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let service = plain("order").start(&tap.client().await).await.unwrap();
    service.stop().await;
    let said = tap.said_since(0);
    // Where a subscription, by its subject, is given up first.
    let left = |subject: &str| {
        let asked = format!("SUB {subject} ");
        let sub = said.iter().find(|frame| frame.line.starts_with(&asked));
        let number = sub.unwrap().line.rsplit(' ').next().unwrap();
        let unsub = |line: &str| {
            let mut words = line.split(' ');
            words.next() == Some("UNSUB") && words.next() == Some(number)
        };
        said.iter().position(|frame| unsub(&frame.line)).unwrap()
    };
    let endpoints = ["echo", "fail"].map(left);
    for verb in ["PING", "INFO", "STATS"] {
        for subject in [
            format!("$SRV.{verb}"),
            format!("$SRV.{verb}.order"),
            by_id(verb, &service),
        ] {
            let last = endpoints.iter().max().unwrap();
            assert!(left(&subject) > *last, "{subject} {said:?}");
        }
    }
}

/// A client of the user's own, whose callback hands events on and goes on doing what it did.
async fn own_client(url: &str) -> (Connection, Arc<AtomicBool>) {
    let events = Events::new();
    let (closed, observed) = (Arc::new(AtomicBool::new(false)), events.clone());
    let note = Arc::clone(&closed);
    let client = ConnectOptions::new()
        .event_callback(move |event| {
            observed.observe(&event);
            if matches!(event, async_nats::Event::Closed) {
                note.store(true, Ordering::Release);
            }
            async {}
        })
        .connect(url)
        .await
        .unwrap();
    (Connection::with_events(client, events), closed)
}

#[tokio::test]
async fn a_closed_connection_stops_the_service_and_the_users_own_callback_is_called() {
    let broker = Broker::start().await;
    let (connection, closed) = own_client(broker.url()).await;
    let service = plain("closing").start(&connection).await.unwrap();
    connection.client().drain().await.unwrap();
    let report = tokio::time::timeout(raw::PATIENCE, service.stopped())
        .await
        .unwrap();
    assert_eq!(
        report.cause.as_deref(),
        Some("its connection to NATS is closed")
    );
    let called = async {
        while !closed.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(raw::PATIENCE, called).await.unwrap();
}

#[tokio::test]
async fn a_subscription_that_is_refused_later_stops_the_service_and_is_named() {
    let broker = Broker::start().await;
    for subject in ["echo", "$SRV.PING"] {
        let tap = Tap::before(&broker).await;
        let (connection, _) = own_client(tap.url()).await;
        let service = plain("refused").start(&connection).await.unwrap();
        // None of its subjects: that is somebody else's.
        for other in ["other", "$SRV.PING.other", "echo.more"] {
            tap.have_server_say(&format!(
                "-ERR 'Permissions Violation for Subscription to \"{other}\"'"
            ));
        }
        tap.have_server_say("-ERR 'Permissions Violation for Publish to \"echo\"'");
        let client = broker.client().await;
        ping(&client, &service).await;
        assert_eq!(raw::text(&raw::request(&client, "echo", "x").await), "x");

        tap.have_server_say(&format!(
            "-ERR 'Permissions Violation for Subscription to \"{subject}\"'"
        ));
        let report = tokio::time::timeout(raw::PATIENCE, service.stopped())
            .await
            .unwrap();
        let cause = report.cause.unwrap();
        assert!(cause.contains(&format!("`{subject}`")), "{cause}");
        assert!(is_silent(&client, &by_id("PING", &service)).await);
    }
}
