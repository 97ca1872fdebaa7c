//! Section 10: from a start to a stop.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use async_nats::ConnectOptions;
use futures_util::future::join_all;
use humantime::format_rfc3339_micros;
use micro::{
    AddError, Connection, Events, Incident, Request, RunningService, ServiceBuilder, StartError,
};
use tokio::sync::{Semaphore, mpsc};

use crate::broker::Broker;
use crate::documents::{
    ask_all, by_id, each, echo, info, is_silent, ping, plain, soon, start, stats, stop,
};
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
        stop(&service).await;
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
        stop(&service).await;
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
    stop(&gone).await;
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
    stop(&service).await;
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
    assert_eq!(soon(service.stopped()).await, first);
}

#[tokio::test]
async fn a_stop_leaves_the_endpoints_first_and_discovery_last() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let service = plain("order").start(&tap.client().await).await.unwrap();
    stop(&service).await;
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
async fn a_subscription_that_is_refused_fails_the_start_by_name_and_leaves_nothing() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    for subject in ["fail", "$SRV.INFO.partly"] {
        let tap = Tap::before(&broker).await;
        tap.refuse(subject);
        let (connection, _) = own_client(tap.url()).await;
        let error = plain("partly").start(&connection).await.unwrap_err();
        let StartError::Refused { subject: named, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(named, subject);
        // A round trip of the same connection: the server has heard of all that was given up.
        let here = connection.client();
        assert!(is_silent(&here, "nobody").await);
        for nobody in ["echo", "fail", "$SRV.PING", "$SRV.INFO.partly"] {
            assert!(is_silent(&client, nobody).await, "{nobody}");
        }
    }
}

#[tokio::test]
async fn a_subscription_that_is_refused_later_is_told_counted_and_stops_the_service() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    for (subject, group, errors) in [("echo", Some("q"), [1, 0]), ("$SRV.PING", None, [0, 0])] {
        let tap = Tap::before(&broker).await;
        let (connection, _) = own_client(tap.url()).await;
        let (told, mut incidents) = mpsc::unbounded_channel();
        let service = plain("refused")
            .on_error(move |service, incident| {
                let _ = told.send((service.id().to_owned(), incident.clone()));
            })
            .start(&connection)
            .await
            .unwrap();
        // None of its subjects: that is somebody else's, and for no error handler of ours.
        for other in ["other", "$SRV.PING.other", "echo.more", "ech"] {
            tap.refuse_now(other, None);
        }
        tap.refuse_now("echo", Some("others"));
        // A message that was refused may be anybody's on this connection: it is told, and counts for
        // none of the endpoints.
        tap.have_server_say("-ERR 'Permissions Violation for Publish to \"echo\"'");
        let (_, incident) = soon(incidents.recv()).await.unwrap();
        assert!(matches!(incident, Incident::PublishRefused { .. }));
        assert_eq!(
            (incident.subject(), incident.endpoint()),
            (Some("echo"), None)
        );
        ping(&client, &service).await;
        assert_eq!(raw::text(&raw::request(&client, "echo", "x").await), "x");

        tap.refuse_now(subject, group);
        let (id, incident) = soon(incidents.recv()).await.unwrap();
        assert_eq!(
            (id.as_str(), incident.subject()),
            (service.id(), Some(subject))
        );
        assert!(matches!(incident, Incident::SubscriptionRefused { .. }));
        let stopped = tokio::time::timeout(raw::PATIENCE, service.stopped()).await;
        let report = stopped.unwrap();
        let cause = report.cause.unwrap();
        assert!(cause.contains(&format!("`{subject}`")), "{cause}");
        let seen = report.endpoints.iter().map(|endpoint| endpoint.num_errors);
        assert_eq!(seen.collect::<Vec<_>>(), errors);
        if errors[0] > 0 {
            assert_eq!(report.endpoints[0].last_error, cause);
        }
        assert!(is_silent(&client, &by_id("PING", &service)).await);
    }
}

#[tokio::test]
async fn endpoints_that_are_added_are_listed_last_and_those_removed_no_more() {
    let broker = Broker::start().await;
    let service = start(&broker, "changing").await;
    let client = broker.client().await;
    let untouched = ping(&client, &service).await;
    service
        .add(|root| {
            root.endpoint("zz", echo)
                .group("g", |group| group.no_queue_group().endpoint("aa", echo))
        })
        .await
        .unwrap();
    service.add_endpoint("bb", echo).await.unwrap();
    let mut expected = vec!["echo", "fail", "zz", "g.aa", "bb"];
    let agree = async |expected: &[&str]| {
        let info = info(&client, &service).await;
        let stats = stats(&client, &service).await;
        assert_eq!(each(&info, "subject"), expected);
        assert_eq!(each(&stats, "subject"), expected);
        for subject in expected {
            raw::request(&client, subject, "x").await;
        }
    };
    agree(&expected).await;
    for gone in [3, 0, 1] {
        let endpoint = service.endpoints().remove(gone);
        assert_eq!(endpoint.subject(), expected.remove(gone));
        assert_eq!(endpoint.remove().await, None);
        agree(&expected).await;
        assert!(is_silent(&client, endpoint.subject()).await);
    }
    // Neither has to do with the instance.
    assert_eq!(ping(&client, &service).await, untouched);
}

