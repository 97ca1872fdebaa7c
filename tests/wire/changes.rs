//! Endpoints that come and go while their service runs (wire specification, section 10).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, RequestErrorKind};
use micro::{AddError, Connection, Request, RunningService, ServiceBuilder};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::{proxy, raw};

async fn echo(request: Request) -> micro::Bytes {
    request.payload().clone()
}

async fn start(broker: &Broker) -> RunningService {
    ServiceBuilder::new("changing", "1.0.0")
        .endpoint("first", echo)
        .start(&broker.client().await)
        .await
        .unwrap()
}

/// INFO over the wire.
async fn info(client: &Client, service: &RunningService) -> Value {
    let subject = format!("$SRV.INFO.changing.{}", service.id());
    raw::json(&raw::request(client, &subject, "").await)
}

async fn subjects(client: &Client, service: &RunningService) -> Vec<String> {
    let info = info(client, service).await;
    let endpoints = info["endpoints"].as_array().unwrap().iter();
    endpoints
        .map(|endpoint| endpoint["subject"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_added_endpoint_is_served_and_listed_when_the_addition_returns() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    for number in 0..100 {
        let subject = format!("added.{number}");
        let added = service.add_endpoint(&subject, echo).await.unwrap();
        assert_eq!(
            (added.name(), added.subject()),
            (format!("added-{number}").as_str(), subject.as_str())
        );
        let reply = raw::request(&client, &subject, "hi").await;
        assert_eq!(raw::text(&reply), "hi");
        assert_eq!(added.stats().num_requests, 1);
    }
    let listed = subjects(&client, &service).await;
    let expected = (0..100).map(|number| format!("added.{number}"));
    assert!(
        listed
            .into_iter()
            .eq(["first".to_owned()].into_iter().chain(expected))
    );
}

#[tokio::test]
async fn what_is_added_has_what_its_service_has() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("changing", "1.0.0")
        .prefix("tenant")
        .queue_group("workers")
        .stats_handler(|stats| stats.name.clone())
        .start(&broker.client().await)
        .await
        .unwrap();
    let added = service
        .add(|service| {
            service.endpoint("plain", echo).group("group", |group| {
                group
                    .no_queue_group()
                    .endpoint("inner", echo)
                    .group("", |same| same.queue_group("again").endpoint("deep", echo))
                    .endpoint_with("named", echo, |endpoint| {
                        endpoint
                            .name("other")
                            .metadata("k", "v")
                            .description("says")
                    })
            })
        })
        .await
        .unwrap();
    assert_eq!(added.len(), 4);
    let client = broker.client().await;
    assert_eq!(
        info(&client, &service).await["endpoints"],
        json!([
            {"name": "plain", "subject": "tenant.plain", "queue_group": "workers", "metadata": {}},
            {"name": "inner", "subject": "tenant.group.inner", "queue_group": "", "metadata": {}},
            {"name": "deep", "subject": "tenant.group.deep", "queue_group": "again", "metadata": {}},
            {"name": "other", "subject": "tenant.group.named", "queue_group": "", "metadata": {"description": "says", "k": "v"}},
        ])
    );
    let stats = raw::stats(&client, "changing", service.id()).await;
    assert_eq!(stats["endpoints"][3]["data"], "other");
}

#[tokio::test]
async fn ten_additions_at_once_are_ten_endpoints() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let additions = (0..10).map(|number| {
        let service = service.clone();
        tokio::spawn(async move {
            let subject = format!("at-once.{number}");
            service.add_endpoint(&subject, echo).await.unwrap();
        })
    });
    for addition in futures_util::future::join_all(additions).await {
        addition.unwrap();
    }
    let listed: HashSet<_> = subjects(&client, &service).await.into_iter().collect();
    assert_eq!(listed.len(), 11);
    let stats = raw::stats(&client, "changing", service.id()).await;
    assert_eq!(stats["endpoints"].as_array().unwrap().len(), 11);
    for subject in &listed {
        raw::request(&client, subject, "").await;
    }
}

