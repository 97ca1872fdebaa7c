//! Services put together by hand: rows 4 to 14 of Go's `micro`, and what raw handlers can answer.

use std::time::Duration;

use micro::{Error, Json, Reply, Request, ServiceBuilder, StartError};

use crate::broker::Broker;
use crate::raw;

async fn echo(request: Request) -> micro::Bytes {
    request.payload().clone()
}

#[tokio::test]
async fn a_base_endpoint_is_named_default_and_echoes() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("EchoService", "1.0.0")
        .base_endpoint("svc.echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let endpoints = service.info().endpoints;
    assert_eq!(endpoints.len(), 1);
    assert_eq!(endpoints[0].name, "default");
    assert_eq!(endpoints[0].subject, "svc.echo");

    let client = broker.client().await;
    for body in ["hello!", "", &"x".repeat(1024 * 1024)] {
        let reply = raw::request(&client, "svc.echo", body).await;
        assert!(raw::text(&reply) == body, "{} bytes differ", body.len());
        assert!(reply.headers.is_none());
    }
}

#[tokio::test]
async fn names_and_subjects_are_as_given() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("math", "1.0.0")
        .endpoint("add", echo)
        .endpoint("svc.sub", echo)
        .endpoint_with("svc.add", echo, |endpoint| endpoint.name("Adder"))
        .group("numbers", |group| {
            group
                .endpoint("multiply", echo)
                .group("", |same| same.endpoint("divide", echo))
                .group("deep.er", |deep| deep.endpoint("root", echo))
        })
        .endpoint("any.*.tail.>", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let listed: Vec<_> = service
        .info()
        .endpoints
        .into_iter()
        .map(|endpoint| (endpoint.name, endpoint.subject))
        .collect();
    let expected = [
        ("add", "add"),
        ("svc-sub", "svc.sub"),
        ("Adder", "svc.add"),
        ("multiply", "numbers.multiply"),
        ("divide", "numbers.divide"),
        ("root", "numbers.deep.er.root"),
        ("any-any-tail-all", "any.*.tail.>"),
    ]
    .map(|(name, subject)| (name.to_owned(), subject.to_owned()));
    assert_eq!(listed, expected);

    let client = broker.client().await;
    for subject in [
        "add",
        "svc.add",
        "numbers.multiply",
        "numbers.divide",
        "numbers.deep.er.root",
        "any.x.tail.a.b",
    ] {
        let reply = raw::request(&client, subject, subject).await;
        assert_eq!(raw::text(&reply), subject);
    }
    let unknown = raw::try_request(&client, "Adder", "").await;
    assert_eq!(
        unknown.unwrap_err(),
        async_nats::RequestErrorKind::NoResponders
    );
}

#[tokio::test]
async fn raw_handlers_answer_bytes_json_headers_and_errors_with_a_body() {
    let broker = Broker::start().await;
    let _service = ServiceBuilder::new("answers", "1.0.0")
        .endpoint("bytes", async |_: Request| vec![0u8, 255])
        .endpoint("json", async |request: Request| {
            let numbers: Vec<i64> = request.json()?;
            Ok::<_, Error>(Json(numbers.iter().sum::<i64>()))
        })
        .endpoint("headers", async |request: Request| {
            let seen = request
                .context()
                .header("X-In")
                .unwrap_or("none")
                .to_owned();
            Ok::<_, Error>(Reply::bytes("body").with_header("X-Out", &seen)?)
        })
        .endpoint("error", async |_: Request| {
            Err::<(), _>(Error::new(422, "no such thing").with_body("{\"d\":1}"))
        })
        .endpoint("hidden", async |_: Request| {
            let number: i32 = "x".parse()?;
            Ok::<_, Error>(number.to_string())
        })
        .endpoint("empty", async |_: Request| ())
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;

    let bytes = raw::request(&client, "bytes", "").await;
    assert_eq!(&bytes.payload[..], [0, 255]);

    let sum = raw::request(&client, "json", "[1,2,3]").await;
    assert_eq!((raw::text(&sum), raw::error_of(&sum)), ("6", None));

    let mut headers = async_nats::HeaderMap::new();
    headers.insert("X-In", "seen");
    let reply = client
        .request_with_headers("headers", headers, "".into())
        .await
        .unwrap();
    assert_eq!(
        reply.headers.unwrap().get("X-Out").unwrap().as_str(),
        "seen"
    );

    let error = raw::request(&client, "error", "").await;
    assert_eq!(raw::error_of(&error), Some((422, "no such thing".into())));
    assert_eq!(raw::text(&error), "{\"d\":1}");

    let hidden = raw::request(&client, "hidden", "").await;
    assert_eq!(raw::error_of(&hidden), Some((500, "internal error".into())));
    assert_eq!(raw::text(&hidden), "");

    let empty = raw::request(&client, "empty", "").await;
    assert_eq!((raw::text(&empty), &empty.headers), ("", &None));
}

