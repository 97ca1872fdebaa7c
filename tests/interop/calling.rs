//! Our client calls services of other languages.

use std::collections::HashSet;

use async_nats::service::ServiceExt as _;
use futures_util::StreamExt as _;
use micro::{Bytes, CallError, Caller, Ended, Error};
use serde_json::json;

use crate::broker::Broker;
use crate::calc::{CalcClient, MathError, Pair, caller, contract};
use crate::peer::{Language, Peer};
use crate::raw;

/// A peer that serves `what`, with a broker of their own.
async fn serving(language: Language, what: serde_json::Value) -> (Broker, Peer) {
    let broker = Broker::start().await;
    let mut peer = language.start(&broker).await;
    peer.tell("serve", what).await;
    (broker, peer)
}

#[tokio::test]
async fn the_typed_client_reads_their_values_and_errors() {
    for language in Language::all() {
        let (broker, _peer) = serving(language, contract()).await;
        let calc = CalcClient::with(caller(&broker).await);
        let pair = |a: f64, b: f64| Pair { a, b };
        assert!((calc.add(&pair(1.5, 2.0)).await.unwrap() - 3.5).abs() < f64::EPSILON);
        assert!((calc.divide(&pair(1.0, 2.0)).await.unwrap() - 0.5).abs() < f64::EPSILON);
        let root = calc.root(&9.0).answer().await.unwrap();
        assert!((root.value - 3.0).abs() < f64::EPSILON);
        assert_eq!(root.instance, None, "they know nothing of instances");

        // An error of theirs is none of our type, whatever its code is.
        let error = calc.divide(&pair(1.0, 0.0)).await.unwrap_err();
        let CallError::Remote(remote) = &error else {
            panic!("{language}: {error:?}");
        };
        assert_eq!((error.code(), remote.code), (Some(400), 400));
        assert_eq!(remote.message, "cannot divide 1 by zero");
        assert_eq!(remote.body, "by hand");
        // One that is written as ours are is the variant.
        assert_eq!(
            calc.root(&-4.0).await.unwrap_err(),
            CallError::Service(MathError::Negative { value: -4.0 })
        );
        // What they do not serve has no responders.
        let nobody = calc.greet(&"ada".to_owned(), &None).await.unwrap_err();
        assert!(matches!(nobody, CallError::NoResponders { .. }), "{nobody}");
    }
}

#[tokio::test]
async fn bytes_and_headers_go_there_and_back() {
    for language in Language::all() {
        let (broker, _peer) = serving(language, contract()).await;
        let caller = caller(&broker).await;
        let calc = CalcClient::with(caller.clone());
        let every_byte: Bytes = (0..=255).collect::<Vec<u8>>().into();
        for body in [
            Bytes::new(),
            every_byte.clone(),
            vec![0xff; 1024 * 1024 - 1024].into(), // our headers count too
        ] {
            let back = calc.echo(&body).await.unwrap();
            assert!(back == body, "{language}: {} bytes", body.len());
        }
        let answer = caller
            .call::<_, Bytes, Error>("calc.echo", every_byte.clone())
            .header("X-Echo", "a: b")
            .answer()
            .await
            .unwrap();
        assert_eq!(answer.headers.get("X-Echo"), Some("a: b"));
        assert_eq!(answer.value, every_byte);
    }
}

#[tokio::test]
async fn every_form_of_their_errors_arrives() {
    let forms = ["raised", "crashed", "newline", "nothing", "odd"];
    for language in Language::all() {
        let endpoints = forms.map(|name| json!({"name": name}));
        let what = json!({"name": "forms", "endpoints": endpoints});
        let (broker, _peer) = serving(language, what).await;
        let caller = caller(&broker).await;
        for form in forms {
            let call = caller.call::<_, String, MathError>(form, ());
            let error = call.await.unwrap_err();
            let CallError::Remote(remote) = error else {
                panic!("{language}, {form}: {error:?}");
            };
            let seen = (remote.code, remote.message.as_str());
            match (form, language) {
                ("raised", _) => assert_eq!(seen, (409, "conflict")),
                ("crashed", Language::Python) => {
                    assert_eq!(seen, (500, "RuntimeError('boom')"));
                }
                ("crashed", Language::JavaScript) => assert_eq!(seen, (500, "boom")),
                ("newline", Language::Python) => assert_eq!(seen, (418, "tea  pot")),
                // It refuses to send it, and answers that instead.
                ("newline", Language::JavaScript) => assert_eq!(seen.0, 500),
                ("nothing", _) => assert_eq!(seen, (0, "unspecified error")),
                ("odd", _) => assert_eq!(seen, (0, "odd")),
                _ => unreachable!("{form}"),
            }
        }
    }
}

#[tokio::test]
async fn a_gather_has_the_replies_of_every_language() {
    let broker = Broker::start().await;
    let service = crate::calc::start(&broker).await;
    let mut expected = HashSet::from(["rust".to_owned()]);
    let mut peers = crate::peer::each(&broker).await;
    for peer in &mut peers {
        let language = peer.language.to_string();
        let what = json!({"name": "calc", "queue_group": language,
            "endpoints": [{"name": "whoami", "group": "calc"}]});
        peer.tell("serve", what).await;
        expected.insert(language);
    }
    let calc = CalcClient::with(caller(&broker).await);
    let gather = calc.whoami().gather().at_most(expected.len());
    let gathered = gather.await.unwrap();
    assert_eq!(
        (gathered.ended, gathered.failures.len()),
        (Ended::AtMost, 0)
    );
    for answer in &gathered.answers {
        let ours = answer.value == "rust";
        let instance = ours.then(|| service.id());
        assert_eq!(answer.instance.as_deref(), instance, "{}", answer.value);
    }
    let seen: HashSet<_> = gathered.into_values().into_iter().collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn services_of_async_nats_are_called() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = client.service_builder().start("calc", "1.2.3").await;
    let service = service.unwrap();
    let mut divide = service.group("calc").endpoint("divide").await.unwrap();
    raw::round_trip(&client).await;
    let answering = async {
        for _ in 0..2 {
            let request = divide.next().await.unwrap();
            let pair: Pair = serde_json::from_slice(&request.message.payload).unwrap();
            let answer = if pair.b == 0.0 {
                Err(async_nats::service::error::Error {
                    status: "no".into(),
                    code: 400,
                })
            } else {
                Ok(format!("{}", pair.a / pair.b).into())
            };
            request.respond(answer).await.unwrap();
        }
    };
    let calc = CalcClient::with(Caller::new(broker.client().await).timeout(raw::PATIENCE));
    let calling = async {
        let half = calc.divide(&Pair { a: 1.0, b: 2.0 }).await.unwrap();
        assert!((half - 0.5).abs() < f64::EPSILON);
        let error = calc.divide(&Pair { a: 1.0, b: 0.0 }).await.unwrap_err();
        assert!(matches!(error, CallError::Remote(_)), "{error:?}");
        assert_eq!(error.to_string(), "no (code 400)");
    };
    tokio::join!(answering, calling);
}
