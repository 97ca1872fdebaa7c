//! An instance that stays, and one over a slow network that leaves under load, again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use micro::{Connection, Request, RunningService, ServiceBuilder};

use crate::broker::Broker;
use crate::{Verdict, proxy, raw};

const RUNS: usize = 50;
/// Of each run; the instance leaves somewhere in the middle of them.
const REQUESTS: u64 = 5_000;
/// Each way, which is where a plain drain of async-nats loses hundreds.
const DELAY: Duration = Duration::from_millis(2);

pub(crate) async fn run(broker: &Broker) -> Vec<Verdict> {
    let slow = proxy::delayed(broker.url(), DELAY).await;
    let client = broker.client().await;
    let (mut sent, mut lost, mut longest) = (0, 0, Duration::ZERO);
    let mut served_twice = 0_i64;
    for _ in 0..RUNS {
        let served = Arc::new(AtomicU64::new(0));
        let stays = start(broker.url(), &served).await;
        let leaves = start(&slow, &served).await;
        let end = Arc::new(AtomicBool::new(false));
        let load = raw::load(&client, "work", &end);
        // Mid-stream: it has its share already, and more is on its way.
        let share = async || leaves.stats().endpoints[0].num_requests >= REQUESTS / 4;
        raw::until("its share of the requests", share).await;
        let stopping = Instant::now();
        assert!(leaves.stop().await.abandoned.is_empty());
        longest = longest.max(stopping.elapsed());
        raw::until("all requests", async || {
            served.load(Ordering::Relaxed) >= REQUESTS
        })
        .await;
        end.store(true, Ordering::Relaxed);
        let (asked, unanswered) = raw::all_of(load).await;
        sent += asked;
        lost += unanswered;
        stays.stop().await;
        served_twice +=
            i64::try_from(served.load(Ordering::Relaxed)).unwrap() - i64::try_from(asked).unwrap();
    }
    vec![(
        format!(
            "{RUNS} instances left in the middle of {sent} requests, {lost} had no reply, \
             {served_twice} were served twice, the longest stop took {longest:.0?}"
        ),
        lost == 0 && served_twice == 0,
    )]
}

async fn start(url: &str, served: &Arc<AtomicU64>) -> RunningService {
    let served = Arc::clone(served);
    ServiceBuilder::new("leaving", "1.0.0")
        .endpoint("work", move |_: Request| {
            served.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::task::yield_now().await;
                "ok"
            }
        })
        .start(&Connection::connect(url).await.unwrap())
        .await
        .unwrap()
}
