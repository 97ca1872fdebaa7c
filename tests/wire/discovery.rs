//! PING, INFO and STATS as other implementations ask for them (wire specification, sections 1 to
//! 5).

use std::collections::HashSet;

use micro::{Error, Request, RunningService, ServiceBuilder};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::raw;

async fn start(broker: &Broker, name: &str) -> RunningService {
    ServiceBuilder::new(name, "1.2.3")
        .endpoint("echo", async |request: Request| request.payload().clone())
        .endpoint("fail", async |_: Request| {
            Err::<(), _>(Error::new(400, "always"))
        })
        .start(&broker.client().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn nine_subjects_at_three_levels() {
    let broker = Broker::start().await;
    let first = start(&broker, "one").await;
    let second = start(&broker, "one").await;
    let _third = start(&broker, "two").await;
    let _fourth = start(&broker, "two").await;
    let client = broker.client().await;
    for verb in ["PING", "INFO", "STATS"] {
        let all = raw::gather(&client, &format!("$SRV.{verb}"), 4).await;
        assert_eq!(all.len(), 4);
        let named = raw::gather(&client, &format!("$SRV.{verb}.one"), 2).await;
        let ids: HashSet<_> = named
            .iter()
            .map(|reply| raw::json(reply)["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            ids,
            HashSet::from([first.id(), second.id()].map(str::to_owned))
        );
        let subject = format!("$SRV.{verb}.one.{}", first.id());
        let one = raw::gather(&client, &subject, 1).await;
        assert_eq!(one.len(), 1);
        let kind = format!("io.nats.micro.v1.{}_response", verb.to_lowercase());
        assert_eq!(raw::json(&one[0])["type"], kind);
        assert!(one[0].headers.is_none(), "a plain message");
    }
    for nobody in [
        "$SRV.PING.three",
        "$SRV.PING.ONE",
        "$SRV.ping",
        "$SRV.SCHEMA.one",
    ] {
        let reply = raw::try_request(&client, nobody, "").await;
        assert_eq!(
            reply.unwrap_err(),
            async_nats::RequestErrorKind::NoResponders,
            "{nobody}"
        );
    }
}

#[tokio::test]
async fn ping_is_the_standard_fields() {
    let broker = Broker::start().await;
    let service = start(&broker, "one").await;
    let client = broker.client().await;
    assert_eq!(
        raw::json(&raw::request(&client, "$SRV.PING", "").await),
        json!({
            "name": "one",
            "id": service.id(),
            "version": "1.2.3",
            "metadata": {},
            "type": "io.nats.micro.v1.ping_response",
        })
    );
    assert_eq!(service.id().len(), 22);
    assert!(
        service
            .id()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric())
    );
}

#[tokio::test]
async fn stats_before_and_after_traffic() {
    let broker = Broker::start().await;
    let service = start(&broker, "one").await;
    let client = broker.client().await;
    let fresh = |name: &str| {
        json!({
            "name": name,
            "subject": name,
            "queue_group": "q",
            "num_requests": 0,
            "num_errors": 0,
            "last_error": "",
            "processing_time": 0,
            "average_processing_time": 0,
        })
    };
    let before = raw::stats(&client, "one", service.id()).await;
    let started = before["started"].as_str().unwrap().to_owned();
    assert_eq!(
        before,
        json!({
            "name": "one",
            "id": service.id(),
            "version": "1.2.3",
            "metadata": {},
            "type": "io.nats.micro.v1.stats_response",
            "started": started,
            "endpoints": [fresh("echo"), fresh("fail")],
        })
    );
    // 2026-11-21T00:30:23.741806Z: six digits and a Z.
    assert_eq!(started.len(), 27);
    assert_eq!((&started[19..20], &started[26..]), (".", "Z"));

    for _ in 0..10 {
        raw::request(&client, "echo", "x").await;
    }
    for _ in 0..2 {
        raw::request(&client, "fail", "x").await;
    }
    let after = raw::stats(&client, "one", service.id()).await;
    let [echo, fail] = [&after["endpoints"][0], &after["endpoints"][1]];
    assert_eq!(
        (&echo["num_requests"], &echo["num_errors"]),
        (&json!(10), &json!(0))
    );
    assert_eq!(
        (&fail["num_requests"], &fail["num_errors"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(fail["last_error"], "400:always");
    let time = |name: &str| echo[name].as_u64().unwrap();
    assert!(time("processing_time") > 0);
    assert_eq!(
        time("average_processing_time"),
        time("processing_time") / 10
    );

    service.reset();
    let reset = raw::stats(&client, "one", service.id()).await;
    assert_eq!(reset["endpoints"], json!([fresh("echo"), fresh("fail")]));
    assert!(reset["started"].as_str().unwrap() > started.as_str());
}

#[tokio::test]
async fn what_a_discovery_request_carries_is_ignored() {
    let broker = Broker::start().await;
    let _service = start(&broker, "one").await;
    let client = broker.client().await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Accept-Encoding", "snappy");
    let reply = client
        .request_with_headers("$SRV.INFO.one", headers, "{}".into())
        .await
        .unwrap();
    assert!(reply.headers.is_none());
    assert_eq!(raw::json(&reply)["name"], "one");
}

#[tokio::test]
async fn a_discovery_request_without_a_reply_subject_harms_nothing() {
    let broker = Broker::start().await;
    let _service = start(&broker, "one").await;
    let client = broker.client().await;
    for verb in ["PING", "INFO", "STATS"] {
        client
            .publish(format!("$SRV.{verb}"), "".into())
            .await
            .unwrap();
    }
    for verb in ["PING", "INFO", "STATS"] {
        let reply = raw::request(&client, &format!("$SRV.{verb}"), "").await;
        assert_eq!(raw::json(&reply)["name"], "one");
    }
}

#[tokio::test]
async fn discovery_is_answered_while_every_handler_is_busy() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("busy", "1.0.0")
        .concurrency(1)
        .endpoint("stuck", async |_: Request| {
            std::future::pending::<()>().await;
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..100 {
        client
            .publish_with_reply("stuck", client.new_inbox(), "".into())
            .await
            .unwrap();
    }
    for verb in ["PING", "INFO", "STATS"] {
        let reply = raw::request(&client, &format!("$SRV.{verb}"), "").await;
        assert_eq!(raw::json(&reply)["id"], service.id());
    }
}

#[tokio::test]
async fn our_documents_read_what_other_implementations_write() {
    let python = json!({"type": "io.nats.micro.v1.info_response", "id": "x", "name": "PY",
        "version": "1.0.0", "description": null, "endpoints": [
            {"name": "inner", "subject": "PY.inner", "queue_group": "q", "metadata": null}]});
    let info: micro::Info = serde_json::from_value(python).unwrap();
    assert_eq!((info.description.as_str(), info.endpoints.len()), ("", 1));
    let javascript = json!({"type": "io.nats.micro.v1.stats_response", "id": "x", "name": "JS",
        "version": "1.0.0", "started": "2026-11-21T00:30:24.768Z", "endpoints": [
            {"name": "e", "subject": "e", "average_processing_time": 0, "num_errors": 0,
             "num_requests": 0, "processing_time": 0, "queue_group": "q"}]});
    let stats: micro::Stats = serde_json::from_value(javascript).unwrap();
    assert_eq!(stats.endpoints[0].last_error, "");
    assert_eq!(
        serde_json::to_value(&stats.endpoints[0])
            .unwrap()
            .get("data"),
        None::<&Value>
    );
}
