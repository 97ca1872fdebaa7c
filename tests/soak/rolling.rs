//! Four instances, each terminated and replaced twice, while somebody calls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::broker::Broker;
use crate::instance::Instance;
use crate::{Verdict, raw};

const INSTANCES: usize = 4;
const REPLACED: usize = 2;
const LASTS: Duration = Duration::from_secs(30);
/// 500 a second.
const EVERY: Duration = Duration::from_millis(2);

pub(crate) async fn run(broker: &Broker) -> Vec<Verdict> {
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        instances.push(Instance::start(broker.url()).await);
    }
    let client = broker.client().await;
    let calling = tokio::spawn(async move {
        let mut pace = tokio::time::interval(EVERY);
        // What a busy machine missed is made up for.
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let begun = Instant::now();
        let mut calls = JoinSet::new();
        while begun.elapsed() < LASTS {
            pace.tick().await;
            let client = client.clone();
            calls.spawn(async move {
                let reply = raw::try_request(&client, "work", "").await;
                match reply {
                    Err(kind) => Some(format!("{kind:?}")),
                    Ok(reply) => raw::error_of(&reply).map(|error| format!("{error:?}")),
                }
            });
        }
        calls.join_all().await
    });
    let replacements = u32::try_from(INSTANCES * REPLACED).unwrap();
    let mut pace = tokio::time::interval(LASTS / (replacements + 1));
    pace.tick().await;
    let mut codes = Vec::new();
    // Round and round: the oldest goes first.
    for _ in 0..replacements {
        pace.tick().await;
        // Stopped first and then replaced, so that there is one less for a while.
        codes.push(instances.remove(0).terminate().await);
        instances.push(Instance::start(broker.url()).await);
    }
    let outcomes = calling.await.unwrap();
    let mut failures = BTreeMap::<String, usize>::new();
    for failure in outcomes.iter().flatten() {
        *failures.entry(failure.clone()).or_default() += 1;
    }
    let clean = codes.iter().all(|code| *code == Some(0));
    vec![
        (
            format!(
                "{} calls in {LASTS:?} while {} instances were replaced, failed: {failures:?}",
                outcomes.len(),
                codes.len()
            ),
            failures.is_empty(),
        ),
        (format!("exit codes {codes:?}"), clean),
    ]
}
