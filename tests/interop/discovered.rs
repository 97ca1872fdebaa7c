//! Others read our documents, with the types of their own libraries.

use async_nats::service::{Info, PingResponse, Stats};
use micro::{EndpointStats, Error, Request, RunningService, ServiceBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::{peer, raw};

/// A service with `data` on request.
async fn start(broker: &Broker, with_data: bool) -> RunningService {
    let mut builder = ServiceBuilder::new("shop", "1.2.3-rc.1+rs")
        .description("Sells things.")
        .metadata("team", "core")
        .endpoint("all", async |_: Request| "all")
        .endpoint_with(
            "any.*",
            async |_: Request| "any",
            |options| {
                options
                    .name("any")
                    .queue_group("eq")
                    .metadata("probe", "yes")
            },
        )
        .endpoint("fail", async |_: Request| {
            Err::<(), _>(Error::new(509, "stat error 9"))
        })
        .subscriber("sold.*", async |_: Request| {});
    if with_data {
        builder = builder.stats_handler(
            |stats: &EndpointStats| json!({"endpoint": stats.name, "requests": stats.num_requests}),
        );
    }
    builder.start(&broker.client().await).await.unwrap()
}

/// Three requests that are answered and two that fail.
async fn traffic(broker: &Broker) {
    let client = broker.client().await;
    for subject in ["all", "all", "any.thing", "fail", "fail"] {
        raw::request(&client, subject, "").await;
    }
}

/// Documents as they are sent.
async fn sent(broker: &Broker, verb: &str) -> Value {
    let client = broker.client().await;
    raw::json(&raw::request(&client, &format!("$SRV.{verb}.shop"), "").await)
}

/// What a reader of another language made of a document is what was sent. Python's has times of
/// its own, and `data` always; it leaves out what it does not know.
fn same(read: &Value, sent: &Value) {
    let mut read = read.clone();
    let mut sent = sent.clone();
    if read.get("subscribers").is_none() {
        sent.as_object_mut().unwrap().remove("subscribers");
    }
    for document in [&mut read, &mut sent] {
        if let Some(started) = document.get_mut("started") {
            let started_text = started.as_str().unwrap().to_owned();
            *started = json!(started_text[..23]); // to the millisecond
            for endpoint in document["endpoints"].as_array_mut().unwrap() {
                let endpoint = endpoint.as_object_mut().unwrap();
                endpoint.entry("data").or_insert(Value::Null);
            }
        }
    }
    assert_eq!(read, sent);
}

#[tokio::test]
async fn their_discovery_reads_ours() {
    let broker = Broker::start().await;
    for with_data in [false, true] {
        let service = start(&broker, with_data).await;
        let mut peers = peer::each(&broker).await;
        for busy in [false, true] {
            if busy {
                traffic(&broker).await;
            }
            for verb in ["PING", "INFO", "STATS"] {
                let sent = sent(&broker, verb).await;
                assert_eq!(sent["id"], service.id());
                for peer in &mut peers {
                    for name in [Some("shop"), None] {
                        let found = peer.find(verb, name, 1).await;
                        assert_eq!(found[0]["json"], sent, "{} {verb}", peer.language);
                        same(&found[0]["read"], &sent);
                    }
                }
            }
        }
        service.stop().await;
    }
}

#[tokio::test]
async fn types_of_async_nats_read_ours() {
    async fn read<T: DeserializeOwned>(broker: &Broker, verb: &str) -> T {
        serde_json::from_value(sent(broker, verb).await).unwrap()
    }
    let broker = Broker::start().await;
    for with_data in [false, true] {
        let service = start(&broker, with_data).await;
        let ping: PingResponse = read(&broker, "PING").await;
        assert_eq!(
            (ping.name.as_str(), ping.id.as_str()),
            ("shop", service.id())
        );
        assert_eq!(ping.kind, "io.nats.micro.v1.ping_response");
        assert_eq!(
            (ping.version.as_str(), &ping.metadata["team"][..]),
            ("1.2.3-rc.1+rs", "core")
        );

        let info: Info = read(&broker, "INFO").await;
        assert_eq!(info.description, "Sells things.");
        let endpoints: Vec<_> = info
            .endpoints
            .iter()
            .map(|e| {
                (
                    &e.name[..],
                    &e.subject[..],
                    &e.queue_group[..],
                    e.metadata.len(),
                )
            })
            .collect();
        assert_eq!(
            endpoints,
            [
                ("all", "all", "q", 0),
                ("any", "any.*", "eq", 1),
                ("fail", "fail", "q", 0)
            ]
        );

        for (all, failed) in [(0, 0), (2, 2)] {
            let stats: Stats = read(&broker, "STATS").await;
            assert_eq!(stats.kind, "io.nats.micro.v1.stats_response");
            let [one, _, fail] = stats.endpoints.as_slice() else {
                panic!("{} endpoints", stats.endpoints.len());
            };
            assert_eq!((one.requests, one.errors), (all, 0));
            assert_eq!((fail.requests, fail.errors), (failed, failed));
            assert_eq!(one.processing_time.is_zero(), all == 0);
            let error = fail.last_error.as_ref();
            let error = error.map(|error| (error.code, error.status.clone()));
            let expected = (509, "stat error 9".to_owned());
            assert_eq!(error, (failed > 0).then_some(expected));
            let data = json!({"endpoint": "all", "requests": all});
            assert_eq!(one.data, with_data.then_some(data));
            if all == 0 {
                traffic(&broker).await;
            }
        }
        service.stop().await;
    }
}
