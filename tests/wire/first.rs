//! The first good answer of many.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{Client, HeaderMap};
use futures_util::StreamExt as _;
use micro::{CallError, Caller, Error, Request, ServiceBuilder, ServiceError};
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::raw;

/// Far longer than a test may take: what ends before it was ended by something else.
const FOR_EVER: Duration = Duration::from_hours(24);

#[derive(Debug, PartialEq, thiserror::Error, ServiceError)]
enum LoadError {
    #[error("no meter")]
    #[service_error(code = 500)]
    NoMeter,
}

/// What one raw instance answers.
#[derive(Clone, Copy)]
enum Says {
    Body(&'static str),
    /// A code, a text, and the body.
    Fault(&'static str, &'static str, &'static str),
    /// So many bytes.
    Large(usize),
}

const TYPED: &str = r#"{"kind":"NoMeter","message":"no meter"}"#;

/// Instances that answer each request on `subject` in this order, each as it says.
async fn instances(broker: &Broker, subject: &str, answers: Vec<Says>) {
    let client = broker.client().await;
    let mut requests = client.subscribe(subject.to_owned()).await.unwrap();
    raw::round_trip(&client).await;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            for says in &answers {
                answer(&client, request.reply.clone().unwrap(), says).await;
            }
        }
    });
}

async fn answer(client: &Client, inbox: async_nats::Subject, says: &Says) {
    let (headers, body) = match says {
        Says::Body(body) => (HeaderMap::new(), (*body).into()),
        Says::Large(bytes) => (HeaderMap::new(), vec![b'x'; *bytes].into()),
        Says::Fault(code, text, body) => {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Service-Error-Code", *code);
            headers.insert("Nats-Service-Error", *text);
            (headers, (*body).into())
        }
    };
    let sent = client.publish_with_headers(inbox, headers, body);
    sent.await.unwrap();
}

async fn first(
    broker: &Broker,
    subject: &str,
    answers: Vec<Says>,
) -> Result<u8, CallError<LoadError>> {
    let number = answers.len();
    instances(broker, subject, answers).await;
    let caller = Caller::new(broker.client().await);
    let call = caller.call::<_, u8, LoadError>(subject, ());
    let gather = call.gather().within(FOR_EVER).at_most(number);
    raw::soon(gather.first()).await.map(|answer| answer.value)
}

#[tokio::test]
async fn it_is_the_first_that_is_good() {
    let broker = Broker::start().await;
    let answers = vec![
        Says::Fault("503", "busy", ""),
        Says::Body("no number"),
        Says::Fault("500", "no meter", TYPED),
        Says::Body("7"),
        Says::Body("8"),
    ];
    assert_eq!(first(&broker, "load", answers).await, Ok(7));
}

#[tokio::test]
async fn of_errors_alone_it_is_the_one_that_tells_most() {
    let broker = Broker::start().await;
    let faults = [
        (Says::Body("no number"), None),
        (Says::Fault("503", "busy", ""), Some("busy (code 503)")),
        (Says::Fault("404", "gone", ""), Some("gone (code 404)")),
        (Says::Fault("500", "no meter", TYPED), Some("no meter")),
    ];
    // One more at a time, from both ends: it is the last of them each time.
    for number in 1..=faults.len() {
        let mut answers: Vec<_> = faults[..number].iter().map(|(says, _)| *says).collect();
        let expected = faults[number - 1].1;
        for turn in ["up", "down"] {
            let subject = format!("load.{number}.{turn}");
            let error = first(&broker, &subject, answers.clone()).await.unwrap_err();
            match expected {
                Some(text) => assert_eq!(error.to_string(), text),
                None => assert!(matches!(error, CallError::Decode { .. }), "{error}"),
            }
            answers.reverse();
        }
    }
    // Of two alike, the first.
    let alike = vec![Says::Fault("x", "odd", ""), Says::Fault("503", "busy", "")];
    let error = first(&broker, "alike", alike).await.unwrap_err();
    assert_eq!(error.to_string(), "odd (code 0)");
}

#[tokio::test]
async fn nobody_and_silence_are_told() {
    let broker = Broker::start().await;
    let caller = Caller::new(broker.client().await);
    let call = || caller.call::<_, u8, Error>("load", ()).timeout(FOR_EVER);
    let error = raw::soon(call().first()).await.unwrap_err();
    assert!(matches!(error, CallError::NoResponders { .. }), "{error}");

    instances(&broker, "load", vec![Says::Fault("409", "no", "")]).await;
    let gather = call().gather().silence(Duration::from_millis(50));
    let error = raw::soon(gather.first()).await.unwrap_err();
    assert_eq!(error.code(), Some(409));
    let gather = call().gather().within(Duration::from_millis(50));
    let error = raw::soon(gather.first()).await.unwrap_err();
    assert_eq!(error.code(), Some(409));
}

