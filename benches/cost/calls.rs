//! The other side: a process that makes calls, by a generated client or by the raw one, and the side
//! that answers them, which speaks the bare protocol so that it is never what is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cpu;
use crate::load::{LatencyUs, Measured};
use crate::peers::Peer;
use crate::service::{Operands, OursClient, READY};
use crate::wire::{Connection, Event, PONG};

/// The subject of `Ours::add`.
const SUBJECT: &str = "ours.add";
/// What it answers to one and two.
const SUM: &str = "3.0";

/// Who calls, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Calls {
    pub(crate) peer: Peer,
    pub(crate) url: String,
    pub(crate) outstanding: u32,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    /// The process that answers.
    pub(crate) answers: Vec<u32>,
    pub(crate) broker: Vec<u32>,
}

/// Answers every call, as fast as it can, until the process ends.
pub(crate) fn answer(url: &str) -> std::io::Result<()> {
    let (mut connection, _) = Connection::open(url)?;
    connection.write(format!("SUB {SUBJECT} q 1\r\nPING\r\n").as_bytes())?;
    let mut out = Vec::new();
    let mut is_ready = false;
    loop {
        connection.read(|event| match event {
            Event::Ping => out.extend_from_slice(PONG),
            Event::Pong => {
                // The server has read the subscription before it answers.
                if !std::mem::replace(&mut is_ready, true) {
                    println!("{READY}");
                }
            }
            Event::Reply(call) => {
                if let Some(reply_to) = call.answer_to {
                    out.extend_from_slice(b"PUB ");
                    out.extend_from_slice(reply_to);
                    out.extend_from_slice(format!(" {}\r\n{SUM}\r\n", SUM.len()).as_bytes());
                }
            }
        })?;
        connection.write(&out)?;
        out.clear();
    }
}

/// Makes the calls and prints what was seen.
pub(crate) fn run(calls: &Calls) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let measured = runtime.block_on(async {
        match calls.peer {
            Peer::Ours => {
                let connection = micro::Connection::connect(calls.url.as_str()).await;
                repeat(calls, OursClient::new(connection.unwrap())).await
            }
            Peer::Raw => {
                let client = async_nats::connect(&calls.url).await;
                repeat(calls, client.unwrap()).await
            }
            other => unreachable!("{other:?} makes no calls"),
        }
    });
    println!("{}", serde_json::to_string(&measured).unwrap());
}

/// What makes calls.
trait Add: Clone + Send + Sync + 'static {
    fn add(&self, operands: Operands) -> impl Future<Output = Result<f64, String>> + Send;
}

impl Add for OursClient {
    async fn add(&self, operands: Operands) -> Result<f64, String> {
        let sum = OursClient::add(self, &operands).await;
        sum.map_err(|error| error.to_string())
    }
}

impl Add for async_nats::Client {
    async fn add(&self, operands: Operands) -> Result<f64, String> {
        let body = serde_json::to_vec(&operands).map_err(|error| error.to_string())?;
        let reply = self.request(SUBJECT, body.into()).await;
        let reply = reply.map_err(|error| error.to_string())?;
        serde_json::from_slice(&reply.payload).map_err(|error| error.to_string())
    }
}

/// Makes one call after the other: the latencies, and what was wrong first.
async fn one_at_a_time(caller: impl Add, shared: Arc<Shared>) -> (Vec<Duration>, Option<String>) {
    let (mut latencies, mut failure) = (Vec::new(), None);
    while !shared.ended.load(Ordering::Relaxed) {
        let started = Instant::now();
        let sum = caller.add(Operands { a: 1.0, b: 2.0 }).await;
        if sum != Ok(3.0) {
            shared.failures.fetch_add(1, Ordering::Relaxed);
            failure.get_or_insert_with(|| format!("a wrong reply: {sum:?}"));
        }
        shared.calls.fetch_add(1, Ordering::Relaxed);
        if shared.measuring.load(Ordering::Relaxed) {
            latencies.push(started.elapsed());
        }
    }
    (latencies, failure)
}

/// What the tasks share that call.
#[derive(Default)]
struct Shared {
    calls: AtomicU64,
    failures: AtomicU64,
    measuring: AtomicBool,
    ended: AtomicBool,
}

/// A moment, and the CPU time until then.
struct Mark {
    at: Instant,
    calls: u64,
    used_ns: [Option<u64>; 3],
}

impl Mark {
    fn new(calls: &Calls, shared: &Shared) -> Self {
        let own = [std::process::id()];
        Self {
            at: Instant::now(),
            calls: shared.calls.load(Ordering::Relaxed),
            used_ns: [&own[..], &calls.broker, &calls.answers].map(cpu::used_ns),
        }
    }
}

async fn repeat(calls: &Calls, caller: impl Add) -> Measured {
    let shared = Arc::new(Shared::default());
    let tasks: Vec<_> = (0..calls.outstanding)
        .map(|_| tokio::spawn(one_at_a_time(caller.clone(), Arc::clone(&shared))))
        .collect();
    tokio::time::sleep(calls.warm_up).await;
    let start = Mark::new(calls, &shared);
    shared.measuring.store(true, Ordering::Relaxed);
    tokio::time::sleep(calls.measure).await;
    shared.measuring.store(false, Ordering::Relaxed);
    let end = Mark::new(calls, &shared);
    shared.ended.store(true, Ordering::Relaxed);
    let (mut latencies, mut first_failure) = (Vec::new(), None);
    for task in tasks {
        let (seen, failure) = task.await.unwrap();
        latencies.extend(seen);
        first_failure = first_failure.or(failure);
    }
    let requests = end.calls - start.calls;
    let each = |whose: usize| {
        let used_ns = end.used_ns[whose]?.saturating_sub(start.used_ns[whose]?);
        Some(used_ns as f64 / 1e3 / requests as f64)
    };
    Measured {
        requests,
        seconds: (end.at - start.at).as_secs_f64(),
        service_us: each(0),
        broker_us: each(1),
        load_us: each(2),
        latency_us: LatencyUs::of(latencies),
        failures: shared.failures.load(Ordering::Relaxed),
        first_failure,
    }
}
