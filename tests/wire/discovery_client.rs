//! The asking side of the discovery, with services of ours, and with answers that are none.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use micro::{
    Connection, Discovery, DiscoveryError, Ended, Request, RunningService, ServiceBuilder,
};
use serde_json::json;

use crate::broker::Broker;
use crate::raw;

/// Far longer than a test may take.
const FOR_EVER: Duration = Duration::from_hours(24);

async fn start(broker: &Broker, name: &str) -> RunningService {
    ServiceBuilder::new(name, "1.2.3")
        .description("for tests")
        .metadata("team", "core")
        .endpoint("echo", async |request: Request| request.payload().clone())
        .start(&broker.client().await)
        .await
        .unwrap()
}

async fn discovery(broker: &Broker) -> Discovery {
    Connection::from(broker.client().await)
        .discovery()
        .within(FOR_EVER)
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(raw::PATIENCE, future).await.unwrap()
}

#[tokio::test]
async fn all_services_one_name_one_instance() {
    let broker = Broker::start().await;
    let first = start(&broker, "one").await;
    let second = start(&broker, "one").await;
    let third = start(&broker, "two").await;
    let discovery = discovery(&broker).await;
    let ids = |services: &[&RunningService]| -> HashSet<String> {
        services.iter().map(|s| s.id().to_owned()).collect()
    };

    let everyone = discovery.clone().silence(FOR_EVER).at_most(3);
    let pings = in_time(everyone.ping()).await.unwrap();
    assert_eq!(pings.ended, Ended::AtMost);
    let seen: HashSet<_> = pings.documents().map(|ping| ping.id.clone()).collect();
    assert_eq!(seen, ids(&[&first, &second, &third]));

    // By its own silence, as it is used.
    let named = discovery.clone().of("one").silence(Duration::from_secs(2));
    let infos = in_time(named.info()).await.unwrap();
    assert_eq!((infos.ended, infos.unreadable.len()), (Ended::Silence, 0));
    let infos = infos.into_documents();
    let seen: HashSet<_> = infos.iter().map(|info| info.id.clone()).collect();
    assert_eq!(seen, ids(&[&first, &second]));
    for info in infos {
        assert_eq!(info.description, "for tests");
        assert_eq!(info.metadata["team"], "core");
        assert_eq!(info.endpoints[0].queue_group, "q");
    }

    let client = broker.client().await;
    for number in 0..3 {
        // As many as there are, or one of the three may have had more than the others.
        assert_eq!(raw::text(&raw::request(&client, "echo", "x").await), "x");
        let mut requests = 0;
        for service in [&first, &second, &third] {
            let one = discovery.clone().instance(service.name(), service.id());
            let stats = in_time(one.stats()).await.unwrap().into_documents();
            assert_eq!((stats.len(), stats[0].id.as_str()), (1, service.id()));
            requests += stats[0].endpoints[0].num_requests;
        }
        assert_eq!(requests, number + 1);
    }
}

