//! Counters that can be trusted: exact under load, whatever becomes of the requests, and whoever
//! sets them back meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::StreamExt as _;
use micro::{EndpointStats, Error, Reply, Request, RunningService, ServiceBuilder};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::broker::Broker;
use crate::raw;

const CALLERS: usize = 64;

/// Requests of each caller: fewer on the dev server, which shares the process.
fn requests() -> usize {
    if std::env::var_os("MICRO_TEST_NATS_SERVER").is_some() {
        2_000
    } else {
        500
    }
}

/// How handlers say that they have been at work, in nanoseconds.
type Spent = Arc<AtomicU64>;

/// Adds the time from its making to its end to what was spent, however it ends.
struct Watch(Spent, Instant);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.fetch_add(nanos(self.1.elapsed()), Ordering::Relaxed);
    }
}

fn watch(spent: &Spent) -> Watch {
    Watch(Arc::clone(spent), Instant::now())
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap()
}

/// What a request comes to: the endpoint, the body, and the code that the caller gets.
#[derive(Clone, Copy)]
struct Kind {
    subject: &'static str,
    body: &'static str,
    code: Option<u16>,
}

const fn kind(subject: &'static str, body: &'static str, code: Option<u16>) -> Kind {
    Kind {
        subject,
        body,
        code,
    }
}

const VALUE: Kind = kind("mixed", "1", None);
const TEAPOT: Kind = kind("mixed", "418", Some(418));
const NOT_DECODED: Kind = kind("mixed", "x", Some(400));
const PANIC: Kind = kind("mixed", "500", Some(500));
const LARGE: Kind = kind("mixed", "413", Some(413));
const LATE: Kind = kind("mixed", "504", Some(504));
const REFUSED: Kind = kind("full", "", Some(503));

/// The kind of the request `number` of a caller: a known mix.
fn kind_of(number: usize) -> Kind {
    match number % 100 {
        // Each is printed.
        0 if number < 500 => PANIC,
        1 => LATE,
        // Two megabytes each.
        2 if number < 100 => LARGE,
        3..=9 => NOT_DECODED,
        10..=19 => TEAPOT,
        20..=29 => REFUSED,
        _ => VALUE,
    }
}

struct Mixed {
    service: RunningService,
    /// Within handlers of `mixed`.
    spent: Spent,
    /// Lets the request go that fills `full`.
    gate: Arc<Semaphore>,
    /// Tells that it is there.
    filled: Arc<Semaphore>,
}

async fn start(broker: &Broker) -> Mixed {
    let spent = Spent::default();
    let gate = Arc::new(Semaphore::new(0));
    let filled = Arc::new(Semaphore::new(0));
    let (seen, held) = (Arc::clone(&spent), Arc::clone(&gate));
    let entered = Arc::clone(&filled);
    let service = ServiceBuilder::new("counters", "1.0.0")
        .endpoint_with(
            "mixed",
            move |request: Request| {
                let spent = Arc::clone(&seen);
                async move {
                    let _watch = watch(&spent);
                    match request.json::<u16>()? {
                        418 => Err(Error::new(418, "a teapot")),
                        500 => panic!("as it was asked to"),
                        413 => Ok("x".repeat(2 * 1024 * 1024)),
                        504 => std::future::pending().await,
                        _ => Ok("value".to_owned()),
                    }
                }
            },
            |endpoint| {
                // Whoever is done when first asked is never late.
                let endpoint = endpoint.timeout(Duration::from_millis(5));
                endpoint.concurrency(CALLERS).pending(CALLERS)
            },
        )
        .endpoint_with(
            "full",
            move |_: Request| {
                let held = Arc::clone(&held);
                entered.add_permits(1);
                async move { held.acquire().await.unwrap().forget() }
            },
            |endpoint| endpoint.concurrency(1).pending(0),
        )
        .endpoint_with("silent", async |_: Request| Reply::silence(), plenty)
        .endpoint_with("unheard", async |_: Request| "reply", plenty)
        .start(&broker.client().await)
        .await
        .unwrap();
    Mixed {
        service,
        spent,
        gate,
        filled,
    }
}

