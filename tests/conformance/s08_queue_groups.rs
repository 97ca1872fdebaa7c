//! Section 8: who answers, one instance of a queue group or every instance.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use micro::{Caller, EndpointOptions, Error, QueueGroup, Request, RunningService, ServiceBuilder};
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::documents::{counters, counts, each, echo, info, stats, stop};
use crate::raw;
use crate::tap::Tap;

async fn whoami(request: Request) -> String {
    request.context().instance_id().to_owned()
}

async fn start_three(broker: &Broker) -> Vec<RunningService> {
    let mut services = Vec::new();
    for _ in 0..3 {
        let service = ServiceBuilder::new("who", "1.0.0")
            .endpoint("shared", whoami)
            .endpoint_with("everyone", whoami, EndpointOptions::no_queue_group)
            .start(&broker.client().await)
            .await
            .unwrap();
        services.push(service);
    }
    services
}

#[tokio::test]
async fn the_queue_group_is_q_unless_something_else_is_said() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let service = ServiceBuilder::new("plain", "1.0.0")
        .endpoint("one", echo)
        .group("g", |group| group.endpoint("two", echo))
        .start(&tap.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for document in [
        info(&client, &service).await,
        stats(&client, &service).await,
    ] {
        assert_eq!(each(&document, "queue_group"), ["q", "q"]);
    }
    let subscriptions = tap.subscriptions();
    for subject in ["one", "g.two"] {
        assert!(subscriptions.contains(&(subject.to_owned(), Some("q".to_owned()))));
    }
}

/// What a level may say, and how it reads in a subject.
fn choices(level: &str) -> [(QueueGroup, String); 3] {
    [
        (QueueGroup::Inherit, "inherit".to_owned()),
        (QueueGroup::Disabled, "off".to_owned()),
        (QueueGroup::from(format!("q-{level}")), "named".to_owned()),
    ]
}

/// The rule, written down a second time: what a level says goes before what is above it.
fn resolved(levels: [&QueueGroup; 4]) -> String {
    let mut above = "q".to_owned();
    for level in levels {
        match level {
            QueueGroup::Disabled => above.clear(),
            QueueGroup::Named(name) => name.as_ref().clone_into(&mut above),
            _ => {}
        }
    }
    above
}

/// All 81 ways in which service, group, subgroup and endpoint can differ, in INFO, in STATS and in
/// what the server is asked for.
#[tokio::test]
async fn the_nearest_level_that_says_something_decides() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let connection = tap.client().await;
    let client = broker.client().await;
    for (of_service, service_says) in choices("service") {
        let mut builder = ServiceBuilder::new("levels", "1.0.0").queue_group(of_service.clone());
        let (mut subjects, mut expected) = (Vec::new(), Vec::new());
        for (of_group, group_says) in choices("group") {
            builder = builder.group(&format!("{service_says}.{group_says}"), |mut group| {
                group = group.queue_group(of_group.clone());
                for (of_subgroup, subgroup_says) in choices("subgroup") {
                    group = group.group(&subgroup_says, |mut subgroup| {
                        subgroup = subgroup.queue_group(of_subgroup.clone());
                        for (of_endpoint, endpoint_says) in choices("endpoint") {
                            subjects.push(format!(
                                "{service_says}.{group_says}.{subgroup_says}.{endpoint_says}"
                            ));
                            expected.push(resolved([
                                &of_service,
                                &of_group,
                                &of_subgroup,
                                &of_endpoint,
                            ]));
                            subgroup = subgroup.endpoint_with(&endpoint_says, echo, |endpoint| {
                                endpoint.queue_group(of_endpoint.clone())
                            });
                        }
                        subgroup
                    });
                }
                group
            });
        }
        let service = builder.start(&connection).await.unwrap();
        for document in [
            info(&client, &service).await,
            stats(&client, &service).await,
        ] {
            assert_eq!(each(&document, "subject"), subjects);
            assert_eq!(each(&document, "queue_group"), expected);
        }
        let asked: HashMap<_, _> = tap.subscriptions().into_iter().collect();
        assert_eq!(subjects.len(), 27);
        for (subject, group) in subjects.iter().zip(&expected) {
            let group = Some(group.clone()).filter(|group| !group.is_empty());
            assert_eq!(asked[subject], group, "{subject}");
        }
        stop(&service).await;
    }
}

#[tokio::test]
async fn instances_share_the_requests_and_each_counts_its_own() {
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
        let seen = counters(&client, service, 0).await;
        assert_eq!(counts(&seen), (served[service.id()], 0));
    }
}

#[tokio::test]
async fn one_instance_of_a_queue_group_answers_and_without_one_every_instance_does() {
    let broker = Broker::start().await;
    let services = start_three(&broker).await;
    let client = broker.client().await;
    let replies = raw::gather(&client, "everyone", 3).await;
    let ids: BTreeSet<_> = replies.iter().map(raw::text).collect();
    let expected: BTreeSet<_> = services.iter().map(RunningService::id).collect();
    assert_eq!((replies.len(), ids), (3, expected));
    assert_eq!(raw::gather(&client, "shared", 1).await.len(), 1);
}

#[tokio::test]
async fn each_queue_group_on_a_subject_answers_once() {
    let broker = Broker::start().await;
    let connection = broker.client().await;
    for number in 0..5 {
        // Two instances of each, so that "once" means something.
        for _ in 0..2 {
            ServiceBuilder::new("hedged", "1.0.0")
                .queue_group(format!("q-{number}"))
                .endpoint("one", async |_: Request| "here")
                .start(&connection)
                .await
                .unwrap();
        }
    }
    let client = broker.client().await;
    for _ in 0..10 {
        assert_eq!(raw::gather(&client, "one", 5).await.len(), 5);
    }
}

/// The point of it: the caller has its reply while one of the five is stuck.
#[tokio::test]
async fn a_caller_that_takes_the_first_reply_does_not_wait_for_a_stuck_instance() {
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    for number in 0..5 {
        let held = (number == 2).then(|| Arc::clone(&gate));
        ServiceBuilder::new("hedged", "1.0.0")
            .queue_group(format!("q-{number}"))
            .endpoint_with(
                "one",
                move |_: Request| {
                    let held = held.clone();
                    async move {
                        if let Some(gate) = held {
                            gate.acquire().await.unwrap().forget();
                        }
                        number.to_string()
                    }
                },
                |endpoint| endpoint.concurrency(1_000),
            )
            .start(&broker.client().await)
            .await
            .unwrap();
    }
    let client = broker.client().await;
    let caller = Caller::new(&client).timeout(raw::PATIENCE);
    for _ in 0..500 {
        let first: u32 = caller.call::<_, _, Error>("one", ()).await.unwrap();
        assert_ne!(first, 2);
    }
    // Late replies meet nobody, and harm nothing.
    gate.add_permits(501);
    assert_eq!(raw::gather(&client, "one", 5).await.len(), 5);
}
