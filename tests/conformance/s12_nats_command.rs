//! Section 12: what the `nats` command and other people's tools make of the documents.
//!
//! The command reads an answer into structs of Go's by its `type`, writes them again and checks
//! that against the schemas; what does not pass is left out without a word, or fails the whole
//! command. This does the same, with the same types, and for a crowd as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::{Client, HeaderMap, Message};
use futures_util::StreamExt as _;
use micro::{EndpointOptions, Error, Group, Request, RunningService, ServiceBuilder};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::documents::{counts, echo, fail, is_silent, plain, soon, stop};
use crate::{raw, schema};

/// What the three documents share, as Go has it: what is missing or null is the zero value, what
/// is unknown is ignored.
#[derive(Deserialize, Serialize)]
struct Identity {
    #[serde(default, deserialize_with = "zero")]
    name: String,
    #[serde(default, deserialize_with = "zero")]
    id: String,
    #[serde(default, deserialize_with = "zero")]
    version: String,
    #[serde(default, deserialize_with = "zero")]
    metadata: BTreeMap<String, String>,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Serialize)]
struct Ping {
    #[serde(flatten)]
    identity: Identity,
}

#[derive(Deserialize, Serialize)]
struct Info {
    #[serde(flatten)]
    identity: Identity,
    #[serde(default, deserialize_with = "zero")]
    description: String,
    endpoints: Option<Vec<EndpointInfo>>,
}

#[derive(Deserialize, Serialize)]
struct EndpointInfo {
    #[serde(default, deserialize_with = "zero")]
    name: String,
    #[serde(default, deserialize_with = "zero")]
    subject: String,
    #[serde(default, deserialize_with = "zero")]
    queue_group: String,
    #[serde(default, deserialize_with = "zero")]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
struct Stats {
    #[serde(flatten)]
    identity: Identity,
    #[serde(deserialize_with = "time")]
    started: String,
    endpoints: Option<Vec<EndpointStats>>,
}

/// Counts and durations are `int` and `int64`: no fraction, nothing over 2^63 - 1.
#[derive(Deserialize, Serialize)]
struct EndpointStats {
    #[serde(default, deserialize_with = "zero")]
    name: String,
    #[serde(default, deserialize_with = "zero")]
    subject: String,
    #[serde(default, deserialize_with = "zero")]
    queue_group: String,
    #[serde(default, deserialize_with = "zero")]
    num_requests: i64,
    #[serde(default, deserialize_with = "zero")]
    num_errors: i64,
    #[serde(default, deserialize_with = "zero")]
    last_error: String,
    #[serde(default, deserialize_with = "zero")]
    processing_time: i64,
    #[serde(default, deserialize_with = "zero")]
    average_processing_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

fn zero<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let read = humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)?;
    Ok(humantime::format_rfc3339_micros(read).to_string())
}

/// Reads an answer as the command does.
fn read(bytes: &[u8]) -> Result<Value, String> {
    fn through<T: for<'de> Deserialize<'de> + Serialize>(
        verb: &str,
        bytes: &[u8],
    ) -> Result<Value, String> {
        let read: T = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let written = serde_json::to_value(read).unwrap();
        schema::fault(verb, &written).map_or(Ok(written), Err)
    }
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let Kind { kind } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match kind.as_str() {
        "io.nats.micro.v1.ping_response" => through::<Ping>("PING", bytes),
        "io.nats.micro.v1.info_response" => through::<Info>("INFO", bytes),
        "io.nats.micro.v1.stats_response" => through::<Stats>("STATS", bytes),
        other => Err(format!("unknown type {other}")),
    }
}