/// Room for requests that nobody waits for.
fn plenty(endpoint: micro::EndpointOptions) -> micro::EndpointOptions {
    endpoint.pending(2 * CALLERS * requests())
}

/// Requests of the known mix. How long the callers of `mixed` waited, in all.
async fn load(client: &Client) -> u64 {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let client = client.clone();
        callers.spawn(async move {
            let mut waited = 0;
            for number in 0..requests() {
                let Kind {
                    subject,
                    body,
                    code,
                } = kind_of(number);
                let asked = Instant::now();
                let reply = raw::request(&client, subject, body).await;
                let answered = asked.elapsed();
                assert_eq!(raw::error_of(&reply).map(|(code, _)| code), code);
                if subject == "mixed" {
                    waited += nanos(answered);
                }
                if number % 100 == 50 {
                    client.publish("unheard", "".into()).await.unwrap();
                    let nobody = client.new_inbox();
                    let ask = client.publish_with_reply("silent", nobody, "".into());
                    ask.await.unwrap();
                }
            }
            waited
        });
    }
    callers.join_all().await.into_iter().sum()
}

/// How many requests of all callers are so.
fn count(is_so: impl Fn(&Kind) -> bool) -> u64 {
    let kinds = (0..requests()).map(kind_of);
    (CALLERS * kinds.filter(is_so).count()) as u64
}

