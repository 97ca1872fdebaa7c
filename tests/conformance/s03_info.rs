//! Section 3: the answer to INFO. That it has these fields, of these kinds, and no others is in
//! `schemas/info.json`, which every answer here is held to.

use micro::{Request, ServiceBuilder, SubscriberOptions};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::documents::{each, echo, info, stats};

#[tokio::test]
async fn info_of_a_service_with_nothing_is_complete() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("nothing", "0.0.0")
        .start(&broker.client().await)
        .await
        .unwrap();
    assert_eq!(
        info(&broker.client().await, &service).await,
        json!({
            "name": "nothing",
            "id": service.id(),
            "version": "0.0.0",
            "metadata": {},
            "type": "io.nats.micro.v1.info_response",
            "description": "",
            "endpoints": [],
        })
    );
}

#[tokio::test]
async fn info_says_what_was_configured_to_the_byte() {
    let broker = Broker::start().await;
    let odd = "Zürich \"quoted\" \\ \u{1f980}\n\ttab";
    let service = ServiceBuilder::new("Described_-9", "2.0.1-rc.1+build")
        .description(odd)
        .metadata("team", odd)
        .metadata(odd, "")
        .endpoint_with("one", echo, |endpoint| {
            endpoint.description("does one").metadata("k-k", odd)
        })
        .group("g", |group| {
            group.endpoint_with("two.*.>", echo, |endpoint| {
                endpoint.name("Two").no_queue_group()
            })
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    assert_eq!(
        info(&broker.client().await, &service).await,
        json!({
            "name": "Described_-9",
            "id": service.id(),
            "version": "2.0.1-rc.1+build",
            "metadata": { "team": odd, odd: "" },
            "type": "io.nats.micro.v1.info_response",
            "description": odd,
            "endpoints": [
                {
                    "name": "one",
                    "subject": "one",
                    "queue_group": "q",
                    "metadata": { "description": "does one", "k-k": odd },
                },
                { "name": "Two", "subject": "g.two.*.>", "queue_group": "", "metadata": {} },
            ],
        })
    );
}

#[tokio::test]
async fn endpoints_are_listed_in_the_order_of_their_registration() {
    let broker = Broker::start().await;
    let mut builder = ServiceBuilder::new("ordered", "1.0.0").endpoint("zz", echo);
    let mut expected = vec!["zz".to_owned()];
    // Neither sorted nor reversed, with groups in between.
    for number in [7, 3, 19, 1, 11, 5, 2, 17, 13] {
        builder =
            builder
                .endpoint(&format!("e{number}"), echo)
                .group(&format!("g{number}"), |group| {
                    group
                        .endpoint("b", echo)
                        .group("deep", |deep| deep.endpoint("c", echo))
                        .endpoint("a", echo)
                });
        expected.push(format!("e{number}"));
        expected.extend(["b", "deep.c", "a"].map(|end| format!("g{number}.{end}")));
    }
    let service = builder.start(&broker.client().await).await.unwrap();
    let client = broker.client().await;
    assert_eq!(each(&info(&client, &service).await, "subject"), expected);
    assert_eq!(each(&stats(&client, &service).await, "subject"), expected);
}

#[tokio::test]
async fn subscribers_are_listed_in_the_metadata_and_never_among_the_endpoints() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("both", "1.0.0")
        .metadata("team", "core")
        .subscriber_with(
            "told.*",
            async |_: Request| {},
            |told| told.name("told").description("is told"),
        )
        .endpoint("ask", echo)
        .subscriber_with(
            "all",
            async |_: Request| {},
            SubscriberOptions::no_queue_group,
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let info = info(&client, &service).await;
    assert_eq!(each(&info, "subject"), ["ask"]);
    assert_eq!(
        listed(&info),
        json!([
            {
                "name": "told",
                "subject": "told.*",
                "queue_group": "both.told",
                "metadata": { "description": "is told" },
            },
            { "name": "all", "subject": "all", "queue_group": "", "metadata": {} },
        ])
    );
    let stats = stats(&client, &service).await;
    assert_eq!(each(&stats, "subject"), ["ask"]);
    assert_eq!(
        listed(&stats)[1],
        json!({
            "name": "all",
            "subject": "all",
            "queue_group": "",
            "num_events": 0,
            "num_errors": 0,
            "dropped": 0,
            "last_error": "",
            "processing_time": 0,
            "average_processing_time": 0,
        })
    );
}

/// What a service listens to. Its own metadata stays beside it.
fn listed(document: &Value) -> Value {
    assert_eq!(document["metadata"]["team"], "core");
    serde_json::from_str(document["metadata"]["micro.subscribers"].as_str().unwrap()).unwrap()
}