/// A reader that takes anything proves nothing.
#[test]
fn this_reader_refuses_what_the_command_refuses() {
    let stats = json!({"type": "io.nats.micro.v1.stats_response", "name": "a", "version": "1.0.0",
        "id": "9xWCFeeNlwMlPXRJHGb0oq", "metadata": {}, "started": "2026-11-21T00:30:23.741806Z",
        "endpoints": [{"name": "e", "subject": "e", "queue_group": "q", "num_requests": 1,
            "num_errors": 0, "last_error": "", "processing_time": 5,
            "average_processing_time": 5}]});
    let with = |place: &str, value: Value| {
        let mut stats = stats.clone();
        *stats.pointer_mut(place).unwrap() = value;
        read(&serde_json::to_vec(&stats).unwrap())
    };
    assert!(with("/name", json!("a")).is_ok());
    assert!(with("/endpoints/0/last_error", json!(null)).is_ok());
    for (place, value) in [
        ("/type", json!("io.nats.micro.v1.stats")),
        ("/name", json!("a.b")),
        ("/name", json!("")),
        ("/id", json!("")),
        ("/version", json!("v1.0.0")),
        ("/metadata", json!([])),
        ("/metadata", json!({"k": 1})),
        ("/started", json!("")),
        ("/started", json!("2026-11-21 00:30:23")),
        ("/endpoints", json!(null)),
        ("/endpoints/0/name", json!("")),
        ("/endpoints/0/subject", json!("")),
        ("/endpoints/0/last_error", json!({"code": 400})),
        ("/endpoints/0/num_requests", json!(1.5)),
        ("/endpoints/0/processing_time", json!("5")),
        ("/endpoints/0/average_processing_time", json!(1000.5)),
        ("/endpoints/0/average_processing_time", json!(1000.0)),
        (
            "/endpoints/0/processing_time",
            json!(9_223_372_036_854_775_808_u64),
        ),
    ] {
        assert!(with(place, value.clone()).is_err(), "{place} {value}");
    }
}

/// What the command sends with `ls`, `info` and `stats`.
fn asking() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Accept-Encoding", "snappy");
    headers
}

/// An answer as the command has it after reading. A header would make it unpack the body.
fn accepted(message: &Message) -> Value {
    assert_eq!(message.headers, None);
    read(&message.payload).unwrap_or_else(|error| panic!("{error}: {}", raw::text(message)))
}

async fn all(client: &Client, subject: &str, expected: usize) -> Vec<Value> {
    let replies = raw::gather_with(client, subject, Some(asking()), "{}", expected).await;
    assert_eq!(replies.len(), expected, "{subject}");
    replies.iter().map(accepted).collect()
}

async fn first(client: &Client, subject: &str) -> Value {
    let reply = client
        .request_with_headers(subject.to_owned(), asking(), "{}".into())
        .await
        .unwrap();
    accepted(&reply)
}

fn ids(answers: &[Value]) -> BTreeSet<String> {
    let id = |answer: &Value| answer["id"].as_str().unwrap().to_owned();
    answers.iter().map(id).collect()
}

/// `nats micro ls [NAME]`.
async fn ls(client: &Client, name: Option<&str>, expected: usize) -> Vec<Value> {
    let subject = name.map_or("$SRV.INFO".to_owned(), |name| format!("$SRV.INFO.{name}"));
    all(client, &subject, expected).await
}

/// `nats micro stats NAME [ID]`: a row for each endpoint of each instance, or nothing at all.
async fn stats(client: &Client, of: &str, expected: usize) -> Vec<Value> {
    let answers = all(client, &format!("$SRV.STATS.{of}"), expected).await;
    for endpoint in answers
        .iter()
        .flat_map(|a| a["endpoints"].as_array().unwrap())
    {
        // It divides by these.
        let (requests, errors) = counts(endpoint);
        assert!(requests + errors > 0 || endpoint["processing_time"] == 0);
    }
    answers
}

/// `nats micro ping [NAME]`: nothing in it, and no header.
async fn ping(client: &Client, name: Option<&str>, expected: usize) -> Vec<Value> {
    let subject = name.map_or("$SRV.PING".to_owned(), |name| format!("$SRV.PING.{name}"));
    let replies = raw::gather(client, &subject, expected).await;
    assert_eq!(replies.len(), expected);
    replies.iter().map(accepted).collect()
}

