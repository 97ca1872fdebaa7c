//! Section 1: where a service is asked.

use std::collections::BTreeSet;

use async_nats::HeaderMap;
use micro::Incident;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::broker::Broker;
use crate::documents::{ask_all, by_id, checked, is_silent, plain, soon, start};
use crate::raw;
use crate::tap::Tap;

const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

#[tokio::test]
async fn each_verb_is_answered_at_three_levels() {
    let broker = Broker::start().await;
    let first = start(&broker, "one").await;
    let second = start(&broker, "one").await;
    let third = start(&broker, "two").await;
    let fourth = start(&broker, "two").await;
    let client = broker.client().await;
    let ids = |answers: &[Value]| -> BTreeSet<String> {
        let id = |answer: &Value| answer["id"].as_str().unwrap().to_owned();
        answers.iter().map(id).collect()
    };
    for verb in VERBS {
        let all = ask_all(&client, &format!("$SRV.{verb}"), 4).await;
        let expected = [&first, &second, &third, &fourth].map(|service| service.id().to_owned());
        assert_eq!((all.len(), ids(&all)), (4, expected.into()));

        let named = ask_all(&client, &format!("$SRV.{verb}.one"), 2).await;
        let expected = [&first, &second].map(|service| service.id().to_owned());
        assert_eq!((named.len(), ids(&named)), (2, expected.into()));

        let one = ask_all(&client, &by_id(verb, &third), 1).await;
        let expected = [third.id().to_owned()];
        assert_eq!((one.len(), ids(&one)), (1, expected.into()));

        let kind = format!("io.nats.micro.v1.{}_response", verb.to_lowercase());
        for answer in all.iter().chain(&named).chain(&one) {
            assert_eq!(answer["type"], kind);
        }
    }
}

#[tokio::test]
async fn an_instance_has_nine_discovery_subscriptions_and_none_in_a_queue_group() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let service = plain("nine")
        .queue_group("workers")
        .start(&tap.client().await)
        .await
        .unwrap();
    let mut discovery = tap.subscriptions();
    discovery.retain(|(subject, _)| subject.starts_with("$SRV"));
    let mut expected = Vec::new();
    for verb in VERBS {
        expected.push((format!("$SRV.{verb}"), None));
        expected.push((format!("$SRV.{verb}.nine"), None));
        expected.push((by_id(verb, &service), None));
    }
    discovery.sort();
    expected.sort();
    assert_eq!(discovery, expected);
}

#[tokio::test]
async fn verbs_are_upper_case_and_names_keep_their_case() {
    let broker = Broker::start().await;
    let service = start(&broker, "Mixed-Case_1").await;
    let client = broker.client().await;
    for verb in VERBS {
        let answers = ask_all(&client, &format!("$SRV.{verb}.Mixed-Case_1"), 1).await;
        assert_eq!(answers[0]["name"], "Mixed-Case_1");
        assert_eq!(ask_all(&client, &by_id(verb, &service), 1).await.len(), 1);
        let lower = verb.to_lowercase();
        let id = service.id();
        let other_id = if id.to_lowercase() == id {
            id.to_uppercase()
        } else {
            id.to_lowercase()
        };
        for nobody in [
            format!("$SRV.{lower}"),
            format!("$SRV.{lower}.Mixed-Case_1"),
            format!("$srv.{verb}"),
            format!("$SRV.{verb}.mixed-case_1"),
            format!("$SRV.{verb}.MIXED-CASE_1"),
            format!("$SRV.{verb}.Mixed-Case_1.{other_id}"),
        ] {
            assert!(is_silent(&client, &nobody).await, "{nobody}");
        }
    }
}

#[tokio::test]
async fn nothing_answers_an_unknown_verb_name_or_id() {
    let broker = Broker::start().await;
    let one = start(&broker, "one").await;
    let two = start(&broker, "two").await;
    let client = broker.client().await;
    for nobody in [
        "$SRV".to_owned(),
        "$SRV.SCHEMA".to_owned(),
        "$SRV.SCHEMA.one".to_owned(),
        format!("$SRV.SCHEMA.one.{}", one.id()),
        "$SRV.HEALTH".to_owned(),
        "$SRV.PING.three".to_owned(),
        format!("$SRV.PING.one.{}", two.id()),
        format!("$SRV.PING.{}", one.id()),
        format!("{}.more", by_id("PING", &one)),
    ] {
        assert!(is_silent(&client, &nobody).await, "{nobody}");
    }
}

#[tokio::test]
async fn what_a_question_carries_changes_nothing_and_does_not_come_back() {
    let broker = Broker::start().await;
    let _service = start(&broker, "one").await;
    let client = broker.client().await;
    for verb in VERBS {
        let subject = format!("$SRV.{verb}.one");
        let plain = raw::request(&client, &subject, "").await;
        for body in ["{}", "not json", "\u{0}", &"x".repeat(1_000_000)] {
            let mut headers = HeaderMap::new();
            headers.insert("Accept-Encoding", "snappy");
            headers.insert("Content-Encoding", "snappy");
            headers.insert("Nats-Service-Error", "no");
            headers.insert("Nats-Service-Error-Code", "500");
            let reply = client
                .request_with_headers(subject.clone(), headers, body.to_owned().into())
                .await
                .unwrap();
            checked(&subject, &reply);
            assert_eq!(reply.payload, plain.payload);
        }
    }
}

#[tokio::test]
async fn a_question_without_a_reply_subject_harms_nothing() {
    let broker = Broker::start().await;
    let (told, mut incidents) = mpsc::unbounded_channel();
    let service = plain("one")
        .on_error(move |_, incident| {
            let _ = told.send(incident.clone());
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..3 {
        for verb in VERBS {
            for subject in [
                format!("$SRV.{verb}"),
                format!("$SRV.{verb}.one"),
                by_id(verb, &service),
            ] {
                client.publish(subject.clone(), "".into()).await.unwrap();
                assert_eq!(ask_all(&client, &subject, 1).await.len(), 1);
                // Whoever looks after the service is told that somebody asks in vain.
                let incident = soon(incidents.recv()).await.unwrap();
                assert!(matches!(incident, Incident::NoReplySubject { .. }));
                assert_eq!(incident.subject(), Some(subject.as_str()));
            }
        }
    }
    assert_eq!(raw::text(&raw::request(&client, "echo", "x").await), "x");
}
