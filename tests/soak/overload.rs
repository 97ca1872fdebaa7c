//! Far more requests than an endpoint can serve: everybody gets an answer, and nothing else suffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::StreamExt as _;
use tokio::time::MissedTickBehavior;

use crate::broker::Broker;
use crate::instance::{Instance, WORK};
use crate::{Verdict, raw};

const LASTS: Duration = Duration::from_secs(30);
/// Without load, to compare with.
const CALM: Duration = Duration::from_secs(3);
/// How much more memory an instance may come to need: what waits is bounded by the limits of the
/// endpoint, and what has not been read yet by the 65,536 messages that the client keeps.
const MEMORY_KIB: u64 = 32 * 1024;
const DISCOVERY_WITHIN: Duration = Duration::from_millis(100);
/// What nine of ten requests to another endpoint may come to take.
const OTHER_WITHIN: Duration = Duration::from_millis(10);

pub(crate) async fn run(broker: &Broker) -> Vec<Verdict> {
    let capacity = u32::try_from(Duration::from_secs(1).as_millis() / WORK.as_millis()).unwrap();
    let mut verdicts = Vec::new();
    for rate in [10 * capacity, 20_000] {
        verdicts.extend(offer(broker, rate).await);
    }
    verdicts
}

async fn offer(broker: &Broker, rate: u32) -> Vec<Verdict> {
    let instance = Instance::start(broker.url()).await;
    let calm = Watched::during(broker, async || tokio::time::sleep(CALM).await).await;
    let (before, _) = instance.memory();
    let mut answers = None;
    let (client, dropped) = roomy(broker).await;
    let busy = Watched::during(broker, async || {
        answers = Some(flood(&client, rate).await);
    })
    .await;
    let delivered = raw::json(&raw::request(&client, "$SRV.STATS.soaked", "").await);
    let delivered = delivered["endpoints"][1]["num_requests"].as_u64().unwrap();
    let dropped = dropped.load(Ordering::Relaxed);
    let Answers {
        sent,
        served,
        refused,
        unanswered,
        twice,
    } = answers.unwrap();
    let (_, most) = instance.memory();
    let more = most.saturating_sub(before);
    vec![
        (
            format!(
                "{rate} a second for {LASTS:?}: {sent} sent, {served} served, {refused} refused, \
                 {unanswered} without an answer, {twice} with two; {delivered} had reached the instance, {dropped} replies were not read"
            ),
            unanswered == 0 && twice == 0 && served > 0 && refused > 0,
        ),
        (
            format!(
                "{rate} a second: memory {before} KiB before, {most} KiB at most, {more} more of {MEMORY_KIB}"
            ),
            more <= MEMORY_KIB,
        ),
        (
            format!(
                "{rate} a second: {} PINGs answered, the slowest in {:.1?} of {DISCOVERY_WITHIN:?} (calm: {:.1?})",
                busy.pings.len(),
                share(&busy.pings, 100),
                share(&calm.pings, 100),
            ),
            share(&busy.pings, 100) <= DISCOVERY_WITHIN,
        ),
        (
            format!(
                "{rate} a second: another endpoint answers within {:.1?} half the time, {:.1?} nine times in ten of {OTHER_WITHIN:?} (calm: {:.1?}, {:.1?})",
                share(&busy.others, 50),
                share(&busy.others, 90),
                share(&calm.others, 50),
                share(&calm.others, 90),
            ),
            share(&busy.others, 90) <= OTHER_WITHIN,
        ),
        (
            format!("{rate} a second: the instance stops with code 0"),
            instance.terminate().await == Some(0),
        ),
    ]
}

/// A client that keeps every reply until it is read, and counts those that it does not.
async fn roomy(broker: &Broker) -> (Client, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let options = async_nats::ConnectOptions::new()
        .subscription_capacity(1_000_000)
        .event_callback(move |event| {
            let slow = matches!(event, async_nats::Event::SlowConsumer(_));
            count.fetch_add(usize::from(slow), Ordering::Relaxed);
            async {}
        });
    (options.connect(broker.url()).await.unwrap(), dropped)
}

/// What became of requests.
struct Answers {
    sent: usize,
    served: usize,
    refused: usize,
    unanswered: usize,
    twice: usize,
}

/// Requests at a steady rate, whatever becomes of them.
async fn flood(client: &Client, rate: u32) -> Answers {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(format!("{inbox}.*")).await.unwrap();
    let per_tick = (rate / 200).max(1);
    let total = usize::try_from(rate).unwrap() * usize::try_from(LASTS.as_secs()).unwrap();
    let sender = client.clone();
    let sending = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_secs(1) * per_tick / rate);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for number in 0..total {
            if number % usize::try_from(per_tick).unwrap() == 0 {
                pace.tick().await;
            }
            let reply = format!("{inbox}.{number}");
            sender
                .publish_with_reply("serial", reply, "".into())
                .await
                .unwrap();
        }
    });
    let mut answers = Answers {
        sent: total,
        served: 0,
        refused: 0,
        unanswered: total,
        twice: 0,
    };
    let mut seen = vec![false; total];
    let reading = async {
        while answers.unanswered > 0 {
            let reply = replies.next().await.unwrap();
            let number: usize = reply.subject.rsplit('.').next().unwrap().parse().unwrap();
            if std::mem::replace(&mut seen[number], true) {
                answers.twice += 1;
                continue;
            }
            answers.unanswered -= 1;
            match raw::error_of(&reply) {
                None => answers.served += 1,
                Some((503, _)) => answers.refused += 1,
                Some(other) => panic!("{other:?}"),
            }
        }
    };
    let _ = tokio::time::timeout(LASTS + raw::PATIENCE, reading).await;
    sending.await.unwrap();
    answers
}

/// How long discovery and another endpoint took.
struct Watched {
    pings: Vec<Duration>,
    others: Vec<Duration>,
}

impl Watched {
    /// Asks again and again while something happens.
    async fn during(broker: &Broker, happens: impl AsyncFnOnce()) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ask = |client: Client, subject: &'static str, every: u64| {
            let end = Arc::clone(&end);
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !end.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    raw::request(&client, subject, "").await;
                    took.push(asked.elapsed());
                    tokio::time::sleep(Duration::from_millis(every)).await;
                }
                took.sort();
                took
            })
        };
        let pings = ask(broker.client().await, "$SRV.PING.soaked", 50);
        let others = ask(broker.client().await, "other", 10);
        happens().await;
        end.store(true, Ordering::Relaxed);
        Self {
            pings: pings.await.unwrap(),
            others: others.await.unwrap(),
        }
    }
}

/// What `percent` of a sorted list are within.
fn share(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