/// `nats micro info NAME [ID]`: the first that answers INFO, then its STATS, matched by name.
async fn info(client: &Client, of: &str) -> Value {
    let info = first(client, &format!("$SRV.INFO.{of}")).await;
    let text = |key: &str| info[key].as_str().unwrap();
    let subject = format!("$SRV.STATS.{}.{}", text("name"), text("id"));
    let stats = first(client, &subject).await;
    assert_eq!(stats["id"], info["id"]);
    let names = |document: &Value| -> Vec<Value> {
        let endpoints = document["endpoints"].as_array().unwrap();
        endpoints
            .iter()
            .map(|endpoint| endpoint["name"].clone())
            .collect()
    };
    assert_eq!(names(&stats), names(&info));
    info
}

/// `nats micro request NAME ENDPOINT BODY`: the first that answers INFO, the first endpoint of
/// that name, and one reply.
async fn request(client: &Client, name: &str, endpoint: &str, body: &'static str) -> Message {
    let info = first(client, &format!("$SRV.INFO.{name}")).await;
    let endpoints = info["endpoints"].as_array().unwrap();
    let found = endpoints.iter().find(|e| e["name"] == endpoint).unwrap();
    let subject = found["subject"].as_str().unwrap();
    let mut replies = raw::gather_with(client, subject, None, body, 1).await;
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}

