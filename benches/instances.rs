//! How much more a service does with more instances: `cargo bench --bench instances`.
//!
//! A handler that waits 5 ms, one at a time, bounds an instance to some 160 requests a second and
//! costs next to no CPU, so what is measured is how requests are shared. The rounds are interleaved:
//! whatever else the machine does concerns all of them alike. It prints, and judges nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has failed"
)]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/support/broker.rs"]
mod broker;

use std::time::{Duration, Instant};

use broker::Broker;
use micro::{Request, ServiceBuilder};
use tokio::task::JoinSet;

const INSTANCES: [usize; 3] = [1, 2, 4];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(400);
const WORK: Duration = Duration::from_millis(5);
/// Enough that an instance that has got fewer of them by chance is not without work.
const CALLERS: usize = 64;

/// Requests a second, and the share that each instance had, by its own counters.
struct Measured {
    rate: f64,
    served: Vec<u64>,
}

async fn measure(broker: &Broker, instances: usize) -> Measured {
    let mut services = Vec::new();
    for _ in 0..instances {
        let service = ServiceBuilder::new("worker", "1.0.0")
            .endpoint_with(
                "work",
                async |_: Request| tokio::time::sleep(WORK).await,
                |endpoint| endpoint.concurrency(1).pending(CALLERS),
            )
            .start(&broker.client().await)
            .await
            .unwrap();
        services.push(service);
    }
    let client = broker.client().await;
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let client = client.clone();
        callers.spawn(async move {
            let mut answered = 0_u32;
            loop {
                let reply = client.request("work", "".into()).await.unwrap();
                assert!(reply.headers.is_none(), "{:?}", reply.headers);
                if started.elapsed() > ROUND {
                    return answered;
                }
                answered += 1;
            }
        });
    }
    let answered: u32 = callers.join_all().await.iter().sum();
    let mut served = Vec::new();
    for service in &services {
        served.push(service.stats().endpoints[0].num_requests);
        service.stop().await;
    }
    Measured {
        rate: f64::from(answered) / ROUND.as_secs_f64(),
        served,
    }
}

#[tokio::main]
async fn main() {
    let broker = Broker::start().await;
    let mut rates = INSTANCES.map(|_| Vec::new());
    let mut served = INSTANCES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (place, instances) in INSTANCES.into_iter().enumerate() {
            let measured = measure(&broker, instances).await;
            rates[place].push(measured.rate);
            served[place] = measured.served;
        }
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let medians = rates.each_mut().map(median);
    for (place, instances) in INSTANCES.into_iter().enumerate() {
        println!(
            "{instances} instance(s): {:4.0} requests a second, {:.2} times one (median of {ROUNDS}); served by each in the last round: {:?}",
            medians[place],
            medians[place] / medians[0],
            served[place],
        );
    }
}
