//! Several calls under one deadline: what is there, what is missing, and that it ends in time.

use std::time::Duration;

use futures_util::StreamExt as _;
use micro::{
    Call, CallError, Caller, Error, Missing, Part, Parts, PublishError, Request, ServiceBuilder,
    ServiceError,
};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::broker::Broker;
use crate::raw;

/// Far longer than a test may take: what ends before it was ended by something else.
const FOR_EVER: Duration = Duration::from_hours(24);

/// Long for whoever answers, short for who waits in vain.
const SHORT: Duration = Duration::from_millis(300);

/// What no provider answers with: their errors are of no type that a caller knows.
#[derive(Clone, Debug, PartialEq, thiserror::Error, ServiceError)]
enum Never {
    #[error("never")]
    #[service_error(code = 500)]
    Never,
}

/// Answers `name` and `time`, refuses `refused`, and has nobody for `silent` to speak.
async fn providers(broker: &Broker) -> Caller {
    let client = broker.client().await;
    let service = ServiceBuilder::new("providers", "1.0.0")
        .endpoint("name", async |_: Request| "\"John\"")
        .endpoint("time", async |_: Request| "12")
        .endpoint("refused", async |_: Request| {
            Err::<&str, _>(Error::new(409, "no"))
        })
        .endpoint("silent", async |_: Request| {
            std::future::pending::<&str>().await
        })
        .endpoint("patience", async |request: Request| {
            micro::Json(
                request
                    .context()
                    .remaining()
                    .is_some_and(|left| left <= SHORT),
            )
        });
    let service = service.start(&client).await.unwrap();
    // For as long as the test.
    tokio::spawn(async move { service.stopped().await });
    Caller::new(broker.client().await)
}

fn call<'a, R>(caller: &'a Caller, subject: &str) -> Call<'a, R, Never>
where
    R: serde::de::DeserializeOwned + 'static,
{
    caller.call(subject, ()).timeout(FOR_EVER)
}

#[tokio::test]
async fn all_fresh() {
    let broker = Broker::start().await;
    let caller = providers(&broker).await;
    let parts = Parts::within(FOR_EVER)
        .join((call::<String>(&caller, "name"), call::<u8>(&caller, "time")));
    let (name, time) = raw::soon(parts).await;
    assert_eq!(name, Part::Fresh("John".to_owned()));
    assert_eq!(time, Part::Fresh(12));
}

#[tokio::test]
async fn what_is_missing_says_why() {
    let broker = Broker::start().await;
    let caller = providers(&broker).await;
    let parts = Parts::within(SHORT).join((
        call::<String>(&caller, "name"),
        call::<u8>(&caller, "silent"),
        call::<u8>(&caller, "nobody"),
        call::<u8>(&caller, "refused"),
        call::<u8>(&caller, "name"),
        call::<u8>(&caller, "time").timeout(Duration::ZERO),
        call::<bool>(&caller, "patience"),
        call::<u8>(&caller, "time").gather().at_most(1),
    ));
    let (name, silent, nobody, refused, unread, hasty, patience, all) = raw::soon(parts).await;
    assert_eq!(name.fresh().as_deref(), Some("John"));

    assert_eq!(silent, Part::Missing(Missing::Late { after: SHORT }));
    let why = silent.missing().unwrap();
    assert_eq!(why.to_string(), "no answer within 300ms");
    assert_eq!(why.reason(), "late");

    let why = nobody.missing().unwrap();
    assert!(
        matches!(why, Missing::Failed(CallError::NoResponders { .. })),
        "{why}"
    );
    assert_eq!(why.reason(), "unavailable");

    let why = refused.clone().into_result().unwrap_err();
    assert!(
        matches!(&why, Missing::Failed(error) if error.code() == Some(409)),
        "{why}"
    );
    assert_eq!(
        (why.to_string().as_str(), why.reason()),
        ("no (code 409)", "failed")
    );
    assert_eq!(refused.or(3), 3);

    let why = unread.missing().unwrap();
    assert!(
        matches!(why, Missing::Failed(CallError::Decode { .. })),
        "{why}"
    );
    assert_eq!(
        hasty,
        Part::Missing(Missing::Late {
            after: Duration::ZERO
        })
    );
    assert_eq!(
        patience,
        Part::Fresh(true),
        "the service is told of the deadline"
    );
    assert_eq!(all.fresh().unwrap().into_values(), [12]);
}

#[tokio::test]
async fn many_of_one_type() {
    let broker = Broker::start().await;
    let caller = providers(&broker).await;
    let calls: Vec<_> = (0..100)
        .map(|number| call::<u8>(&caller, if number % 2 == 0 { "time" } else { "silent" }))
        .collect();
    let parts = raw::soon(Parts::within(Duration::from_secs(3)).join(calls)).await;
    let fresh: Vec<_> = parts.iter().map(Part::is_fresh).collect();
    let expected: Vec<_> = (0..100).map(|number| number % 2 == 0).collect();
    assert_eq!(fresh, expected);
    let none: Vec<Call<'_, u8, Never>> = Vec::new();
    assert!(Parts::within(SHORT).join(none).await.is_empty());
}

