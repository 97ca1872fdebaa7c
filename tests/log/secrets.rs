//! The framework logs payloads, headers and credentials at no level, and a body that it could not decode
//! is not in STATS either, which anybody may ask for. What a program's own errors say is not in its hands.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::HeaderMap;
use micro::prelude::*;
use micro::{ConnectOptions, Connection, Error, Json, Reply, Request, RunningService};
use serde::{Deserialize, Serialize};

use crate::broker::Broker;
use crate::{lines, proxy, raw};

/// In every payload, header and password; digits, so that numbers have it too.
const MARK: &str = "2718281828459";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) count: u8,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) from: Option<std::net::IpAddr>,
    #[serde(default)]
    pub(crate) by_number: HashMap<u8, u8>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    Small,
    Large,
}

#[derive(Debug, thiserror::Error)]
#[error("the order cannot be kept: {0}")]
struct Kept(#[from] serde_json::Error);

struct Orders;

#[service(name = "secretive", version = "1.0.0", client = false)]
impl Orders {
    #[endpoint]
    async fn order(&self, order: Order) -> u8 {
        order.count
    }

    #[endpoint]
    async fn headed(&self, #[header("X-Count")] count: u8) -> u8 {
        count
    }

    #[endpoint]
    async fn returned(&self, text: String) -> Result<String, Error> {
        Err(Error::new(404, format!("no such order: {text}")))
    }
}

/// Bodies that are wrong in every way that quotes what is in them.
fn bodies() -> Vec<String> {
    vec![
        format!(r#""{MARK}""#),
        MARK.to_owned(),
        format!("{MARK}.5"),
        format!("[{MARK}]"),
        format!("[\"{MARK}\""),
        format!(r#"{{"{MARK}":1}}"#),
        format!(r#"{{"a, expected {MARK}":1}}"#),
        format!(r#"{{"count":"{MARK}"}}"#),
        format!(r#"{{"count":{MARK}}}"#),
        format!(r#"{{"count":1,"kind":"{MARK}"}}"#),
        format!(r#"{{"count":1,"kind":{{"{MARK}":1}}}}"#),
        format!(r#"{{"count":1,"kind":"Small","from":"{MARK}"}}"#),
        format!(r#"{{"count":1,"kind":"Small","by_number":{{"{MARK}":"x"}}}}"#),
        format!(r#"{{"count":1,"kind":"Small"}} {MARK}"#),
        format!("{MARK}x\u{0}"),
    ]
}

async fn start(connection: &Connection) -> RunningService {
    ServiceBuilder::of(Orders)
        .endpoint("internal", async |request: Request| {
            let order: Order = serde_json::from_slice(request.payload())?;
            Ok::<_, Error>(Json(order))
        })
        .endpoint("wrapped", async |request: Request| {
            let order: Order = serde_json::from_slice(request.payload()).map_err(Kept::from)?;
            Ok::<_, Error>(Json(order))
        })
        .endpoint("panics", async |request: Request| -> Bytes {
            assert!(request.payload().is_empty(), "not empty");
            Bytes::new()
        })
        .endpoint("large", async |request: Request| {
            request.context().set_header("X-Large", MARK)?;
            Ok::<_, Error>(request.payload().repeat(200_000))
        })
        .endpoint("silent", async |_: Request| Reply::silence())
        .endpoint("echo", async |request: Request| request.payload().clone())
        .endpoint_with(
            "full",
            async |_: Request| std::future::pending::<()>().await,
            |endpoint| {
                let endpoint = endpoint.concurrency(1).pending(0);
                endpoint.timeout(Duration::from_millis(100))
            },
        )
        .start(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn no_line_has_a_payload_a_header_or_a_password() {
    lines::record();
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let options = ConnectOptions::new().urls(&url).user("somebody", MARK);
    let connection = Connection::connect_with(&options).await.unwrap();
    let service = start(&connection).await;
    let client = broker.client().await;
    let mut headers = HeaderMap::new();
    headers.insert("X-Count", MARK);
    headers.insert("Authorization", MARK);
    let endpoints = [
        "order", "headed", "returned", "internal", "wrapped", "panics", "large", "echo", "full",
    ];
    for subject in endpoints {
        for body in bodies() {
            client
                .publish_with_headers(subject, headers.clone(), body.clone().into())
                .await
                .unwrap();
            client
                .request_with_headers(subject, headers.clone(), body.into())
                .await
                .unwrap();
        }
    }
    client
        .publish_with_reply_and_headers("silent", client.new_inbox(), headers, MARK.into())
        .await
        .unwrap();
    let sent = u64::try_from(2 * endpoints.len() * bodies().len() + 1).unwrap();
    let requests = |service: &RunningService| -> u64 {
        let stats = service.stats();
        stats.endpoints.iter().map(|e| e.num_requests).sum()
    };
    raw::until("all counted", async || requests(&service) == sent).await;

    let stats = raw::stats(&client, "secretive", service.id()).await;
    for endpoint in stats["endpoints"].as_array().unwrap() {
        // An error that a handler returns is in its own words.
        if endpoint["name"] != "returned" {
            let last = endpoint["last_error"].as_str().unwrap();
            assert!(!last.contains(MARK), "{last}");
        }
    }
    network.cut();
    lines::line("secretive", &["disconnected"]).await;
    let listener = proxy::bind_again(&url).await;
    let _network = proxy::serve(listener, broker.url(), Duration::ZERO);
    lines::line("secretive", &["reconnected"]).await;
    service.stop().await;
    lines::line("secretive", &["stopped"]).await;

    // All of it has been told.
    for says in [
        ["outcome=\"ok\"", "\"echo\""],
        ["outcome=\"error\" code=400", "\"order\""],
        ["outcome=\"error\" code=400", "\"headed\""],
        ["outcome=\"error\" code=404", "\"returned\""],
        ["outcome=\"error\" code=500", "\"wrapped\""],
        ["outcome=\"error\" code=413", "\"large\""],
        ["outcome=\"error\" code=504", "\"full\""],
        ["outcome=\"refused\" code=503", "\"full\""],
        ["outcome=\"no_reply_subject\"", "\"echo\""],
        ["outcome=\"silent\"", "\"silent\""],
        ["request failed", "error=\"the handler panicked: not empty"],
        [
            "request failed",
            "error=\"the order cannot be kept: line 1 column ",
        ],
        ["request failed", "error=\"line 1 column "],
    ] {
        lines::line("secretive", &says).await;
    }
    let leaks: Vec<_> = lines::all();
    let leaks: Vec<_> = leaks.iter().filter(|line| line.contains(MARK)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}