#[tokio::test]
async fn ls_info_stats_ping_and_request_work_with_one_service() {
    let broker = Broker::start().await;
    let service = plain("ONE")
        .description("one of a kind")
        .metadata("probe", "svc")
        .group("g1", |group| {
            group
                .queue_group("eq")
                .endpoint_with("c.*", echo, |endpoint| {
                    endpoint.name("custom").metadata("probe", "yes")
                })
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for round in 0..3_u64 {
        let listed = ls(&client, None, 1).await;
        assert_eq!(listed[0]["description"], "one of a kind");
        assert_eq!(ls(&client, Some("ONE"), 1).await, listed);
        assert_eq!(info(&client, "ONE").await, listed[0]);
        assert_eq!(
            info(&client, &format!("ONE.{}", service.id())).await,
            listed[0]
        );
        assert_eq!(
            ping(&client, None, 1).await,
            ping(&client, Some("ONE"), 1).await
        );
        let seen = stats(&client, "ONE", 1).await;
        assert_eq!(
            seen,
            stats(&client, &format!("ONE.{}", service.id()), 1).await
        );
        let seen: Vec<_> = seen[0]["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(counts)
            .collect();
        assert_eq!(seen, [(round, 0), (round, round), (round, 0)]);

        assert_eq!(
            request(&client, "ONE", "echo", "hello").await.payload,
            "hello"
        );
        let failed = request(&client, "ONE", "fail", "hello").await;
        assert_eq!(raw::error_of(&failed), Some((400, "always".to_owned())));
        // The subject goes out as it stands, star and all.
        assert_eq!(request(&client, "ONE", "custom", "x").await.payload, "x");
    }
}

/// A hundred instances of five endpoints, over as many connections as are given.
async fn crowd(connections: &[Client]) -> Vec<RunningService> {
    let mut services = Vec::new();
    for number in 0..100 {
        let service = ServiceBuilder::new("CROWD", "1.0.0")
            .description("one of many")
            .metadata("number", number.to_string())
            .endpoint("echo", echo)
            .endpoint("fail", fail)
            .group("g", |group| {
                group
                    .endpoint("a", echo)
                    .endpoint_with("b.*", echo, |endpoint| endpoint.name("b"))
                    .endpoint_with("all", echo, EndpointOptions::no_queue_group)
            })
            .start(&connections[number % connections.len()])
            .await
            .unwrap();
        services.push(service);
    }
    services
}

async fn a_crowd_works(broker: &Broker, connections: &[Client]) {
    let services = crowd(connections).await;
    let expected: BTreeSet<_> = services.iter().map(|s| s.id().to_owned()).collect();
    let client = broker.client().await;
    for round in 1..=2 {
        assert_eq!(ids(&ls(&client, None, 100).await), expected);
        assert_eq!(ids(&ls(&client, Some("CROWD"), 100).await), expected);
        assert_eq!(ids(&ping(&client, Some("CROWD"), 100).await), expected);
        let asked = info(&client, "CROWD").await;
        assert_eq!(asked["endpoints"].as_array().unwrap().len(), 5);
        let chosen = format!("CROWD.{}", services[77].id());
        assert_eq!(info(&client, &chosen).await["metadata"]["number"], "77");

        for _ in 0..50 {
            assert_eq!(request(&client, "CROWD", "echo", "x").await.payload, "x");
            request(&client, "CROWD", "fail", "x").await;
        }
        assert_eq!(raw::gather(&client, "g.all", 100).await.len(), 100);
        let seen = stats(&client, "CROWD", 100).await;
        assert_eq!(ids(&seen), expected);
        // All of them together.
        let mut total = BTreeMap::new();
        for endpoint in seen.iter().flat_map(|a| a["endpoints"].as_array().unwrap()) {
            let (requests, errors) = counts(endpoint);
            let sum: &mut (u64, u64) = total.entry(endpoint["name"].as_str().unwrap()).or_default();
            *sum = (sum.0 + requests, sum.1 + errors);
        }
        let expected = [
            ("a", (0, 0)),
            ("all", (100 * round, 0)),
            ("b", (0, 0)),
            ("echo", (50 * round, 0)),
            ("fail", (50 * round, 50 * round)),
        ];
        assert_eq!(total, BTreeMap::from(expected));
    }
}

#[tokio::test]
async fn a_hundred_instances_on_one_connection() {
    let broker = Broker::start().await;
    a_crowd_works(&broker, &[broker.client().await]).await;
}

#[tokio::test]
async fn a_hundred_instances_on_ten_connections() {
    let broker = Broker::start().await;
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(broker.client().await);
    }
    a_crowd_works(&broker, &connections).await;
}

/// The command stops listening after 300 ms of silence.
#[tokio::test]
async fn questions_are_answered_while_every_handler_is_busy() {
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
    assert_eq!(ping(&client, None, 1).await[0]["id"], service.id());
    assert_eq!(ls(&client, None, 1).await[0]["id"], service.id());
    assert_eq!(stats(&client, "busy", 1).await[0]["id"], service.id());
}

/// What `nats micro serve NAME` is: a group of the service's name, one endpoint `echo`.
#[tokio::test]
async fn the_commands_own_demonstration_service_can_be_had() {
    let broker = Broker::start().await;
    let total = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&total);
    let service = ServiceBuilder::new("CLIDEMO", "1.0.0")
        .description("NATS CLI Demo Service (CLIDEMO)")
        .metadata("_nats.client.created.library", "natscli")
        .metadata("_nats.client.created.version", "0.4.1")
        .group("CLIDEMO", |group| {
            group.endpoint_with(
                "echo",
                move |request: Request| {
                    let bytes = u64::try_from(request.payload().len()).unwrap();
                    total.fetch_add(bytes, Ordering::Relaxed);
                    async move { request.payload().clone() }
                },
                |endpoint| {
                    endpoint.stats_handler(
                        move |_| json!({"total_payload": seen.load(Ordering::Relaxed)}),
                    )
                },
            )
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let document = info(&client, "CLIDEMO").await;
    assert_eq!(document["endpoints"][0]["subject"], "CLIDEMO.echo");
    for body in ["hello", "again"] {
        let reply = request(&client, "CLIDEMO", "echo", body).await;
        assert_eq!(reply.payload, body);
    }
    let of = format!("CLIDEMO.{}", service.id());
    let seen = &stats(&client, &of, 1).await[0]["endpoints"][0];
    assert_eq!(
        (counts(seen), &seen["data"]["total_payload"]),
        ((2, 0), &json!(10))
    );
}

/// What the JavaScript repository's `service-check` asks of a service with one echo endpoint, here with a
/// subscriber beside it.
#[tokio::test]
async fn the_check_of_the_javascript_client_passes() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("checked", "0.0.1")
        .description("echoes")
        .metadata("service", "checked")
        .endpoint_with(
            "echo",
            async |request: Request| match &request.payload()[..] {
                b"" => Err(Error::new(400, "jsonParse")),
                b"error" => Err(Error::new(500, "service asked to throw an error")),
                _ => Ok(request.payload().clone()),
            },
            |endpoint| {
                endpoint
                    .metadata("endpoint", "echo")
                    .stats_handler(|_| "text")
            },
        )
        .subscriber("told", async |_: Request| {})
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for body in ["hello", "{}", "error ", "\"error\""] {
        let reply = raw::request(&client, "echo", body).await;
        assert_eq!((raw::text(&reply), raw::error_of(&reply)), (body, None));
    }
    for body in ["", "error"] {
        let reply = raw::request(&client, "echo", body).await;
        let (code, text) = raw::error_of(&reply).unwrap();
        assert!(code > 0 && !text.is_empty());
    }
    // Metadata in all three, text in `data`, and by the schemas nothing else at the top.
    for answer in [
        &ping(&client, Some("checked"), 1).await[0],
        &ls(&client, Some("checked"), 1).await[0],
        &stats(&client, "checked", 1).await[0],
    ] {
        let mut metadata = answer["metadata"].clone();
        let subscribers = metadata
            .as_object_mut()
            .unwrap()
            .remove("micro.subscribers");
        assert!(subscribers.is_none_or(|text| text.is_string()));
        assert_eq!(metadata, json!({"service": "checked"}));
        assert_eq!(answer["id"], service.id());
    }
    let seen = &stats(&client, "checked", 1).await[0]["endpoints"][0];
    assert_eq!((counts(seen), &seen["data"]), ((6, 2), &json!("text")));
}

/// What the harness of the official clients' compatibility tests sends.
#[derive(Deserialize)]
struct Command {
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    name: String,
    version: String,
    description: String,
    metadata: BTreeMap<String, String>,
    queue_group: Option<String>,
    groups: Vec<GroupConfig>,
    endpoints: Vec<EndpointConfig>,
}

#[derive(Deserialize)]
struct GroupConfig {
    name: String,
    queue_group: Option<String>,
}

#[derive(Deserialize)]
struct EndpointConfig {
    name: String,
    subject: String,
    metadata: Option<BTreeMap<String, String>>,
    queue_group: Option<String>,
    group: Option<String>,
}

/// The service of a configuration: an endpoint named `faulty` fails, all others echo.
fn configured(config: Config) -> ServiceBuilder {
    fn endpoint(group: Group, config: EndpointConfig) -> Group {
        let faulty = config.name == "faulty";
        let handler = move |request: Request| async move {
            if faulty {
                return Err(Error::new(500, "handler error"));
            }
            Ok(request.payload().clone())
        };
        group.endpoint_with(&config.subject, handler, |mut endpoint| {
            for (key, value) in config.metadata.unwrap_or_default() {
                endpoint = endpoint.metadata(key, value);
            }
            if let Some(group) = config.queue_group {
                endpoint = endpoint.queue_group(group);
            }
            endpoint.name(config.name)
        })
    }
    let mut builder = ServiceBuilder::new(config.name, config.version)
        .description(config.description)
        .stats_handler(|stats| json!({"endpoint": stats.name}));
    for (key, value) in config.metadata {
        builder = builder.metadata(key, value);
    }
    if let Some(group) = config.queue_group {
        builder = builder.queue_group(group);
    }
    let groups: BTreeMap<_, _> = config
        .groups
        .into_iter()
        .map(|group| (group.name, group.queue_group))
        .collect();
    for config in config.endpoints {
        let name = config.group.clone().unwrap_or_default();
        let queue_group = groups.get(&name).cloned().flatten();
        builder = builder.group(&name, |mut group| {
            if let Some(queue_group) = queue_group {
                group = group.queue_group(queue_group);
            }
            endpoint(group, config)
        });
    }
    builder
}

/// The driver listens, builds what it is told to, says so, and stops at the next message.
async fn driver(client: Client) {
    let mut commands = client.subscribe("tests.service.core.>").await.unwrap();
    client.publish("driver.ready", "".into()).await.unwrap();
    let start = soon(commands.next()).await.unwrap();
    let command: Command = serde_json::from_slice(&start.payload).unwrap();
    let service = configured(command.config).start(&client).await.unwrap();
    client
        .publish(start.reply.unwrap(), "".into())
        .await
        .unwrap();
    let end = soon(commands.next()).await.unwrap();
    stop(&service).await;
    client.publish(end.reply.unwrap(), "".into()).await.unwrap();
    // With the last of its handles a client is gone, and what it has not sent.
    client.flush().await.unwrap();
}

#[tokio::test]
async fn the_compatibility_harness_of_the_official_clients_is_satisfied() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut ready = client.subscribe("driver.ready").await.unwrap();
    // On its way before the driver's message can be.
    assert!(is_silent(&client, "nobody").await);
    tokio::spawn(driver(broker.client().await));
    soon(ready.next()).await.unwrap();
    let command = json!({
        "suite": "service",
        "test": "core",
        "command": "start",
        "config": {
            "name": "svc",
            "version": "1.0.0",
            "description": "test service",
            "metadata": {"service": "svc"},
            "queue_group": "queue",
            "groups": [
                {"name": "g1"},
                {"name": "g2", "queue_group": "group-queue"},
            ],
            "endpoints": [
                {"name": "faulty", "subject": "faulty"},
                {"name": "echo", "subject": "echo", "metadata": {"endpoint": "e"}},
                {"name": "in-group", "subject": "one", "group": "g1", "queue_group": "own"},
                {"name": "of-group", "subject": "two", "group": "g2"},
            ],
        },
    });
    let told = client.request("tests.service.core.start", command.to_string().into());
    assert_eq!(told.await.unwrap().payload, "");
    let expected = [
        ("faulty", "faulty", "queue"),
        ("echo", "echo", "queue"),
        ("in-group", "g1.one", "own"),
        ("of-group", "g2.two", "group-queue"),
    ];
    let info = info(&client, "svc").await;
    let seen = &stats(&client, "svc", 1).await[0];
    for document in [&info, seen] {
        for (place, (name, subject, queue_group)) in expected.iter().enumerate() {
            let endpoint = &document["endpoints"][place];
            assert_eq!(endpoint["name"], *name);
            assert_eq!(endpoint["subject"], *subject);
            assert_eq!(endpoint["queue_group"], *queue_group);
        }
    }
    assert_eq!(info["endpoints"][1]["metadata"], json!({"endpoint": "e"}));
    for (_, subject, _) in &expected[1..] {
        assert_eq!(
            raw::text(&raw::request(&client, subject, "hello").await),
            "hello"
        );
    }
    let failed = raw::request(&client, "faulty", "hello").await;
    assert_eq!(
        raw::error_of(&failed),
        Some((500, "handler error".to_owned()))
    );
    let seen = &stats(&client, "svc", 1).await[0]["endpoints"];
    assert_eq!(counts(&seen[0]), (1, 1));
    assert_eq!(seen[0]["last_error"], "500:handler error");
    assert_eq!(seen[0]["data"], json!({"endpoint": "faulty"}));
    let told = client.request("tests.service.core.stop", "".into());
    assert_eq!(told.await.unwrap().payload, "");
    assert!(is_silent(&client, "$SRV.PING.svc").await);
}
