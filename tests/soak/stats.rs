//! STATS while an instance serves 10,000 requests a second: at once, and exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use crate::broker::Broker;
use crate::instance::Instance;
use crate::{Verdict, raw};

const RATE: u32 = 10_000;
const LASTS: Duration = Duration::from_secs(30);
/// Requests that are sent at once, so that the clock is not what bounds the rate.
const AT_ONCE: u32 = 10;
const WITHIN: Duration = Duration::from_millis(100);

pub(crate) async fn run(broker: &Broker) -> Vec<Verdict> {
    let instance = Instance::start(broker.url()).await;
    let end = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask(broker.client().await, Arc::clone(&end)));
    let began = Instant::now();
    let Answers {
        sent,
        answered,
        refused,
    } = load(&broker.client().await).await;
    let took = began.elapsed();
    end.store(true, Ordering::Relaxed);
    let Asked {
        mut times,
        backwards,
    } = asking.await.unwrap();
    times.sort();
    let share = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let last = other(&raw::json(
        &raw::request(&broker.client().await, "$SRV.STATS.soaked", "").await,
    ));
    let rate = f64::from(sent) / took.as_secs_f64();
    let counted = (requests(&last), last["num_errors"].as_u64().unwrap());
    vec![
        (
            format!(
                "{sent} requests in {took:.1?}, {rate:.0} a second, {answered} answered, {refused} of them as over the limits; STATS \
                 {} times, half within {:.1?}, 99 of 100 within {:.1?}, the slowest in {:.1?} of {WITHIN:?}",
                times.len(),
                share(50),
                share(99),
                share(100),
            ),
            answered == sent && rate >= 0.95 * f64::from(RATE) && share(100) <= WITHIN,
        ),
        (
            format!(
                "{} requests and {} errors counted of {sent}, {backwards} times fewer than before",
                counted.0, counted.1
            ),
            counted == (u64::from(sent), u64::from(refused)) && backwards == 0,
        ),
        (
            "the instance stops with code 0".to_owned(),
            instance.terminate().await == Some(0),
        ),
    ]
}

/// How long STATS took, and how often it had counted fewer requests than before.
struct Asked {
    times: Vec<Duration>,
    backwards: usize,
}

async fn ask(client: Client, end: Arc<AtomicBool>) -> Asked {
    let (mut times, mut backwards, mut before) = (Vec::new(), 0, 0);
    while !end.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let stats = raw::request(&client, "$SRV.STATS.soaked", "").await;
        times.push(asked.elapsed());
        let now = requests(&other(&raw::json(&stats)));
        backwards += usize::from(now < before);
        before = now;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Asked { times, backwards }
}

fn other(stats: &Value) -> Value {
    let endpoints = stats["endpoints"].as_array().unwrap();
    let found = endpoints.iter().find(|e| e["name"] == "other");
    found.unwrap().clone()
}

fn requests(endpoint: &Value) -> u64 {
    endpoint["num_requests"].as_u64().unwrap()
}

/// What became of requests. A machine that is busy with other things lets some of them pile up past
/// the limits of the endpoint; they are answered and counted, too.
struct Answers {
    sent: u32,
    answered: u32,
    refused: u32,
}

/// Requests at a steady rate.
async fn load(client: &Client) -> Answers {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    let sent = RATE * u32::try_from(LASTS.as_secs()).unwrap();
    let sender = client.clone();
    let sending = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_secs(1) * AT_ONCE / RATE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for number in 0..sent {
            if number % AT_ONCE == 0 {
                pace.tick().await;
            }
            let reply = inbox.clone();
            sender
                .publish_with_reply("other", reply, "".into())
                .await
                .unwrap();
        }
    });
    let (mut answered, mut refused) = (0, 0);
    let reading = async {
        while answered < sent {
            let reply = replies.next().await.unwrap();
            answered += 1;
            refused += u32::from(raw::error_of(&reply).is_some());
        }
    };
    let _ = tokio::time::timeout(LASTS + raw::PATIENCE, reading).await;
    sending.await.unwrap();
    Answers {
        sent,
        answered,
        refused,
    }
}