/// What is too large, or large and no good, ends nothing: it is not kept.
#[tokio::test]
async fn nothing_large_keeps_a_good_answer_away() {
    let broker = Broker::start().await;
    let mut answers = vec![Says::Large(100_000); 50];
    answers.extend([Says::Large(9_000); 50]);
    answers.extend([Says::Fault("404", "gone", ""); 50]);
    answers.push(Says::Body("7"));
    instances(&broker, "load", answers).await;
    let caller = Caller::new(broker.client().await);
    let call = caller.call::<_, u8, LoadError>("load", ());
    let gather = call.gather().within(FOR_EVER).at_most_bytes(20_000);
    let answer = raw::soon(gather.first()).await.unwrap();
    assert_eq!(answer.value, 7);

    instances(&broker, "large", vec![Says::Large(1_000)]).await;
    let call = caller.call::<_, u8, LoadError>("large", ());
    let gather = call.gather().within(FOR_EVER).at_most_bytes(1_000);
    let error = raw::soon(gather.first().at_most(1)).await.unwrap_err();
    assert!(matches!(error, CallError::ReplyTooLarge { .. }), "{error}");
}

/// Nobody has it: that is known some time after the last one has said so, and not at the very end.
#[tokio::test]
async fn what_nobody_has_does_not_take_the_whole_time() {
    let broker = Broker::start().await;
    instances(&broker, "load", vec![Says::Fault("404", "gone", ""); 3]).await;
    let caller = Caller::new(broker.client().await);
    let call = caller.call::<_, u8, LoadError>("load", ());
    let first = call.first().within(raw::PATIENCE + Duration::from_secs(1));
    let error = raw::soon(first).await.unwrap_err();
    assert_eq!(error.code(), Some(404));
}

/// It neither waits for the others nor stays subscribed for them.
#[tokio::test]
async fn the_others_are_dropped() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("load").await.unwrap();
    raw::round_trip(&service).await;
    let caller = Caller::new(broker.client().await);
    let call = caller.call::<_, u8, Error>("load", ()).timeout(FOR_EVER);
    let answer = async {
        let inbox = requests.next().await.unwrap().reply.unwrap();
        for body in ["x", "1", "2"] {
            service.publish(inbox.clone(), body.into()).await.unwrap();
        }
        inbox
    };
    let (first, inbox) = raw::soon(async { tokio::join!(call.first(), answer) }).await;
    assert_eq!(first.unwrap().value, 1);
    raw::until("nobody who listens", async || {
        let late = async_nats::Request::new()
            .payload("late".into())
            .timeout(Some(Duration::from_millis(20)));
        let late = service.send_request(inbox.clone(), late).await;
        late.is_err_and(|error| error.kind() == async_nats::RequestErrorKind::NoResponders)
    })
    .await;
}

/// Row 16. The sleeper sleeps until the test is over: whoever waited for it would wait for ever.
#[tokio::test]
async fn a_hedge_never_waits_for_the_sleeper() {
    const CALLS: usize = 500;
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let slept = Arc::new(AtomicUsize::new(0));
    let mut services = Vec::new();
    for number in 0..5 {
        let (gate, slept) = (Arc::clone(&gate), Arc::clone(&slept));
        let service = ServiceBuilder::new("load", "1.0.0")
            .queue_group(format!("q-{number}"))
            .concurrency(CALLS)
            .endpoint("load", move |_: Request| {
                let (gate, slept) = (Arc::clone(&gate), Arc::clone(&slept));
                async move {
                    if number == 0 {
                        slept.fetch_add(1, Ordering::Relaxed);
                        let _awake = gate.acquire().await;
                    }
                    micro::Json(number)
                }
            })
            .start(&broker.client().await)
            .await
            .unwrap();
        services.push(service);
    }
    let caller = Caller::new(broker.client().await);
    let mut seen = HashSet::new();
    for _ in 0..CALLS {
        let call = caller.call::<_, u8, Error>("load", ()).timeout(FOR_EVER);
        let answer = raw::soon(call.first()).await.unwrap();
        assert_ne!(answer.value, 0);
        seen.insert(answer.instance.unwrap());
    }
    assert!(!seen.contains(services[0].id()));
    // Each call was made to it as well, and it has answered none.
    raw::until("every call at the sleeper", async || {
        slept.load(Ordering::Relaxed) == CALLS
    })
    .await;
    assert_eq!(services[0].stats().endpoints[0].num_requests, 0);
    gate.close();
}