#[tokio::test]
async fn nobody_is_an_empty_answer_at_once() {
    let broker = Broker::start().await;
    let _service = start(&broker, "one").await;
    let discovery = discovery(&broker).await;
    for nobody in [
        discovery.clone().of("two"),
        discovery.clone().instance("one", "x"),
        discovery.clone().prefix("acme.SRV"),
    ] {
        let found = in_time(nobody.info()).await.unwrap();
        assert_eq!(
            (found.ended, found.documents().count()),
            (Ended::NoResponders, 0)
        );
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let broker = Broker::start().await;
    let discovery = discovery(&broker).await;
    for (wrong, key) in [
        (discovery.clone().of("a.b"), "name"),
        (discovery.clone().of(""), "name"),
        (discovery.clone().of(">"), "name"),
        (discovery.clone().instance("*", "x"), "name"),
        (discovery.clone().instance("one", "x\r\nPUB"), "id"),
        (discovery.clone().prefix(""), "prefix"),
        (discovery.clone().prefix("$SRV.>"), "prefix"),
        (discovery.clone().prefix("a..b"), "prefix"),
    ] {
        let error = in_time(wrong.ping()).await.unwrap_err();
        assert!(
            matches!(&error, DiscoveryError::Subject { key: found, .. } if *found == key),
            "{error}"
        );
        assert!(!error.to_string().contains('\r'), "{error:?}");
    }
}

#[tokio::test]
async fn no_answer_is_not_asked_for() {
    let broker = Broker::start().await;
    let _service = start(&broker, "one").await;
    let discovery = discovery(&broker).await;
    for none in [
        discovery.clone().at_most(0),
        discovery.clone().instance("one", "x").at_most(0),
    ] {
        let error = in_time(none.ping()).await.unwrap_err();
        assert!(error.to_string().contains("`at_most(0)`"), "{error}");
    }
}

/// nats-server reads a limit of more than nine digits as "now", and would send nothing.
#[tokio::test]
async fn a_number_beyond_all_bounds_finds_all() {
    let broker = Broker::start().await;
    let first = start(&broker, "one").await;
    let second = start(&broker, "one").await;
    let ids: HashSet<_> = [first.id().to_owned(), second.id().to_owned()].into();
    let discovery = discovery(&broker).await.silence(Duration::from_secs(2));
    let numbers = [999_999_999, 1_000_000_000, usize::MAX];
    let asking = numbers.map(|number| {
        let discovery = discovery.clone().at_most(number);
        async move { discovery.ping().await }
    });
    for found in in_time(futures_util::future::join_all(asking)).await {
        let found = found.unwrap();
        assert_eq!(found.ended, Ended::Silence);
        let seen: HashSet<_> = found.documents().map(|ping| ping.id.clone()).collect();
        assert_eq!(seen, ids);
    }
}

#[tokio::test]
async fn answers_that_are_no_documents_hide_no_others() {
    let broker = Broker::start().await;
    let service = start(&broker, "one").await;
    let client = broker.client().await;
    let mut questions = client.subscribe("$SRV.PING").await.unwrap();
    raw::round_trip(&client).await;
    let wrong = [
        String::new(),
        "[".repeat(100_000),
        json!({"name": "odd", "id": "X", "version": 1}).to_string(),
        json!({"name": "odd", "id": "X", "version": "1.0.0", "type": "other"}).to_string(),
    ];
    let count = wrong.len();
    let answering = async {
        let inbox = questions.next().await.unwrap().reply.unwrap();
        for body in wrong {
            client.publish(inbox.clone(), body.into()).await.unwrap();
        }
    };
    let discovery = discovery(&broker).await.silence(FOR_EVER);
    let asked = discovery.at_most(count + 1);
    let (found, ()) = in_time(async { tokio::join!(asked.ping(), answering) }).await;
    let found = found.unwrap();
    assert_eq!(found.unreadable.len(), count);
    assert_eq!(
        found.unreadable[3].to_string(),
        "the answer of `odd`, instance `X`, cannot be read: \
         its type is `other`, not `io.nats.micro.v1.ping_response`"
    );
    assert_eq!(found.into_documents()[0].id, service.id());
}

#[tokio::test]
async fn services_under_another_prefix() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut questions = client.subscribe("acme.SRV.STATS.one").await.unwrap();
    raw::round_trip(&client).await;
    let stats = json!({"name": "one", "id": "X", "version": "1.0.0", "started": "2026-11-21T00:30:24.768Z",
        "type": "io.nats.micro.v1.stats_response", "endpoints": []});
    let answering = async {
        let inbox = questions.next().await.unwrap().reply.unwrap();
        client
            .publish(inbox, stats.to_string().into())
            .await
            .unwrap();
    };
    let discovery = discovery(&broker).await.prefix("acme.SRV").of("one");
    let (found, ()) = in_time(async { tokio::join!(discovery.stats(), answering) }).await;
    assert_eq!(found.unwrap().into_documents()[0].id, "X");
}
