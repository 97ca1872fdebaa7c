//! Several calls under one deadline: what is there, what is missing, and that it ends in time.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use micro::{
    Call, CallError, Caller, Ended, Error, Missing, Part, Parts, PublishError, Request,
    ServiceBuilder, ServiceError,
};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::broker::Broker;
use crate::raw;

/// Far longer than a test may take: what ends before it was ended by something else.
const FOR_EVER: Duration = Duration::from_hours(24);

/// For whom nothing comes.
const SHORT: Duration = Duration::from_millis(50);

/// Where something comes for some, and nothing for others: far longer than that takes.
const ENOUGH: Duration = Duration::from_secs(3);

/// What a call would not wait for by itself.
const HOUR: Duration = Duration::from_hours(1);

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
                    .is_some_and(|left| left <= HOUR),
            )
        });
    let service = service.start(&client).await.unwrap();
    // For as long as the test.
    tokio::spawn(async move { service.stopped().await });
    Caller::new(broker.client().await)
}

fn late<T>(subject: &str, after: Duration) -> Part<T, Never> {
    Part::Missing(Missing::Late {
        subject: Some(subject.to_owned()),
        after,
    })
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
    let parts = Parts::within(SHORT).join((call::<u8>(&caller, "silent"),));
    let (silent,) = raw::soon(parts).await;
    assert_eq!(silent, late("silent", SHORT));
    let why = silent.missing().unwrap();
    assert_eq!(why.to_string(), "no answer from `silent` within 50ms");
    assert_eq!(why.reason(), "late");

    let parts = Parts::within(HOUR).join((
        call::<String>(&caller, "name"),
        call::<u8>(&caller, "nobody"),
        call::<u8>(&caller, "refused"),
        call::<u8>(&caller, "name"),
        call::<u8>(&caller, "time").timeout(Duration::ZERO),
        call::<bool>(&caller, "patience"),
        call::<u8>(&caller, "time").gather().at_most(1),
        call::<u8>(&caller, "time").first(),
    ));
    let (name, nobody, refused, unread, hasty, patience, all, first) =
        raw::soon(Box::pin(parts)).await;
    assert_eq!(name.fresh().as_deref(), Some("John"));
    assert_eq!(first.fresh().unwrap().value, 12);

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
    assert_eq!(refused.unwrap_or(3), 3);

    let why = unread.missing().unwrap();
    assert!(
        matches!(why, Missing::Failed(CallError::Decode { .. })),
        "{why}"
    );
    assert_eq!(hasty, late("time", Duration::ZERO));
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
    let parts = raw::soon(Parts::within(ENOUGH).join(calls)).await;
    let fresh: Vec<_> = parts.iter().map(Part::is_fresh).collect();
    let expected: Vec<_> = (0..100).map(|number| number % 2 == 0).collect();
    assert_eq!(fresh, expected);
    let calls = ["time", "nobody"].map(|subject| call::<u8>(&caller, subject));
    let [time, nobody] = raw::soon(Parts::within(FOR_EVER).join(calls)).await;
    assert_eq!((time.fresh(), nobody.is_fresh()), (Some(12), false));
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
    let parts = Parts::within(SHORT).join((
        call::<u8>(&caller, "silent"),
        call::<u8>(&caller, "silent").gather(),
        call::<u8>(&caller, "silent").first(),
        std::future::pending::<Result<u8, CallError<Never>>>(),
    ));
    let (one, many, first, never) = raw::soon(parts).await;
    assert_eq!(one, late("silent", SHORT));
    assert_eq!(many.missing().unwrap().reason(), "late");
    assert_eq!(first.missing().unwrap().reason(), "late");
    let why = never.missing().unwrap();
    assert_eq!(why.to_string(), "no answer within 50ms");
    // And of itself before that, whatever the deadline is.
    let parts = Parts::within(Duration::MAX)
        .join((call::<u8>(&caller, "time"), call::<u8>(&caller, "nobody")));
    let (time, nobody) = raw::soon(parts).await;
    assert_eq!(
        (time.unwrap_or_default(), nobody.unwrap_or_else(|_| 9)),
        (12, 9)
    );
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
    let parts = Parts::within(ENOUGH).join((
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
    let late: Part<u8, Never> = late("x", SHORT);
    assert_eq!(json!(late.map(|n| n + 1)), json!({"missing": "late"}));

    let subject = || "inner.secret".to_owned();
    for (source, word) in [
        (PublishError::Lost, "unavailable"),
        (PublishError::InvalidSubject, "failed"),
        (PublishError::SubjectTooLong { bytes: 9_000 }, "failed"),
        (
            PublishError::TooLarge {
                bytes: 2,
                limit_bytes: 1,
            },
            "failed",
        ),
    ] {
        let subject = subject();
        let unsent = failed(CallError::Transport { subject, source });
        assert_eq!(unsent, json!({"missing": word}));
    }
    for (code, word) in [
        (503, "unavailable"),
        (504, "late"),
        (500, "failed"),
        (404, "failed"),
    ] {
        let refused = failed(CallError::Service(Error::new(code, "no")));
        assert_eq!(refused, json!({"missing": word}), "{code}");
    }
}

/// Instances that answer each request on `subject` with these bodies, and one that does not answer.
async fn instances(broker: &Broker, subject: &'static str, bodies: &'static [&'static str]) {
    for body in bodies.iter().map(Some).chain([None]) {
        let client = broker.client().await;
        let mut requests = client.subscribe(subject).await.unwrap();
        raw::round_trip(&client).await;
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                if let Some(body) = body {
                    let inbox = request.reply.unwrap();
                    client.publish(inbox, (*body).into()).await.unwrap();
                }
            }
        });
    }
}