/// An entry of STATS as the service itself has it.
fn entry(stats: &[EndpointStats], name: &str) -> EndpointStats {
    let found = stats.iter().find(|endpoint| endpoint.name == name);
    found.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_outcome_is_counted_once_and_its_time_with_it() {
    let broker = Broker::start().await;
    let Mixed {
        service,
        spent,
        gate,
        filled,
    } = start(&broker).await;
    let client = broker.client().await;
    let inbox = client.new_inbox();
    let mut fills = client.subscribe(inbox.clone()).await.unwrap();
    client
        .publish_with_reply("full", inbox, "".into())
        .await
        .unwrap();
    raw::soon(filled.acquire()).await.unwrap().forget();
    let began = Instant::now();
    let waited = load(&client).await;
    let of_each = count(|_| true) / 100;
    raw::until("all counted", async || {
        let stats = service.stats().endpoints;
        ["silent", "unheard"].map(|name| entry(&stats, name).num_requests) == [of_each; 2]
    })
    .await;
    // The last error is known: nothing else is under way.
    let asked = Instant::now();
    raw::request(&client, "mixed", "418").await;
    let waited = waited + nanos(asked.elapsed());

    let over_the_wire = raw::stats(&client, "counters", service.id()).await;
    let stats = service.stats();
    let written: Vec<Value> = stats
        .endpoints
        .iter()
        .map(|endpoint| serde_json::to_value(endpoint).unwrap())
        .collect();
    assert_eq!(over_the_wire["endpoints"], Value::Array(written));

    let mixed = entry(&stats.endpoints, "mixed");
    assert_eq!(
        mixed.num_requests,
        count(|kind| kind.subject == "mixed") + 1
    );
    let errors = count(|kind| kind.subject == "mixed" && kind.code.is_some());
    assert_eq!(mixed.num_errors, errors + 1);
    assert_eq!(mixed.last_error, "418:a teapot");
    // Each handler ran within its request, and the watch within the handler.
    let spent = spent.load(Ordering::Relaxed);
    let time = mixed.processing_time;
    assert!(spent <= time && time <= waited, "{spent} {time} {waited}");
    assert_eq!(mixed.average_processing_time, time / mixed.num_requests);

    let full = entry(&stats.endpoints, "full");
    let refused = count(|kind| kind.code == Some(503));
    assert_eq!((full.num_requests, full.num_errors), (refused, refused));
    assert_eq!(
        full.last_error,
        "503:endpoint `full` is at its limits, try again later"
    );
    assert_eq!((full.processing_time, full.average_processing_time), (0, 0));

    let silent = entry(&stats.endpoints, "silent");
    assert_eq!((silent.num_errors, silent.last_error.as_str()), (0, ""));
    let unheard = entry(&stats.endpoints, "unheard");
    assert_eq!(unheard.num_errors, of_each);
    assert_eq!(
        unheard.last_error,
        "the request has no reply subject, its reply was dropped"
    );

    let held = nanos(began.elapsed());
    gate.add_permits(1);
    raw::soon(fills.next()).await.unwrap();
    let report = service.stop().await;
    for before in &stats.endpoints {
        let after = entry(&report.endpoints, &before.name);
        if after.name == "full" {
            // The one that filled it has been served.
            assert_eq!(after.num_requests, refused + 1);
            assert!(after.processing_time >= held, "{held}");
        } else {
            assert_eq!(&after, before);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_resets_return_adds_up_to_all_that_there_was() {
    let broker = Broker::start().await;
    let spent = Spent::default();
    let seen = Arc::clone(&spent);
    let service = ServiceBuilder::new("counters", "1.0.0")
        .endpoint_with(
            "half",
            move |request: Request| {
                let _watch = watch(&seen);
                let good = request.payload() == "1";
                std::future::ready(if good {
                    Ok("good")
                } else {
                    Err(Error::new(418, "bad"))
                })
            },
            |endpoint| endpoint.concurrency(CALLERS),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let began = service.stats().started;
    let done = Arc::new(AtomicBool::new(false));
    let resetting = std::thread::spawn({
        let (service, done) = (service.clone(), Arc::clone(&done));
        move || {
            let mut taken = Vec::new();
            while !done.load(Ordering::Relaxed) {
                taken.push(service.reset());
                std::thread::sleep(Duration::from_micros(200));
            }
            taken
        }
    });
    let client = broker.client().await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let client = client.clone();
        callers.spawn(async move {
            let mut waited = 0;
            for number in 0..requests() / 2 {
                let asked = Instant::now();
                let body = if number % 2 == 0 { "1" } else { "0" };
                raw::request(&client, "half", body).await;
                waited += nanos(asked.elapsed());
            }
            waited
        });
    }
    let waited: u64 = callers.join_all().await.into_iter().sum();
    done.store(true, Ordering::Relaxed);
    let mut taken = tokio::task::spawn_blocking(|| resetting.join().unwrap())
        .await
        .unwrap();
    taken.push(service.reset());

    let sum = |of: fn(&EndpointStats) -> u64| -> u64 {
        taken.iter().map(|stats| of(&stats.endpoints[0])).sum()
    };
    let total = (CALLERS * (requests() / 2)) as u64;
    assert_eq!(sum(|endpoint| endpoint.num_requests), total);
    assert_eq!(sum(|endpoint| endpoint.num_errors), total / 2);
    let (time, spent) = (sum(|e| e.processing_time), spent.load(Ordering::Relaxed));
    assert!(spent <= time && time <= waited, "{spent} {time} {waited}");
    // Each begins where the one before ended.
    assert_eq!(taken[0].started, began);
    assert!(taken.is_sorted_by(|one, next| one.started <= next.started));
    let busy = taken
        .iter()
        .filter(|stats| stats.endpoints[0].num_requests > 0);
    assert!(busy.count() > 2, "of {}", taken.len());
    for stats in &taken {
        let EndpointStats {
            num_errors,
            last_error,
            ..
        } = &stats.endpoints[0];
        assert_eq!(*num_errors > 0, last_error == "418:bad", "{stats:?}");
    }
    let rest = service.stats().endpoints;
    assert_eq!((rest[0].num_requests, rest[0].processing_time), (0, 0));
}