#[tokio::test]
async fn an_addition_is_all_or_nothing_and_tells_all_that_is_wrong() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let refused = service
        .add(|service| {
            service
                .endpoint("good", echo)
                .endpoint("a..b", echo)
                .endpoint_with("fine", echo, |endpoint| endpoint.name("not fine"))
        })
        .await
        .unwrap_err();
    let AddError::Invalid {
        service: name,
        problems,
    } = &refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (name.as_str(), problems.len()),
        ("changing", 2),
        "{refused}"
    );
    let text = refused.to_string();
    assert!(
        text.starts_with("nothing can be added to service `changing`:"),
        "{text}"
    );
    assert_eq!(subjects(&client, &service).await, ["first"]);
    let reply = raw::try_request(&client, "good", "").await;
    assert_eq!(reply.unwrap_err(), RequestErrorKind::NoResponders);
}

#[tokio::test]
async fn an_addition_that_the_server_refuses_leaves_nothing_and_loses_nothing() {
    let config = r#"authorization { users [
        { user: us, password: pw, permissions: { subscribe: { deny: ["denied"] } } }
        { user: them, password: pw }
    ] }"#;
    // The dev server has no permissions to refuse anything with.
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let url = |user: &str| {
        broker
            .url()
            .replace("nats://", &format!("nats://{user}:pw@"))
    };
    let connection = Connection::connect(&url("us")).await.unwrap();
    let service = ServiceBuilder::new("changing", "1.0.0")
        .endpoint("first", echo)
        .start(&connection)
        .await
        .unwrap();
    let them = async_nats::ConnectOptions::with_user_and_password("them".into(), "pw".into())
        .connect(broker.url())
        .await
        .unwrap();
    // A member of the group that stays, and callers while another comes and goes.
    let stays = ServiceBuilder::new("stays", "1.0.0")
        .endpoint("shared", echo)
        .start(&them)
        .await
        .unwrap();
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&them, "shared", &end);
    for _ in 0..20 {
        let refused = service
            .add(|service| service.endpoint("shared", echo).endpoint("denied", echo))
            .await
            .unwrap_err();
        assert!(
            matches!(&refused, AddError::Refused { subject, .. } if subject == "denied"),
            "{refused:?}"
        );
    }
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
    assert_eq!(subjects(&them, &service).await, ["first"]);
    let kept = stays.stats().endpoints[0].num_requests;
    raw::request(&them, "shared", "").await;
    assert_eq!(stays.stats().endpoints[0].num_requests, kept + 1);
}

#[tokio::test]
async fn a_removed_endpoint_answers_what_it_has_and_is_gone() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let (entered, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (seen, held) = (Arc::clone(&entered), Arc::clone(&gate));
    let slow = service
        .add_endpoint("slow", move |_: Request| {
            let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
            async move {
                seen.add_permits(1);
                let _ = held.acquire().await.unwrap();
                "done"
            }
        })
        .await
        .unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { raw::request(&client, "slow", "").await })
        })
        .collect();
    let _all = entered.acquire_many(20).await.unwrap();
    let removing = tokio::spawn({
        let slow = slow.clone();
        async move { slow.remove().await }
    });
    // It is off the list before its handlers have finished.
    let unlisted = async || subjects(&client, &service).await.len() == 1;
    raw::until("the endpoint off the list", unlisted).await;
    let reply = raw::try_request(&client, "slow", "").await;
    assert_eq!(reply.unwrap_err(), RequestErrorKind::NoResponders);
    assert!(!removing.is_finished());
    gate.add_permits(20);
    for call in calls {
        assert_eq!(raw::text(&call.await.unwrap()), "done");
    }
    assert_eq!(removing.await.unwrap(), None);
    assert_eq!(slow.stats().num_requests, 20);
    assert_eq!(slow.remove().await, None, "a second time");
    // The service runs on, and the subject is free again.
    raw::request(&client, "first", "").await;
    service.add_endpoint("slow", echo).await.unwrap();
    assert_eq!(
        raw::text(&raw::request(&client, "slow", "new").await),
        "new"
    );
    assert_eq!(subjects(&client, &service).await, ["first", "slow"]);
}