/// What has come is worth something, though not all has.
#[tokio::test]
async fn at_the_deadline_there_is_what_has_come() {
    let broker = Broker::start().await;
    instances(&broker, "load", &["1", "2"]).await;
    instances(&broker, "broken", &["no number", "nor this"]).await;
    let caller = Caller::new(broker.client().await);
    let parts = Parts::within(ENOUGH).join((
        call::<u8>(&caller, "load").gather(),
        call::<u8>(&caller, "broken").gather(),
        call::<u8>(&caller, "broken").first(),
    ));
    let (all, none, first) = raw::soon(parts).await;
    let all = all.fresh().unwrap();
    assert_eq!((all.ended, all.failures.len()), (Ended::Within, 0));
    let mut values = all.into_values();
    values.sort_unstable();
    assert_eq!(values, [1, 2]);
    let none = none.fresh().unwrap();
    assert_eq!((none.answers.len(), none.failures.len()), (0, 2));
    let why = first.missing().unwrap();
    assert!(
        matches!(why, Missing::Failed(CallError::Decode { .. })),
        "{why}"
    );
}

/// How often a value of [`Slow`] was read, and when.
static READ: Mutex<Vec<Instant>> = Mutex::new(Vec::new());

/// Takes its time to find fault with what it is read from.
#[derive(Debug, PartialEq)]
struct Slow;

impl<'de> serde::Deserialize<'de> for Slow {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        READ.lock().unwrap().push(Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        Err(serde::de::Error::custom("not to my taste"))
    }
}

