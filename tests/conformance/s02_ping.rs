//! Section 2: the answer to PING. That it has these fields, of these kinds, and no others is in
//! `schemas/ping.json`, which every answer here is held to.

use micro::ServiceBuilder;
use serde_json::json;

use crate::broker::Broker;
use crate::documents::{echo, ping, start};
use crate::raw;

#[tokio::test]
async fn ping_is_the_five_standard_fields() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("one", "1.2.3-rc.1+build")
        .description("not in PING")
        .metadata("team", "core")
        .metadata("empty", "")
        .endpoint("echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    assert_eq!(
        ping(&client, &service).await,
        json!({
            "name": "one",
            "id": service.id(),
            "version": "1.2.3-rc.1+build",
            "metadata": { "team": "core", "empty": "" },
            "type": "io.nats.micro.v1.ping_response",
        })
    );
}

#[tokio::test]
async fn ping_has_empty_metadata_when_there_is_none() {
    let broker = Broker::start().await;
    let service = start(&broker, "bare").await;
    let document = ping(&broker.client().await, &service).await;
    assert_eq!(document["metadata"], json!({}));
}

#[tokio::test]
async fn ping_is_the_same_bytes_before_and_after_traffic() {
    let broker = Broker::start().await;
    let service = start(&broker, "same").await;
    let client = broker.client().await;
    let before = raw::request(&client, "$SRV.PING.same", "").await;
    for _ in 0..5 {
        raw::request(&client, "echo", "x").await;
        raw::request(&client, "fail", "x").await;
    }
    service.reset();
    ping(&client, &service).await;
    let after = raw::request(&client, "$SRV.PING.same", "").await;
    assert_eq!(before.payload, after.payload);
}
