//! The texts of our documents: one JSON object each, as strict parsers want it, with the keys that
//! nats.go writes, in its order.

use micro::{EndpointOptions, Error, Request, RunningService, ServiceBuilder};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::peer::{self, text};
use crate::raw;

async fn replies(broker: &Broker, service: &RunningService) -> Vec<String> {
    let client = broker.client().await;
    let mut replies = Vec::new();
    for verb in ["PING", "INFO", "STATS"] {
        let subject = format!("$SRV.{verb}.{}.{}", service.name(), service.id());
        let reply = raw::request(&client, &subject, "").await;
        replies.push(raw::text(&reply).to_owned());
    }
    replies
}

/// The keys of every object in a text, in the order in which they stand there.
fn keys(document: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut parts = document.split('"').skip(1).step_by(2);
    let mut behind = document.split('"').skip(2).step_by(2);
    while let (Some(part), Some(rest)) = (parts.next(), behind.next()) {
        if rest.starts_with(':') {
            keys.push(part);
        }
    }
    keys
}

/// The texts that nats.go 1.53 writes for a service without description and metadata that has an
/// endpoint with and one without a queue group, as they were observed. Only the metadata of an
/// endpoint differs: `null` there, `{}` here.
#[tokio::test]
async fn the_keys_of_go_in_its_order_and_no_others() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("go", "1.2.3")
        .endpoint("echo", async |_: Request| "x")
        .endpoint_with(
            "fanout",
            async |_: Request| "x",
            EndpointOptions::no_queue_group,
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let [ping, info, stats] = &replies(&broker, &service).await[..] else {
        panic!("three replies");
    };
    let id = service.id();
    let base = format!(r#"{{"name":"go","id":"{id}","version":"1.2.3","metadata":{{}},"type""#);
    assert_eq!(
        *ping,
        format!(r#"{base}:"io.nats.micro.v1.ping_response"}}"#)
    );
    assert_eq!(
        info.replace(r#""metadata":{}}"#, r#""metadata":null}"#),
        format!(
            r#"{base}:"io.nats.micro.v1.info_response","description":"","endpoints":[{{"name":"echo","subject":"echo","queue_group":"q","metadata":null}},{{"name":"fanout","subject":"fanout","queue_group":"","metadata":null}}]}}"#
        )
    );
    let started = serde_json::from_str::<Value>(stats).unwrap()["started"].clone();
    let zero = r#""num_requests":0,"num_errors":0,"last_error":"","processing_time":0,"average_processing_time":0"#;
    assert_eq!(
        *stats,
        format!(
            r#"{base}:"io.nats.micro.v1.stats_response","started":{started},"endpoints":[{{"name":"echo","subject":"echo","queue_group":"q",{zero}}},{{"name":"fanout","subject":"fanout","queue_group":"",{zero}}}]}}"#
        )
    );
}

#[tokio::test]
async fn a_stats_handler_adds_data_at_the_end() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("go", "1.2.3")
        .endpoint("echo", async |_: Request| "x")
        .stats_handler(|_| json!({"probe": 1}))
        .start(&broker.client().await)
        .await
        .unwrap();
    let stats = &replies(&broker, &service).await[2];
    assert_eq!(
        keys(stats)[6..],
        [
            "endpoints",
            "name",
            "subject",
            "queue_group",
            "num_requests",
            "num_errors",
            "last_error",
            "processing_time",
            "average_processing_time",
            "data",
            "probe",
        ]
    );
}

/// Each parser writes what it has read, key by key in the order of the text: a key that came
/// twice, a number that is none, anything behind the object, would be missing or refused.
#[tokio::test]
async fn every_parser_reads_the_same_object() {
    let odd = "quote \" back\\slash line\nbreak \u{1f} \u{7f} é \u{2028} 𝄞 </script>";
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("odd", "1.2.3")
        .description(odd)
        .metadata("odd", odd)
        .endpoint("fail", async |_: Request| {
            Err::<(), _>(Error::new(400, "é\u{1}\n\"").with_body("{}"))
        })
        .stats_handler(move |_| json!({"odd": odd, "deep": [[[{"a": [null, true, -1]}]]]}))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let failed = raw::request(&client, "fail", "").await;
    assert!(raw::error_of(&failed).is_some());
    let documents = replies(&broker, &service).await;
    let mut peers = peer::each(&broker).await;
    for document in documents {
        let value: Value = serde_json::from_str(&document).unwrap();
        assert!(value.is_object(), "{document}");
        for peer in &mut peers {
            let arguments = json!({"text": text(document.as_bytes())});
            let again = peer.tell("parse", arguments).await;
            assert_eq!(again, json!(document), "{}", peer.language);
        }
    }
}
