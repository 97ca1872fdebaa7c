//! Subjects, groups and names of any length: the longest work, and what is longer is an error of
//! its own instead of a line that ends the connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use micro::{
    AddError, CallError, Caller, Connection, Discovery, DiscoveryError, Error, Outgoing,
    PublishError, Request, ServiceBuilder, StartError,
};

use crate::broker::Broker;
use crate::raw;

const SUBJECT_MAX: usize = 3_072;
const QUEUE_GROUP_MAX: usize = 512;
const NAME_MAX: usize = 512;

async fn echo(request: Request) -> micro::Bytes {
    request.payload().clone()
}

fn long(bytes: usize) -> String {
    "a".repeat(bytes)
}

/// Whether it is still the connection that was made first.
async fn is_the_first_connection(client: &Client) {
    raw::soon(raw::round_trip(client)).await;
    assert_eq!(client.statistics().connects.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_longest_are_served_called_and_found() {
    let broker = Broker::start().await;
    let (client, other) = (broker.client().await, broker.client().await);
    let service = ServiceBuilder::new(long(NAME_MAX), "1.0.0")
        .queue_group(long(QUEUE_GROUP_MAX))
        .group(&long(SUBJECT_MAX / 2), |group| {
            group.endpoint_with(&long(SUBJECT_MAX / 2 - 1), echo, |endpoint| {
                endpoint.name(long(NAME_MAX))
            })
        })
        .start(&client)
        .await
        .unwrap();

    let caller = Caller::new(&other);
    let tokens = [long(SUBJECT_MAX / 2), long(SUBJECT_MAX / 2 - 1)];
    let call = || {
        Outgoing::new(&caller, "{a}.{b}")
            .placeholder("a", &tokens[0])
            .placeholder("b", &tokens[1])
            .json(&7)
            .call::<u8, Error>()
    };
    assert_eq!(raw::soon(call().into_future()).await.unwrap(), 7);
    let gathered = raw::soon(call().gather().at_most(1).into_future()).await;
    assert_eq!(gathered.unwrap().into_values(), [7]);

    let discovery = Connection::from(&other).discovery();
    let found = discovery.instance(service.name(), service.id());
    let infos = raw::soon(found.info()).await.unwrap().into_documents();
    assert_eq!(infos[0].endpoints[0].subject.len(), SUBJECT_MAX);
    is_the_first_connection(&client).await;
    is_the_first_connection(&other).await;
}

#[tokio::test]
async fn what_is_longer_does_not_start() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = |name: &str| ServiceBuilder::new(name, "1.0.0");
    let half = long(SUBJECT_MAX / 2);
    let subject = long(SUBJECT_MAX + 1);
    let queue_group = long(QUEUE_GROUP_MAX + 1);
    for (wrong, says) in [
        (service(&long(NAME_MAX + 1)), "service: `name` has 513"),
        (service("s").endpoint(&subject, echo), "`subject` has 3073"),
        (
            service("s").prefix(&subject).endpoint("e", echo),
            "`group` has 3073",
        ),
        // Each is short enough, and all of them together are not.
        (
            service("s").prefix(&half).endpoint(&half, echo),
            "`subject` has 3073",
        ),
        (
            service("s").group(&half, |group| {
                group.group("b", |group| group.endpoint(&half, echo))
            }),
            "`subject` has 3075",
        ),
        (
            service("s").queue_group(queue_group.clone()),
            "`queue_group` has 513",
        ),
        (
            service("s").group("g", |group| group.queue_group(queue_group.clone())),
            "group `g`: `queue_group` has 513",
        ),
        (
            service("s").endpoint_with("e", echo, |e| e.queue_group(queue_group.clone())),
            "endpoint `e`: `queue_group` has 513",
        ),
        (
            service("s").endpoint_with("e", echo, |e| e.name(long(NAME_MAX + 1))),
            "`name` has 513",
        ),
        // A name that nobody wrote.
        (
            service("s").endpoint(&long(NAME_MAX + 1), echo),
            "`name` has 513 bytes, at most 512 are allowed\n    help: give the endpoint a name",
        ),
    ] {
        let error = raw::soon(wrong.start(&client)).await.unwrap_err();
        let StartError::Invalid { problems, .. } = &error else {
            panic!("{error}");
        };
        assert!(error.to_string().contains(says), "{says}: {error}");
        for problem in problems {
            assert!(problem.len() < 500, "nobody reads that: {problem}");
        }
    }
    is_the_first_connection(&client).await;
}

#[tokio::test]
async fn what_is_longer_is_not_added() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = ServiceBuilder::new("s", "1.0.0")
        .endpoint("echo", echo)
        .start(&client)
        .await
        .unwrap();
    for length in [SUBJECT_MAX + 1, 5_000] {
        let adding = service.add(|service| {
            service.endpoint_with(&long(length), echo, |endpoint| endpoint.name("long"))
        });
        let error = raw::soon(adding).await.unwrap_err();
        assert!(matches!(error, AddError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains("`subject` has"), "{error}");
    }
    is_the_first_connection(&client).await;
    let other = broker.client().await;
    assert_eq!(raw::text(&raw::request(&other, "echo", "x").await), "x");
}

/// What a line with a subject and that of the reply can have no room for.
#[tokio::test]
async fn what_is_longer_is_not_called() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let caller = Caller::new(&client).timeout(raw::PATIENCE * 2);
    let half = long(2_048);
    let plain = || Outgoing::new(&caller, long(5_000));
    let filled = || {
        Outgoing::new(&caller, "a.{b}.{c}")
            .placeholder("b", &half)
            .placeholder("c", &half)
    };
    for outgoing in [plain(), filled()] {
        let call = outgoing.call::<u8, Error>();
        let error = raw::soon(call.into_future()).await.unwrap_err();
        assert!(is_too_long(&error), "{error}");
    }
    let gather = plain().call::<u8, Error>().gather();
    let error = raw::soon(gather.into_future()).await.unwrap_err();
    assert!(is_too_long(&error), "{error}");
    is_the_first_connection(&client).await;
}

fn is_too_long(error: &CallError<Error>) -> bool {
    match error {
        CallError::Transport { source, .. } => {
            matches!(source, PublishError::SubjectTooLong { .. })
        }
        _ => false,
    }
}

#[tokio::test]
async fn what_is_longer_is_not_asked_for() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let discovery = || Discovery::new(&client).within(Duration::from_hours(1));
    let half = long(2_048);
    for wrong in [
        discovery().of(long(5_000)),
        discovery().instance("s", long(5_000)),
        discovery().instance(half.as_str(), half.as_str()),
        discovery().prefix([half.as_str(), &half].join(".")),
    ] {
        let error = raw::soon(wrong.ping()).await.unwrap_err();
        let DiscoveryError::Transport { source, .. } = &error else {
            panic!("{error}");
        };
        assert!(matches!(source, PublishError::SubjectTooLong { .. }));
    }
    is_the_first_connection(&client).await;
}
