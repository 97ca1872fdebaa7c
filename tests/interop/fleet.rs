//! One service, one subject and one queue group, served by every language and called from each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use micro::{Discovery, Error, Json, Request, RunningService, ServiceBuilder};
use serde_json::json;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::peer::{self, PATIENCE, Peer};
use crate::{calc, raw};

/// How many requests each kind of client makes.
const REQUESTS: u64 = 3_000;

/// How many of them are under way at once.
const AT_ONCE: usize = 32;

/// How many requests our member has served when it is asked to leave.
const ENOUGH: u64 = 200;

/// How often each answer came.
type Answers = BTreeMap<String, u64>;

/// Our member of the fleet, and a signal for when it has served enough.
async fn member(broker: &Broker) -> (RunningService, Arc<Notify>) {
    let served = Arc::new(AtomicU64::new(0));
    let enough = Arc::new(Notify::new());
    let signal = Arc::clone(&enough);
    let service = ServiceBuilder::new("fleet", "1.2.3")
        .endpoint("work", move |_: Request| {
            if served.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH {
                signal.notify_one();
            }
            async { Json("rust") }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    (service, enough)
}

/// The members in other languages.
async fn members(broker: &Broker) -> Vec<Peer> {
    let mut members = peer::each(broker).await;
    for member in &mut members {
        let work = json!({"name": "work", "handler": "whoami"});
        let what = json!({"name": "fleet", "endpoints": [work]});
        member.tell("serve", what).await;
    }
    members
}

/// What each kind of client was answered, ours first.
async fn flood(broker: &Broker) -> Vec<Answers> {
    let caller = calc::caller(broker).await;
    let ours = stream::iter(0..REQUESTS)
        .map(|_| caller.call::<_, String, Error>("work", ()).into_future())
        .buffer_unordered(AT_ONCE)
        .fold(Answers::new(), |mut answers, answer| async {
            let answer = answer.unwrap_or_else(|error| error.to_string());
            *answers.entry(answer).or_default() += 1;
            answers
        });
    let mut peers = peer::each(broker).await;
    let theirs = join_all(peers.iter_mut().map(async |peer| {
        let what = json!({"subject": "work", "count": REQUESTS, "at_once": AT_ONCE});
        let answers: BTreeMap<String, u64> =
            serde_json::from_value(peer.tell("flood", what).await).unwrap();
        // The bodies are JSON; an error is none, and stays as it is.
        let unquoted = answers.into_iter().map(|(answer, count)| {
            let value = serde_json::from_str(&answer).unwrap_or(answer);
            (value, count)
        });
        unquoted.collect::<Answers>()
    }));
    let (ours, mut all) = tokio::join!(ours, theirs);
    all.insert(0, ours);
    all
}

/// The sum over the clients, each of which was answered as often as it asked, by members alone.
fn total(answers: &[Answers], members: &[Peer]) -> Answers {
    let mut total = Answers::new();
    for client in answers {
        assert_eq!(client.values().sum::<u64>(), REQUESTS, "{client:?}");
        for (answer, count) in client {
            *total.entry(answer.clone()).or_default() += count;
        }
    }
    let mut expected: Vec<_> = members.iter().map(|m| m.language.to_string()).collect();
    expected.push("rust".to_owned());
    expected.sort();
    let who: Vec<_> = total.keys().cloned().collect();
    assert_eq!(who, expected, "each served, and nothing else was answered");
    total
}

/// What the members that are still there have counted, each for itself, in order.
async fn counted(broker: &Broker, members: usize) -> Vec<u64> {
    let discovery = Discovery::new(broker.client().await).of("fleet");
    let discovery = discovery.at_most(members).within(raw::PATIENCE);
    let found = discovery.stats().await.unwrap();
    assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
    let mut counted = Vec::new();
    for stats in found.documents() {
        let [work] = stats.endpoints.as_slice() else {
            panic!("{stats:?}");
        };
        assert_eq!(
            (work.name.as_str(), work.queue_group.as_str()),
            ("work", "q")
        );
        assert_eq!((work.num_errors, work.last_error.as_str()), (0, ""));
        counted.push(work.num_requests);
    }
    counted.sort_unstable();
    counted
}

fn sorted(counts: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_unstable();
    counts
}

#[tokio::test]
async fn every_request_is_answered_once_and_counted_once() {
    let broker = Broker::start().await;
    let members = members(&broker).await;
    let (_ours, _) = member(&broker).await;
    let answers = flood(&broker).await;
    let total = total(&answers, &members);
    let counted = counted(&broker, members.len() + 1).await;
    assert_eq!(counted, sorted(total.into_values()));
}

#[tokio::test]
async fn our_member_leaves_in_the_middle_and_loses_none() {
    let broker = Broker::start().await;
    let mut members = members(&broker).await;
    let (staying, _) = member(&broker).await;
    let (leaving, enough) = member(&broker).await;
    let leave = async {
        tokio::time::timeout(PATIENCE, enough.notified())
            .await
            .expect("our member has not served enough");
        leaving.stop().await
    };
    let (answers, report) = tokio::join!(flood(&broker), leave);
    assert!(report.abandoned.is_empty(), "{report:?}");
    let total = total(&answers, &members);
    let stayed = staying.endpoints()[0].stats().num_requests;
    let left = report.endpoints[0].num_requests;
    assert_eq!(total["rust"], stayed + left);
    assert!(left >= ENOUGH && stayed > left, "{left} and {stayed}");
    let counted = counted(&broker, members.len() + 1).await;
    assert_eq!(
        counted.iter().sum::<u64>() + left,
        total.values().sum::<u64>()
    );

    // Once the others leave too, nobody is there.
    staying.stop().await;
    for member in &mut members {
        member.tell("stop", json!({})).await;
    }
    for member in &mut members {
        let nobody = member.request_with(json!({"subject": "work"})).await;
        assert_eq!(nobody.unwrap_err(), "no responders");
    }
}
