//! Endpoints that come and go while their service runs (wire specification, section 10).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
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

#[tokio::test(flavor = "multi_thread")]
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
    assert!(raw::soon(stopping).await.unwrap().abandoned.is_empty());
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

/// A handler that changes its own service while that is being stopped: what it answers, and what the
/// stop left behind.
async fn change_in_a_handler_during_a_stop(remove: bool) -> (String, usize) {
    let broker = Broker::start().await;
    let this: Arc<OnceLock<RunningService>> = Arc::default();
    let (entered, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (own, seen, held) = (Arc::clone(&this), Arc::clone(&entered), Arc::clone(&gate));
    let service = ServiceBuilder::new("changing", "1.0.0")
        .endpoint("other", echo)
        .endpoint("changes", move |_: Request| {
            let (own, seen, held) = (Arc::clone(&own), Arc::clone(&seen), Arc::clone(&held));
            async move {
                seen.add_permits(1);
                let _ = held.acquire().await.unwrap();
                let service = own.get().unwrap();
                if remove {
                    format!("{:?}", service.endpoints()[0].remove().await)
                } else {
                    let added = service.add_endpoint("topic", echo).await;
                    added.unwrap_err().to_string()
                }
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    this.set(service.clone()).unwrap();
    let client = broker.client().await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { raw::request(&client, "changes", "").await }
    });
    let _one = entered.acquire().await.unwrap();
    let stopping = tokio::spawn(async move { service.stop().await });
    raw::until("the stop begun", async || {
        raw::try_request(&client, "other", "").await.is_err()
    })
    .await;
    gate.add_permits(1);
    let reply = tokio::time::timeout(raw::PATIENCE, call)
        .await
        .unwrap()
        .unwrap();
    let report = tokio::time::timeout(raw::PATIENCE, stopping)
        .await
        .unwrap()
        .unwrap();
    (raw::text(&reply).to_owned(), report.abandoned.len())
}

#[tokio::test]
async fn a_handler_may_add_and_remove_while_its_service_stops() {
    let (reply, left) = change_in_a_handler_during_a_stop(false).await;
    assert!(
        reply.ends_with("it has been stopped; start another one"),
        "{reply}"
    );
    assert_eq!(left, 0);
    assert_eq!(
        change_in_a_handler_during_a_stop(true).await,
        ("None".to_owned(), 0)
    );
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_an_addition_loses_no_later_request() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let _stays = ServiceBuilder::new("stays", "1.0.0")
        .endpoint("shared", echo)
        .start(&client)
        .await
        .unwrap();
    let (url, network) = proxy::cuttable(broker.url(), Duration::from_millis(100)).await;
    let service = ServiceBuilder::new("changing", "1.0.0")
        .start(Connection::connect(&url).await.unwrap())
        .await
        .unwrap();
    let adding = tokio::spawn({
        let service = service.clone();
        async move { service.add_endpoint("shared", echo).await.map(|_| ()) }
    });
    // Far enough to have asked for the subscription.
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    network.cut();
    let listener = proxy::bind_again(&url).await;
    let _network = proxy::serve(listener, broker.url(), Duration::ZERO);
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&client, "shared", &end);
    let added = tokio::time::timeout(raw::PATIENCE, adding).await.unwrap();
    added.unwrap().unwrap();
    let endpoints = service.endpoints();
    let busy = async || endpoints[0].stats().num_requests > 100;
    raw::until("requests served", busy).await;
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
}

#[tokio::test]
async fn a_refused_addition_to_a_subject_that_is_served_leaves_the_service_as_it_was() {
    let config = r#"authorization { users [
        { user: us, password: pw, permissions: { subscribe: { deny: ["first blocked"] } } }
    ] }"#;
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let url = broker.url().replace("nats://", "nats://us:pw@");
    let connection = Connection::connect(&url).await.unwrap();
    let service = ServiceBuilder::new("changing", "1.0.0")
        .endpoint("first", echo)
        .start(&connection)
        .await
        .unwrap();
    for number in 0..10 {
        let refused = service
            .add(|service| {
                service.endpoint_with("first", echo, |endpoint| {
                    endpoint.name("second").queue_group("blocked")
                })
            })
            .await;
        assert!(
            matches!(refused, Err(AddError::Refused { .. })),
            "{refused:?}"
        );
        let subject = format!("other.{number}");
        service.add_endpoint(&subject, echo).await.unwrap();
    }
    assert_eq!(service.info().endpoints.len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_sees_all_of_an_addition_or_nothing_of_it() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let end = Arc::new(AtomicBool::new(false));
    let looking = std::thread::spawn({
        let (service, end) = (service.clone(), Arc::clone(&end));
        move || {
            let mut seen = HashSet::new();
            while !end.load(Ordering::Relaxed) {
                seen.insert(service.info().endpoints.len());
            }
            seen
        }
    });
    let added = service
        .add(|all| {
            (0..200).fold(all, |all, number| {
                all.endpoint(&format!("many.{number}"), echo)
            })
        })
        .await;
    end.store(true, Ordering::Relaxed);
    assert_eq!(added.unwrap().len(), 200);
    let seen = looking.join().unwrap();
    assert!(
        seen.iter().all(|count| [1, 201].contains(count)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_stop_tells_what_a_removal_left_behind() {
    let broker = Broker::start().await;
    let entered = Arc::new(Semaphore::new(0));
    let seen = Arc::clone(&entered);
    let service = ServiceBuilder::new("changing", "1.0.0")
        .endpoint("never", move |_: Request| {
            seen.add_permits(1);
            std::future::pending::<()>()
        })
        .drain_timeout(Duration::from_millis(500))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    client
        .publish_with_reply("never", client.new_inbox(), "".into())
        .await
        .unwrap();
    let _one = entered.acquire().await.unwrap();
    let never = service.endpoints().remove(0);
    let removing = tokio::spawn(async move { never.remove().await });
    raw::until("the removal begun", async || service.endpoints().is_empty()).await;
    let report = service.stop().await;
    let removed = removing.await.unwrap();
    assert_eq!(removed.as_ref().map(|left| left.requests), Some(1));
    assert_eq!(report.abandoned, Vec::from_iter(removed));
}

#[tokio::test]
async fn an_endpoint_added_from_another_runtime_outlives_that() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let added = runtime.block_on(service.add_endpoint("late", echo));
        assert_eq!(added.unwrap().subject(), "late");
    })
    .await
    .unwrap();
    let client = broker.client().await;
    assert_eq!(raw::text(&raw::request(&client, "late", "hi").await), "hi");
}
