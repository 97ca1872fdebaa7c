//! Who answers: one instance of a queue group, or every instance (wire specification, section 8).

use std::collections::{HashMap, HashSet};

use micro::{EndpointOptions, Request, RunningService, ServiceBuilder};

use crate::broker::Broker;
use crate::raw;

async fn whoami(request: Request) -> String {
    request.context().instance_id().to_owned()
}

async fn start(broker: &Broker) -> RunningService {
    ServiceBuilder::new("who", "1.0.0")
        .endpoint("shared", whoami)
        .endpoint_with("everyone", whoami, EndpointOptions::no_queue_group)
        .start(&broker.client().await)
        .await
        .unwrap()
}

async fn start_three(broker: &Broker) -> [RunningService; 3] {
    [
        start(broker).await,
        start(broker).await,
        start(broker).await,
    ]
}

#[tokio::test]
async fn three_instances_share_three_thousand_requests_and_count_each_once() {
    let broker = Broker::start().await;
    let services = start_three(&broker).await;
    let client = broker.client().await;
    let mut served: HashMap<String, u64> = HashMap::new();
    for _ in 0..30 {
        let calls = (0..100).map(|_| raw::request(&client, "shared", ""));
        for reply in futures_util::future::join_all(calls).await {
            *served.entry(raw::text(&reply).to_owned()).or_default() += 1;
        }
    }
    assert_eq!(served.values().sum::<u64>(), 3_000);
    assert_eq!(served.len(), 3, "every instance served some: {served:?}");
    for service in &services {
        let stats = raw::stats(&client, "who", service.id()).await;
        assert_eq!(stats["endpoints"][0]["num_requests"], served[service.id()]);
        assert_eq!(stats["endpoints"][0]["num_errors"], 0);
    }
}

#[tokio::test]
async fn without_a_queue_group_every_instance_answers() {
    let broker = Broker::start().await;
    let services = start_three(&broker).await;
    let client = broker.client().await;
    let replies = raw::gather(&client, "everyone", 3).await;
    let ids: HashSet<_> = replies.iter().map(raw::text).collect();
    let expected: HashSet<_> = services.iter().map(RunningService::id).collect();
    assert_eq!(ids, expected);
    assert_eq!(replies.len(), 3);
    assert_eq!(raw::gather(&client, "shared", 1).await.len(), 1);
}

#[tokio::test]
async fn the_nearest_level_decides_the_queue_group() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("levels", "1.0.0")
        .queue_group("q1")
        .endpoint("service", whoami)
        .group("g", |group| {
            group
                .queue_group("q2")
                .endpoint("group", whoami)
                .endpoint_with("own", whoami, |endpoint| endpoint.queue_group("q3"))
                .group("off", |off| {
                    off.no_queue_group().endpoint("none", whoami).endpoint_with(
                        "again",
                        whoami,
                        |endpoint| endpoint.queue_group("q4"),
                    )
                })
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let expected = [
        ("service", "q1"),
        ("group", "q2"),
        ("own", "q3"),
        ("none", ""),
        ("again", "q4"),
    ]
    .map(|(name, group)| (name.to_owned(), group.to_owned()));
    let infos: Vec<_> = service
        .info()
        .endpoints
        .into_iter()
        .map(|endpoint| (endpoint.name, endpoint.queue_group))
        .collect();
    assert_eq!(infos, expected);
    let stats: Vec<_> = service
        .stats()
        .endpoints
        .into_iter()
        .map(|endpoint| (endpoint.name, endpoint.queue_group))
        .collect();
    assert_eq!(stats, expected);
}

#[tokio::test]
async fn five_queue_groups_on_one_subject_answer_five_times() {
    let broker = Broker::start().await;
    for number in 0..5 {
        ServiceBuilder::new("hedged", "1.0.0")
            .queue_group(format!("q-{number}"))
            .endpoint("one", whoami)
            .start(&broker.client().await)
            .await
            .unwrap();
    }
    let client = broker.client().await;
    assert_eq!(raw::gather(&client, "one", 5).await.len(), 5);
}