/// Each reply takes long to be read and has no value. Others have their turn all the same, and the
/// deadline is kept.
#[tokio::test]
async fn a_flood_of_large_replies_keeps_nobody_from_the_deadline() {
    const WITHIN: Duration = Duration::from_secs(4);
    /// Both floods take longer to be read than there is time.
    const REPLIES: usize = 60;
    /// Read once, and once more to find the place.
    const EACH: usize = 2;
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut asked = client.subscribe("flood").await.unwrap();
    raw::round_trip(&client).await;
    let flooding = tokio::spawn(async move {
        let body = micro::Bytes::from(vec![b' '; 256 * 1024]);
        for _ in 0..2 {
            let inbox = asked.next().await.unwrap().reply.unwrap();
            for _ in 0..REPLIES {
                let sent = client.publish(inbox.clone(), body.clone());
                sent.await.unwrap();
            }
        }
        raw::round_trip(&client).await;
    });
    let mut began = None;
    let mut turns = Vec::new();
    let other = std::future::poll_fn(|_| -> Poll<Result<u8, CallError<Never>>> {
        began.get_or_insert_with(Instant::now);
        turns.push(READ.lock().unwrap().len());
        Poll::Pending
    });
    let calling = broker.client().await;
    let caller = Caller::new(calling.clone());
    let mut parts = Box::pin(Parts::within(WITHIN).join((
        call::<Slow>(&caller, "flood").gather(),
        call::<Slow>(&caller, "flood").first(),
        other,
    )));
    // What reads them here keeps the connection, which has the same thread, from having more of them.
    // So all of them are there before the first is read.
    assert!(parts.as_mut().now_or_never().is_none());
    flooding.await.unwrap();
    raw::round_trip(&calling).await;
    let (all, first, other) = raw::soon(parts).await;
    assert_eq!(other.missing().unwrap().reason(), "late");
    let failures = all.fresh().unwrap().failures.len();
    assert!(failures < REPLIES, "the flood is over before the deadline");
    let why = first.missing().unwrap().to_string();
    assert!(why.contains("not to my taste"), "{why}");
    // One of each flood at a time, and all in turn: the first of one turn may be the last of the next.
    assert!(
        turns.is_sorted_by(|one, next| *next - *one <= 4 * EACH),
        "{turns:?}"
    );
    // One may have been begun just before it, and of what has come by then there is one more of each.
    let deadline = began.unwrap() + WITHIN;
    let read = READ.lock().unwrap();
    let after = read.iter().filter(|at| **at > deadline).count();
    assert!(after <= 3 * EACH, "{after} after the deadline");
}

/// A future that panics as it is dropped, which is at the deadline.
struct PanicsAsItGoes;

impl Future for PanicsAsItGoes {
    type Output = Result<u8, CallError<Never>>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

impl Drop for PanicsAsItGoes {
    fn drop(&mut self) {
        panic!("as it goes")
    }
}

#[tokio::test]
async fn a_part_that_panics_as_it_is_dropped_takes_nothing_with_it() {
    let broker = Broker::start().await;
    let caller = providers(&broker).await;
    let parts = Parts::within(ENOUGH).join((PanicsAsItGoes, call::<u8>(&caller, "time")));
    let (panicked, time) = raw::soon(parts).await;
    let why = panicked.missing().unwrap();
    assert!(
        matches!(why, Missing::Panicked(text) if text.contains("as it goes")),
        "{why}"
    );
    assert_eq!(time, Part::Fresh(12));
}

#[tokio::test]
async fn what_is_dropped_midway_leaves_nothing_behind() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let client = broker.client().await;
    let caller = Caller::new(&client);
    let mut parts = Box::pin(Parts::within(FOR_EVER).join((
        call::<u8>(&caller, "held"),
        call::<u8>(&caller, "held").gather(),
        call::<u8>(&caller, "held").first(),
    )));
    let mut inboxes = Vec::new();
    raw::until("three requests", async || {
        assert!(parts.as_mut().now_or_never().is_none());
        let request = requests.next().now_or_never();
        inboxes.extend(request.map(|request| request.unwrap().reply.unwrap()));
        inboxes.len() == 3
    })
    .await;
    drop(parts);
    // The one of plain calls is the connection's, and stays.
    let mut gone = 0;
    for inbox in inboxes {
        let late = async_nats::Request::new()
            .payload("late".into())
            .timeout(Some(Duration::from_secs(1)));
        let late = client.send_request(inbox, late).await.unwrap_err();
        gone += usize::from(late.kind() == async_nats::RequestErrorKind::NoResponders);
    }
    assert_eq!(gone, 2);
}
