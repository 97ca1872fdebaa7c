//! Our discovery reads the documents of services in other languages.

use std::collections::{BTreeMap, HashSet};

use async_nats::service::ServiceExt as _;
use micro::{Bytes, Discovery, EndpointStats, Error, Stats};
use serde_json::json;

use crate::broker::Broker;
use crate::peer::{self, Language};
use crate::{calc, raw};

/// Ours, waiting for `expected` answers.
async fn discovery(broker: &Broker, expected: usize) -> Discovery {
    let discovery = Discovery::new(broker.client().await);
    discovery.at_most(expected).within(raw::PATIENCE)
}

fn endpoint<'a>(stats: &'a Stats, name: &str) -> &'a EndpointStats {
    stats.endpoints.iter().find(|e| e.name == name).unwrap()
}

#[tokio::test]
async fn what_they_serve_is_found() {
    let broker = Broker::start().await;
    for language in Language::all() {
        let mut peer = language.start(&broker).await;
        let id = peer.tell("serve", calc::contract()).await;
        let found = discovery(&broker, 1).await.of("calc");
        let found = found.info().await.unwrap();
        let [info] = &found.into_documents()[..] else {
            panic!("{language}: not one");
        };
        assert_eq!((info.name.as_str(), json!(info.id)), ("calc", id));
        assert_eq!(info.version, "1.2.3");
        assert_eq!(info.description, "Arithmetic, in any language.");
        assert_eq!(
            info.metadata,
            BTreeMap::from([("team".into(), "core".into())])
        );
        let endpoints: Vec<_> = info
            .endpoints
            .iter()
            .map(|e| {
                (
                    &e.name[..],
                    &e.subject[..],
                    &e.queue_group[..],
                    e.metadata.len(),
                )
            })
            .collect();
        assert_eq!(
            endpoints,
            [
                ("add", "calc.add", "q", 0),
                ("divide", "calc.divide", "q", 0),
                ("root", "calc.root", "roots", 1),
                ("echo", "calc.echo", "q", 0),
            ],
            "{language}"
        );
        peer.tell("stop", json!({})).await;
    }
}

#[tokio::test]
async fn what_they_have_counted_is_found() {
    let broker = Broker::start().await;
    let caller = calc::caller(&broker).await;
    for language in Language::all() {
        for data in [false, true] {
            let mut peer = language.start(&broker).await;
            let endpoints = [json!({"name": "echo"}), json!({"name": "crashed"})];
            let what = json!({"name": "counts", "data": data, "endpoints": endpoints});
            peer.tell("serve", what).await;
            let discovery = discovery(&broker, 1).await.of("counts");
            for expected in [0, 3] {
                let found = discovery.stats().await.unwrap();
                assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
                let stats = &found.seen[0].document;
                assert!(stats.started.ends_with('Z'), "{}", stats.started);
                let [echo, crashed] = [endpoint(stats, "echo"), endpoint(stats, "crashed")];
                assert_eq!((echo.num_requests, echo.num_errors), (expected, 0));
                assert_eq!(
                    (crashed.num_requests, crashed.num_errors),
                    (expected, expected)
                );
                assert_eq!(
                    crashed.last_error.contains("boom"),
                    expected > 0,
                    "{language}"
                );
                assert_eq!(echo.data, data.then(|| json!({"endpoint": "echo"})));
                for _ in expected..3 {
                    let echoed = caller.call::<_, Bytes, Error>("echo", Bytes::from("x"));
                    assert_eq!(echoed.await.unwrap(), "x");
                    let crash = caller.call::<_, Bytes, Error>("crashed", ());
                    crash.await.unwrap_err();
                }
            }
            peer.tell("stop", json!({})).await;
        }
    }
}

/// JavaScript divides the times of an endpoint that is read as an iterator, and Go's tool refuses
/// what comes of it.
#[tokio::test]
async fn a_fraction_of_a_nanosecond_hides_no_service() {
    let broker = Broker::start().await;
    let peers = peer::each(&broker).await.into_iter();
    for mut peer in peers.filter(|peer| peer.language == Language::JavaScript) {
        let iterated = json!({"name": "echo", "iterator": true});
        let what = json!({"name": "iterated", "endpoints": [iterated]});
        peer.tell("serve", what).await;
        for _ in 0..3 {
            peer.request("echo", "x").await;
        }
        let found = discovery(&broker, 1).await.of("iterated");
        let found = found.stats().await.unwrap();
        assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
        let stats = &found.seen[0].document;
        assert_eq!(endpoint(stats, "echo").num_requests, 3);
        peer.tell("stop", json!({})).await;
    }
}

#[tokio::test]
async fn one_fleet_of_every_language_is_found() {
    let broker = Broker::start().await;
    let ours = calc::start(&broker).await;
    let client = broker.client().await;
    let service = client.service_builder().start("calc", "1.2.3").await;
    let rust = service.unwrap();
    let _add = rust.group("calc").endpoint("add").await.unwrap();
    raw::round_trip(&client).await;
    let mut expected = HashSet::from([ours.id().to_owned(), rust.info().await.id]);
    let mut peers = peer::each(&broker).await;
    for peer in &mut peers {
        // Nothing beyond what must be: JavaScript leaves the rest out, Python writes `null`.
        let endpoints = [json!({"name": "add", "group": "calc"})];
        let id = peer.tell("serve", json!({"name": "calc", "endpoints": endpoints}));
        expected.insert(id.await.as_str().unwrap().to_owned());
    }
    let all = discovery(&broker, expected.len()).await;
    let ping = all.ping().await.unwrap();
    let info = all.info().await.unwrap();
    let stats = all.stats().await.unwrap();
    let none: [&[micro::Unreadable]; 3] = [&[]; 3];
    assert_eq!(
        [&ping.unreadable[..], &info.unreadable, &stats.unreadable],
        none
    );
    let ids: [HashSet<String>; 3] = [
        ping.documents().map(|d| d.id.clone()).collect(),
        info.documents().map(|d| d.id.clone()).collect(),
        stats.documents().map(|d| d.id.clone()).collect(),
    ];
    assert_eq!(ids, [expected.clone(), expected.clone(), expected]);
    for info in info.documents() {
        let add = info.endpoints.iter().find(|e| e.name == "add");
        let add = add.or_else(|| info.endpoints.iter().find(|e| e.subject == "calc.add"));
        assert_eq!(add.unwrap().queue_group, "q");
    }
}