#[tokio::test]
async fn metadata_and_descriptions_are_in_info() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("described", "2.0.1-rc.1+build")
        .description("what it is for")
        .metadata("team", "core")
        .endpoint_with("one", echo, |endpoint| {
            endpoint.description("does one").metadata("k-k", "v")
        })
        .endpoint("two", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let info = raw::json(&raw::request(&client, "$SRV.INFO.described", "").await);
    assert_eq!(
        info,
        serde_json::json!({
            "name": "described",
            "id": service.id(),
            "version": "2.0.1-rc.1+build",
            "metadata": { "team": "core" },
            "type": "io.nats.micro.v1.info_response",
            "description": "what it is for",
            "endpoints": [
                {
                    "name": "one",
                    "subject": "one",
                    "queue_group": "q",
                    "metadata": { "description": "does one", "k-k": "v" },
                },
                { "name": "two", "subject": "two", "queue_group": "q", "metadata": {} },
            ],
        })
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_reported_at_once_and_nothing_runs() {
    let broker = Broker::start().await;
    let connection = broker.client().await;
    let error = ServiceBuilder::new("my service", "latest")
        .endpoint("a..b", echo)
        .endpoint_with("ok", echo, |endpoint| {
            endpoint.name("a.b").queue_group("two words")
        })
        .endpoint_with("busy", echo, |endpoint| endpoint.concurrency(0))
        .group("x.>", |group| group.endpoint("y", echo))
        .start(&connection)
        .await
        .unwrap_err();
    let StartError::Invalid { problems, .. } = &error else {
        panic!("{error}");
    };
    let text = error.to_string();
    for says in [
        "`name` must match `[A-Za-z0-9_-]+`, found `my service`",
        "`version` must be a semantic version such as `1.0.0`, found `latest`",
        "endpoint `a--b`",
        "endpoint `a.b`",
        "`queue_group` cannot contain white space",
        "`concurrency` must be at least 1",
        "group `x.>`",
    ] {
        assert!(text.contains(says), "{says:?} is not in\n{text}");
    }
    assert!(problems.len() >= 7, "{problems:#?}");

    let client = broker.client().await;
    let nobody = raw::try_request(&client, "$SRV.PING", "").await;
    assert_eq!(
        nobody.unwrap_err(),
        async_nats::RequestErrorKind::NoResponders
    );
}

#[tokio::test]
async fn a_handler_over_its_time_answers_504_and_the_rest_goes_on() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("slow", "1.0.0")
        .endpoint_with(
            "never",
            async |_: Request| std::future::pending::<()>().await,
            |endpoint| endpoint.timeout(Duration::from_millis(20)),
        )
        .endpoint("echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let reply = raw::request(&client, "never", "").await;
    assert_eq!(
        raw::error_of(&reply),
        Some((504, "endpoint `never` did not answer within 20ms".into()))
    );
    assert_eq!(
        raw::text(&raw::request(&client, "echo", "still").await),
        "still"
    );
    let stats = service.stats();
    assert_eq!(
        (
            stats.endpoints[0].num_requests,
            stats.endpoints[0].num_errors
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn metadata_beyond_what_adr_33_allows_is_refused() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let largest = "v".repeat(128 * 1024 - 1);
    let build = |value: &str| {
        ServiceBuilder::new("large", "1.0.0")
            .metadata("k", value)
            .endpoint_with("echo", echo, |endpoint| endpoint.metadata("k", value))
    };
    let service = build(&largest).start(&client).await.unwrap();
    let info = raw::json(&raw::request(&client, "$SRV.INFO.large", "").await);
    assert_eq!(info["metadata"]["k"], largest);
    assert_eq!(info["endpoints"][0]["metadata"]["k"], largest);
    service.stop().await;

    let refused = build(&format!("{largest}v")).start(&client).await;
    let StartError::Invalid { problems, .. } = refused.unwrap_err() else {
        panic!("another error");
    };
    let says = "the metadata has 131073 bytes, at most 131072 are allowed";
    assert_eq!(
        problems,
        [
            format!("service: {says}"),
            format!("endpoint `echo`: {says}")
        ]
    );
}