#[tokio::test]
async fn a_stopped_service_lists_no_endpoints_and_takes_none() {
    let broker = Broker::start().await;
    let service = start(&broker, "over").await;
    let client = broker.client().await;
    raw::request(&client, "fail", "").await;
    let report = stop(&service).await;
    assert_eq!(service.info().endpoints, []);
    assert_eq!(service.stats().endpoints, []);
    assert!(service.endpoints().is_empty());
    let added = service.add_endpoint("late", echo).await;
    assert!(matches!(added, Err(AddError::Stopped { .. })), "{added:?}");
    assert!(is_silent(&client, "late").await);
    assert_eq!(report.endpoints.len(), 2);
    assert_eq!(
        (
            report.endpoints[1].num_requests,
            report.endpoints[1].num_errors
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn the_done_handler_is_called_once_when_the_last_reply_has_been_sent() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (entered, mut entries) = mpsc::unbounded_channel();
    let (done, mut called) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("done", "1.0.0")
        .endpoint("held", move |_: Request| {
            let (held, entered) = (Arc::clone(&held), entered.clone());
            async move {
                entered.send(()).unwrap();
                held.acquire().await.unwrap().forget();
                "the last reply"
            }
        })
        .on_done(move |service, report| {
            done.send((service.id().to_owned(), report.clone()))
                .unwrap();
        })
        .start(&tap.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { raw::request(&client, "held", "").await }
    });
    soon(entries.recv()).await.unwrap();
    let stopping = tokio::spawn({
        let service = service.clone();
        async move { stop(&service).await }
    });
    let mark = tap.mark();
    // It has begun to leave, and waits for the handler.
    let leaving = async {
        let left = |frame: &crate::tap::Frame| frame.line.starts_with("UNSUB ");
        while !tap.said_since(mark).iter().any(left) {
            tokio::task::yield_now().await;
        }
    };
    let leaving = tokio::time::timeout(raw::PATIENCE, leaving);
    leaving.await.unwrap();
    // As long as that handler runs the service is there, and whoever asks is told.
    for _ in 0..100 {
        ping(&client, &service).await;
    }
    assert!(called.try_recv().is_err());
    gate.add_permits(1);
    let (id, report) = soon(called.recv()).await.unwrap();
    let last = |frame: &crate::tap::Frame| frame.body == b"the last reply";
    assert!(tap.said_since(mark).iter().any(last));
    assert_eq!(id, service.id());
    assert_eq!(stopping.await.unwrap(), report);
    assert_eq!(service.stop().await, report);
    assert_eq!(raw::text(&call.await.unwrap()), "the last reply");
    drop(service);
    assert!(called.try_recv().is_err(), "once");
}

/// INFO is prepared when an endpoint comes or goes, STATS when it is asked for: they list the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn info_and_stats_agree_after_endpoints_have_come_and_gone_at_once() {
    let broker = Broker::start().await;
    // Many, so that it takes a while to write them all down.
    let staying = (0..300).fold(
        ServiceBuilder::new("changing", "1.0.0"),
        |builder, number| builder.endpoint(&format!("stays.{number}"), echo),
    );
    let service = staying.start(&broker.client().await).await.unwrap();
    let client = broker.client().await;
    for round in 0..50 {
        let leaving = service.endpoints().split_off(300);
        let coming = (0..4).map(|number| {
            let service = service.clone();
            tokio::spawn(async move {
                let subject = format!("round.{round}.{number}");
                service.add_endpoint(&subject, echo).await.unwrap();
            })
        });
        let going = leaving.into_iter().map(|endpoint| {
            tokio::spawn(async move {
                endpoint.remove().await;
            })
        });
        let changes: Vec<_> = coming.chain(going).collect();
        for change in join_all(changes).await {
            change.unwrap();
        }
        let info = info(&client, &service).await;
        let stats = stats(&client, &service).await;
        let listed = each(&info, "subject");
        assert_eq!(listed, each(&stats, "subject"), "round {round}");
        assert_eq!(listed.len(), 304, "round {round}");
    }
}