/// A type whose value panics as it is written.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("not this one")
    }
}

/// A type whose value panics as it is read.
#[derive(Debug, PartialEq)]
struct Unreadable;

impl<'de> serde::Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("nor this one")
    }
}

#[tokio::test]
async fn a_part_that_panics_takes_nothing_with_it() {
    let broker = Broker::start().await;
    let caller = providers(&broker).await;
    let parts = Parts::within(FOR_EVER).join((
        caller.call::<_, u8, Never>("time", Unwritable),
        call::<Unreadable>(&caller, "time"),
        async { panic!("at all") as Result<u8, CallError<Never>> },
        async {
            let name = call::<String>(&caller, "name").await?;
            Ok::<_, CallError<Never>>((name, call::<u8>(&caller, "time").await?))
        },
    ));
    let (unwritable, unreadable, panicked, both) = raw::soon(parts).await;
    let why = unwritable.missing().unwrap();
    assert!(
        matches!(why, Missing::Failed(CallError::Request { .. })),
        "{why}"
    );
    assert!(why.to_string().contains("panicked: not this one"), "{why}");
    let why = unreadable.missing().unwrap();
    assert!(
        matches!(why, Missing::Panicked(text) if text.contains("nor this one")),
        "{why}"
    );
    assert_eq!(why.reason(), "failed");
    let why = panicked.missing().unwrap();
    assert!(
        why.to_string().starts_with("the call panicked: at all"),
        "{why}"
    );
    assert_eq!(both, Part::Fresh(("John".to_owned(), 12)));
}

/// Nothing it waits for ever comes, but the deadline.
#[tokio::test]
async fn it_ends_in_time() {
    let broker = Broker::start().await;
    let caller = providers(&broker).await;
    let parts = Parts::within(Duration::from_millis(50)).join((
        call::<u8>(&caller, "silent"),
        call::<u8>(&caller, "silent").gather(),
        std::future::pending::<Result<u8, CallError<Never>>>(),
    ));
    let (one, many, never) = raw::soon(parts).await;
    assert!(!one.is_fresh() && !many.is_fresh() && !never.is_fresh());
    // And of itself before that, whatever the deadline is.
    let parts = Parts::within(Duration::MAX)
        .join((call::<u8>(&caller, "time"), call::<u8>(&caller, "nobody")));
    let (time, nobody) = raw::soon(parts).await;
    assert_eq!((time.or_default(), nobody.or_else(|_| 9)), (12, 9));
}

/// A provider that floods, one that writes garbage, and one that answers where it is not asked.
#[tokio::test]
async fn hostile_providers() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut asked = client.subscribe("hostile.*").await.unwrap();
    raw::round_trip(&client).await;
    let answering = client.clone();
    tokio::spawn(async move {
        while let Some(request) = asked.next().await {
            let inbox = request.reply.unwrap();
            let (body, times) = match request.subject.as_str() {
                "hostile.flood" => ("1", 10_000),
                "hostile.garbage" => ("\u{1b}[2J{{{{", 1),
                _ => ("1", 0),
            };
            for _ in 0..times {
                answering.publish(inbox.clone(), body.into()).await.unwrap();
            }
        }
    });
    let caller = Caller::new(broker.client().await);
    let parts = Parts::within(SHORT).join((
        call::<u8>(&caller, "hostile.flood"),
        call::<u8>(&caller, "hostile.garbage"),
        call::<u8>(&caller, "hostile.silence"),
    ));
    let (flood, garbage, silence) = raw::soon(parts).await;
    assert_eq!(flood, Part::Fresh(1));
    let why = garbage.missing().unwrap();
    assert!(!why.to_string().contains(char::is_control), "{why}");
    assert_eq!(silence.missing().unwrap().reason(), "late");
}

#[test]
fn a_page_sees_what_is_missing_and_no_more() {
    let fresh: Part<u8, Error> = Part::Fresh(1);
    assert_eq!(json!(fresh), json!({"value": 1}));
    let failed = |error| json!(Part::<u8, Error>::Missing(Missing::Failed(error)));
    let subject = "inner.secret".to_owned();
    let source = PublishError::Closed;
    let gone = failed(CallError::Transport { subject, source });
    assert_eq!(gone, json!({"missing": "unavailable"}));
    let own = failed(CallError::Service(Error::new(500, "the password is 123")));
    assert_eq!(own, json!({"missing": "failed"}));
    let late: Part<u8, Error> = Part::Missing(Missing::Late { after: SHORT });
    assert_eq!(json!(late.map(|n| n + 1)), json!({"missing": "late"}));
}
