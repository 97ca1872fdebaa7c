//! Section 6: what may not be started, and that nothing is sent for it.

use micro::{EndpointOptions, Error, Group, Request, ServiceBuilder, StartError};

use crate::broker::Broker;
use crate::documents::{ask, each, echo, is_silent, stop};
use crate::raw;
use crate::tap::Tap;

/// A broker, a connection to it through a tap, and a client of nobody's.
struct Stage {
    _broker: Broker,
    tap: Tap,
    connection: async_nats::Client,
    client: async_nats::Client,
}

impl Stage {
    async fn set() -> Self {
        let broker = Broker::start().await;
        let tap = Tap::before(&broker).await;
        Self {
            connection: tap.client().await,
            client: broker.client().await,
            tap,
            _broker: broker,
        }
    }

    /// Starts what cannot be started: it must say so, and the server must hear nothing of it.
    async fn refused(&self, service: ServiceBuilder, says: &str) {
        let before = self.tap.mark();
        let error = service.start(&self.connection).await.unwrap_err();
        assert!(matches!(error, StartError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains(says), "{says:?} not in {error}");
        // Had anything been said, it would have been before this.
        self.connection.publish("end", "".into()).await.unwrap();
        let said = async {
            loop {
                let said = self.tap.said_since(before);
                if said.iter().any(|frame| frame.line.starts_with("PUB end")) {
                    return said;
                }
                tokio::task::yield_now().await;
            }
        };
        let mut said = tokio::time::timeout(raw::PATIENCE, said).await.unwrap();
        said.retain(|frame| frame.line != "PING" && frame.line != "PONG");
        assert_eq!(said.len(), 1, "{said:?}");
    }

    /// Starts what can be started: it must answer.
    async fn accepted(&self, service: ServiceBuilder) {
        let (name, version) = (service.name().to_owned(), service.version().to_owned());
        let service = service
            .start(&self.connection)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        for verb in ["PING", "INFO", "STATS"] {
            let answer = ask(&self.client, &format!("$SRV.{verb}.{name}")).await;
            assert_eq!(
                (&answer["name"], &answer["version"]),
                (&name.as_str().into(), &version.as_str().into())
            );
        }
        stop(&service).await;
    }
}

fn named(name: &str) -> ServiceBuilder {
    ServiceBuilder::new(name, "1.0.0").endpoint("echo", echo)
}

fn versioned(version: &str) -> ServiceBuilder {
    ServiceBuilder::new("versioned", version).endpoint("echo", echo)
}

fn with(options: impl FnOnce(EndpointOptions) -> EndpointOptions) -> ServiceBuilder {
    ServiceBuilder::new("with", "1.0.0").endpoint_with("echo", echo, options)
}

const BAD_NAMES: [&str; 14] = [
    "", " ", "bad name", "a.b", ".", "a*", "*", ">", "$SRV", "é", "a\n", "a\0", "a/b", "１",
];

const GOOD_NAMES: [&str; 6] = ["a", "A-b_9", "-", "_", "0", "EchoService"];

#[tokio::test]
async fn a_service_name_is_letters_digits_dash_and_underscore() {
    let stage = Stage::set().await;
    for name in BAD_NAMES {
        stage.refused(named(name), "`name`").await;
    }
    for name in GOOD_NAMES {
        stage.accepted(named(name)).await;
    }
    let long = "a".repeat(200);
    stage.accepted(named(&long)).await;
}

#[tokio::test]
async fn an_endpoint_name_is_letters_digits_dash_and_underscore() {
    let stage = Stage::set().await;
    for name in BAD_NAMES {
        stage
            .refused(with(|endpoint| endpoint.name(name)), "`name`")
            .await;
    }
    for name in GOOD_NAMES {
        stage.accepted(with(|endpoint| endpoint.name(name))).await;
    }
}

#[tokio::test]
async fn a_version_is_a_semantic_one() {
    let stage = Stage::set().await;
    for version in [
        "",
        "1",
        "1.0",
        "v1.0.0",
        "01.0.0",
        "1.01.0",
        "1.0.01",
        "1.0.0.0",
        "1.0.0-",
        "1.0.0+",
        "1.0.0-01",
        "1.0.0-a..b",
        "1.0.0-a.",
        "1.0.0-\u{e9}",
        "1.0.0-a_b",
        "latest",
        "x",
        " 1.0.0",
        "1.0.0 ",
        "1.0.0\n",
        "-1.0.0",
        "1.-1.0",
        "1,0,0",
        // Digits, but none of ours.
        "１.0.0",
        "1.0.٣",
    ] {
        stage.refused(versioned(version), "`version`").await;
    }
    for version in [
        "0.0.0",
        "1.0.0",
        "10.20.30",
        "1.2.3-rc.1+build.5",
        "1.0.0-alpha",
        "1.0.0--",
        "1.0.0-0a",
        "1.0.0-0A.is.legal",
        "1.0.0+001",
        "1.0.0-x-y-z.--",
        "99999999999999999999.999.99",
    ] {
        stage.accepted(versioned(version)).await;
    }
}

#[tokio::test]
async fn an_endpoint_subject_has_tokens_and_wildcards_where_they_may_be() {
    let stage = Stage::set().await;
    for subject in [
        "",
        ".",
        "a..b",
        ".a",
        "a.",
        "a b",
        "a\tb",
        "a\r\nSUB x 1",
        "a\0",
        "a.>.b",
        ">a",
        ">.a",
        "$SRV.PING",
        "$SYS.x",
    ] {
        let service = ServiceBuilder::new("subject", "1.0.0")
            .endpoint_with(subject, echo, |e| e.name("fine"));
        stage.refused(service, "subject").await;
    }
    // The group is part of what is checked.
    for (group, subject) in [
        ("a.", "b"),
        ("a", ".b"),
        ("a b", "c"),
        ("a.>", "b"),
        ("$SRV", "x"),
    ] {
        let service = ServiceBuilder::new("subject", "1.0.0").group(group, |group| {
            group.endpoint_with(subject, echo, |endpoint| endpoint.name("fine"))
        });
        stage.refused(service, "`").await;
    }
    for (subject, asked) in [
        ("a", "a"),
        ("a.b.c", "a.b.c"),
        ("*", "x"),
        ("a.*", "a.x"),
        ("*.a.*", "x.a.y"),
        ("a.>", "a.x.y.z"),
        ("a>", "a>"),
        ("a*b", "a*b"),
        ("é.\u{1f980}", "é.\u{1f980}"),
        ("UPPER.lower", "UPPER.lower"),
    ] {
        let service = ServiceBuilder::new("subject", "1.0.0")
            .endpoint_with(subject, echo, |endpoint| endpoint.name("fine"))
            .start(&stage.connection)
            .await
            .unwrap_or_else(|error| panic!("{subject}: {error}"));
        let info = ask(&stage.client, "$SRV.INFO.subject").await;
        assert_eq!(each(&info, "subject"), [subject]);
        let reply = raw::request(&stage.client, asked, "hello").await;
        assert_eq!(raw::text(&reply), "hello", "{asked} for {subject}");
        stop(&service).await;
    }
}

#[tokio::test]
async fn a_queue_group_is_not_empty_and_has_no_white_space_and_no_tail_wildcard() {
    let stage = Stage::set().await;
    for group in [
        "",
        " ",
        "a b",
        "a>",
        ">",
        "a.>",
        ">.abc",
        "a\tb",
        "a\r\nSUB x 1",
        "a\u{a0}b",
    ] {
        let group = group.to_owned();
        let service = || ServiceBuilder::new("queue", "1.0.0").endpoint("echo", echo);
        stage
            .refused(service().queue_group(group.clone()), "`queue_group`")
            .await;
        let of_group = service().group("g", |g| g.queue_group(group.clone()).endpoint("e", echo));
        stage.refused(of_group, "`queue_group`").await;
        let of_endpoint = with(|endpoint| endpoint.queue_group(group));
        stage.refused(of_endpoint, "`queue_group`").await;
    }
    for group in ["q", "workers-1", "a.b", "a_b", "é"] {
        let group = group.to_owned();
        stage
            .accepted(with(|endpoint| endpoint.queue_group(group)))
            .await;
    }
}

#[tokio::test]
async fn a_group_name_is_empty_or_a_subject_without_a_tail_wildcard() {
    let stage = Stage::set().await;
    let grouped = |name: &str, fill: fn(Group) -> Group| {
        ServiceBuilder::new("grouped", "1.0.0").group(name, fill)
    };
    for name in [
        "a.>", ">", "a b", " ", ".", ".a", "a.", "a..b", "a\r\nb", "$SRV",
    ] {
        let with_endpoint = grouped(name, |group| group.endpoint("e", echo));
        stage.refused(with_endpoint, "`").await;
        // Checked although it has no endpoint yet.
        stage.refused(grouped(name, |group| group), "group").await;
    }
    for name in ["", "a", "a.b.c", "a.*", "*"] {
        stage
            .accepted(grouped(name, |group| group.endpoint("e", echo)))
            .await;
    }
}

#[tokio::test]
async fn a_limit_of_no_handler_at_all_is_refused() {
    let stage = Stage::set().await;
    stage
        .refused(with(|endpoint| endpoint.concurrency(0)), "`concurrency`")
        .await;
    stage
        .refused(named("none").concurrency(0), "`concurrency`")
        .await;
    let least = with(|endpoint| endpoint.concurrency(1).pending(0));
    stage.accepted(least).await;
}

#[tokio::test]
async fn metadata_has_at_most_128_kib() {
    let stage = Stage::set().await;
    let limit = 128 * 1024;
    let value = |bytes: usize| "v".repeat(bytes);
    stage
        .refused(named("much").metadata("k", value(limit)), "metadata")
        .await;
    let of_endpoint = with(|endpoint| endpoint.metadata("key", "v").metadata("k", value(limit)));
    stage.refused(of_endpoint, "metadata").await;
    stage
        .accepted(named("much").metadata("k", value(limit - 1)))
        .await;
}

#[tokio::test]
async fn one_bad_endpoint_keeps_the_good_ones_from_starting() {
    let stage = Stage::set().await;
    let service = named("mostly")
        .endpoint("fine", echo)
        .endpoint("not fine", echo);
    stage.refused(service, "not fine").await;
    for nobody in ["echo", "fine", "$SRV.PING", "$SRV.PING.mostly"] {
        assert!(is_silent(&stage.client, nobody).await, "{nobody}");
    }
}

#[tokio::test]
async fn an_error_without_a_code_or_a_text_is_sent_all_the_same() {
    let stage = Stage::set().await;
    let _service = ServiceBuilder::new("empty", "1.0.0")
        .endpoint("code", async |_: Request| {
            Err::<(), _>(Error::new(0, "text"))
        })
        .endpoint("text", async |_: Request| Err::<(), _>(Error::new(404, "")))
        .endpoint("both", async |_: Request| {
            Err::<(), _>(Error::new(0, " \r\n "))
        })
        .start(&stage.connection)
        .await
        .unwrap();
    for (endpoint, code, text) in [
        ("code", 500, "text"),
        ("text", 404, "unspecified error"),
        ("both", 500, "unspecified error"),
    ] {
        let reply = raw::request(&stage.client, endpoint, "").await;
        assert_eq!(raw::error_of(&reply), Some((code, text.to_owned())));
    }
}