#[tokio::test]
async fn a_removal_through_a_slow_network_loses_no_request() {
    let broker = Broker::start().await;
    let far = proxy::delayed(broker.url(), Duration::from_millis(2)).await;
    let client = broker.client().await;
    let leaves = ServiceBuilder::new("leaves", "1.0.0")
        .start(Connection::connect(&far).await.unwrap())
        .await
        .unwrap();
    let _stays = ServiceBuilder::new("stays", "1.0.0")
        .endpoint("shared", echo)
        .start(&client)
        .await
        .unwrap();
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&client, "shared", &end);
    for _ in 0..5 {
        let endpoint = leaves.add_endpoint("shared", echo).await.unwrap();
        let busy = async || endpoint.stats().num_requests >= 100;
        raw::until("100 requests", busy).await;
        assert_eq!(endpoint.remove().await, None);
    }
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
}

#[tokio::test]
async fn a_stop_waits_for_endpoints_that_are_being_removed() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let (entered, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (seen, held) = (Arc::clone(&entered), Arc::clone(&gate));
    let slow = service
        .add_endpoint("slow", move |_: Request| {
            let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
            async move {
                seen.add_permits(1);
                let _ = held.acquire().await.unwrap();
                "done"
            }
        })
        .await
        .unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { raw::request(&client, "slow", "").await }
    });
    let _one = entered.acquire().await.unwrap();
    let removing = tokio::spawn(async move { slow.remove().await });
    let unlisted = async || subjects(&client, &service).await.len() == 1;
    raw::until("the endpoint off the list", unlisted).await;
    let stopping = tokio::spawn({
        let service = service.clone();
        async move { service.stop().await }
    });
    // Discovery goes after the handlers.
    raw::try_request(&client, "first", "").await.ok();
    raw::request(&client, "$SRV.PING.changing", "").await;
    assert!(!stopping.is_finished());
    gate.add_permits(1);
    assert_eq!(raw::text(&call.await.unwrap()), "done");
    assert!(stopping.await.unwrap().abandoned.is_empty());
    assert_eq!(removing.await.unwrap(), None);
}

#[tokio::test]
async fn nothing_can_be_added_after_a_stop() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let first = service.endpoints().remove(0);
    service.stop().await;
    let refused = service.add_endpoint("late", echo).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "nothing can be added to service `changing`: it has been stopped; start another one"
    );
    let reply = raw::try_request(&client, "late", "").await;
    assert_eq!(reply.unwrap_err(), RequestErrorKind::NoResponders);
    assert_eq!(first.remove().await, None);
    assert!(service.endpoints().is_empty());
}

#[tokio::test]
async fn additions_that_meet_a_stop_are_refused_and_lose_nothing() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let stays = ServiceBuilder::new("stays", "1.0.0")
        .endpoint("shared", echo)
        .start(&client)
        .await
        .unwrap();
    let far = proxy::delayed(broker.url(), Duration::from_millis(2)).await;
    let far = Connection::connect(&far).await.unwrap();
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&client, "shared", &end);
    for _ in 0..20 {
        let service = ServiceBuilder::new("changing", "1.0.0")
            .start(&far)
            .await
            .unwrap();
        let adding = tokio::spawn({
            let service = service.clone();
            async move { service.add_endpoint("shared", echo).await.map(|_| ()) }
        });
        // Far enough to have asked for the subscription; the server's word takes 4 ms.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        assert!(service.stop().await.abandoned.is_empty());
        let refused = adding.await.unwrap().unwrap_err();
        assert!(matches!(refused, AddError::Stopped { .. }), "{refused:?}");
    }
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
    // None of those that came too late is left behind.
    stays.stop().await;
    let reply = raw::try_request(&client, "shared", "").await;
    assert_eq!(reply.unwrap_err(), RequestErrorKind::NoResponders);
}
