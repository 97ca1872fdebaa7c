//! The load generator: a process of its own that asks, checks every reply, and says what it saw.
//!
//! A closed loop keeps a number of requests outstanding. An open loop sends at a fixed rate, whatever
//! comes back, and measures from when a request was meant to be sent.

use std::io::{Result, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cpu;
use crate::wire::{Body, Connection, Event, PATIENCE, PONG, Reply, Requests};

/// How long the open loop sleeps at least: what is due meanwhile goes out in one write.
const PACING: Duration = Duration::from_micros(100);

/// Requests for each that is outstanding that a closed loop measures at least, however long it takes:
/// where the machine has left no time for them, a figure would be one of chance.
const LEAST_FOR_EACH: u64 = 8;

/// What to ask, of whom, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) url: String,
    pub(crate) subject: String,
    pub(crate) body: Body,
    pub(crate) pace: Pace,
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    /// The processes that answer.
    pub(crate) service: Vec<u32>,
    pub(crate) broker: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// So many at a time.
    Outstanding(u32),
    /// So many a second.
    Rate(f64),
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// CPU time for each request, in microseconds.
    pub(crate) service_us: Option<f64>,
    pub(crate) broker_us: Option<f64>,
    pub(crate) load_us: Option<f64>,
    pub(crate) latency_us: LatencyUs,
    /// Replies that were errors, wrong, or not there.
    pub(crate) failures: u64,
    pub(crate) first_failure: Option<String>,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Percentiles, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LatencyUs {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl LatencyUs {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let last = times.len().saturating_sub(1) as f64;
            let time = times.get((last * share).round() as usize);
            time.map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        Self {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
        }
    }
}

/// Carries a job out and prints what was seen.
pub(crate) fn run(job: &Job) {
    let measured = match job.pace {
        Pace::Outstanding(outstanding) => closed(job, outstanding),
        Pace::Rate(rate) => open(job, rate),
    };
    let measured = measured.unwrap_or_else(|error| Measured {
        failures: 1,
        first_failure: Some(error.to_string()),
        ..Measured::default()
    });
    println!("{}", serde_json::to_string(&measured).unwrap());
}

/// What was wrong with replies.
#[derive(Default)]
struct Failures {
    count: u64,
    first: Option<String>,
}

impl Failures {
    fn add(&mut self, count: u64, what: impl FnOnce() -> String) {
        if count > 0 {
            self.first.get_or_insert_with(what);
            self.count += count;
        }
    }

    fn check(&mut self, requests: &Requests, ticket: u32, reply: &Reply<'_>) {
        if let Some(headers) = reply.error {
            self.add(1, || {
                let lines = String::from_utf8_lossy(headers);
                lines.trim_end().replace("\r\n", ", ")
            });
        } else if !requests.is_right(ticket, reply.body) {
            let text = String::from_utf8_lossy(reply.body);
            self.add(1, || format!("a wrong reply: {text:?}"));
        }
    }
}

/// A moment, and the CPU time until then.
struct Mark {
    at: Instant,
    requests: u64,
    service_ns: Option<u64>,
    broker_ns: Option<u64>,
    load_ns: Option<u64>,
}

impl Mark {
    fn new(job: &Job, requests: u64) -> Self {
        Self {
            at: Instant::now(),
            requests,
            service_ns: cpu::used_ns(&job.service),
            broker_ns: cpu::used_ns(&job.broker),
            load_ns: cpu::used_ns(&[std::process::id()]),
        }
    }

    fn until(&self, end: &Self, latencies: Vec<Duration>, failures: Failures) -> Measured {
        let requests = end.requests - self.requests;
        let each = |from: Option<u64>, to: Option<u64>| {
            let used_ns = to?.saturating_sub(from?);
            Some(used_ns as f64 / 1e3 / requests as f64)
        };
        Measured {
            requests,
            seconds: (end.at - self.at).as_secs_f64(),
            service_us: each(self.service_ns, end.service_ns),
            broker_us: each(self.broker_ns, end.broker_ns),
            load_us: each(self.load_ns, end.load_ns),
            latency_us: LatencyUs::of(latencies),
            failures: failures.count,
            first_failure: failures.first,
        }
    }
}

fn connect(job: &Job) -> Result<(Connection, Requests)> {
    let inbox = format!("_R.{}", std::process::id());
    let (mut connection, _) = Connection::open(&job.url)?;
    connection.subscribe(&inbox)?;
    Ok((
        connection,
        Requests::new(&job.subject, &inbox, job.body.clone()),
    ))
}

fn closed(job: &Job, outstanding: u32) -> Result<Measured> {
    let (mut connection, requests) = connect(job)?;
    let mut failures = Failures::default();
    let mut latencies = Vec::new();
    let mut answered = 0;
    let (mut start, mut end) = (None::<Mark>, None);
    let least = u64::from(outstanding) * LEAST_FOR_EACH;

    let mut out = Vec::new();
    (0..outstanding).for_each(|ticket| requests.write(ticket, &mut out));
    let begun = Instant::now();
    let mut sent_at = vec![Some(begun); outstanding as usize];
    let mut missing = outstanding;
    while missing > 0 {
        connection.write(&out)?;
        out.clear();
        let measuring = start.is_some() && end.is_none();
        let ending = end.is_some();
        let mut now = None;
        let read = connection.read(|event| {
            let now = *now.get_or_insert_with(Instant::now);
            let reply = match event {
                Event::Ping => return out.extend_from_slice(PONG),
                Event::Pong => return,
                Event::Reply(reply) => reply,
            };
            let slot = reply.ticket.filter(|&ticket| ticket < outstanding);
            let Some((ticket, sent)) =
                slot.and_then(|ticket| Some((ticket, sent_at[ticket as usize].take()?)))
            else {
                return failures.add(1, || "a reply to no request".to_owned());
            };
            failures.check(&requests, ticket, &reply);
            answered += 1;
            if measuring {
                latencies.push(now - sent);
            }
            if ending {
                missing -= 1;
            } else {
                sent_at[ticket as usize] = Some(now);
                requests.write(ticket, &mut out);
            }
        });
        if let Err(error) = read {
            failures.add(u64::from(missing), || format!("no reply: {error}"));
            break;
        }
        let now = Instant::now();
        match &start {
            None if now >= begun + job.warm_up => start = Some(Mark::new(job, answered)),
            Some(start) if end.is_none() => {
                let enough = answered - start.requests >= least || now >= start.at + PATIENCE;
                if enough && now >= start.at + job.measure {
                    end = Some(Mark::new(job, answered));
                }
            }
            _ => {}
        }
    }
    let now = Mark::new(job, answered);
    let start = start.as_ref().unwrap_or(&now);
    Ok(start.until(end.as_ref().unwrap_or(&now), latencies, failures))
}

fn open(job: &Job, rate: f64) -> Result<Measured> {
    let (mut connection, requests) = connect(job)?;
    let in_time = |time: Duration| (time.as_secs_f64() * rate) as u32;
    let (warm, total) = (
        in_time(job.warm_up),
        in_time(job.warm_up + job.measure).max(1),
    );
    let mut writer = connection.writer()?;
    let (pinged, given_up) = (AtomicBool::new(false), AtomicBool::new(false));
    let begun = Instant::now();
    let meant_at = |ticket: u32| begun + Duration::from_secs_f64(f64::from(ticket) / rate);

    let send = || -> Result<Option<(Mark, Mark)>> {
        let mut out = Vec::new();
        let (mut sent, mut start) = (0, None);
        while sent < total && !given_up.load(Ordering::Relaxed) {
            if start.is_none() && sent >= warm {
                start = Some(Mark::new(job, sent.into()));
            }
            let due = in_time(begun.elapsed()).saturating_add(1).min(total);
            (sent..due).for_each(|ticket| requests.write(ticket, &mut out));
            sent = sent.max(due);
            if pinged.swap(false, Ordering::Relaxed) {
                out.extend_from_slice(PONG);
            }
            writer.write_all(&out)?;
            out.clear();
            let rest = meant_at(sent).saturating_duration_since(Instant::now());
            std::thread::sleep(rest.max(PACING));
        }
        let end = Mark::new(job, sent.into());
        Ok(start.map(|start| (start, end)))
    };

    let mut failures = Failures::default();
    let mut latencies = Vec::new();
    let marks = std::thread::scope(|scope| {
        let sending = scope.spawn(send);
        let mut waits = vec![true; total as usize];
        let mut missing = total;
        while missing > 0 {
            let mut now = None;
            let read = connection.read(|event| {
                let now = *now.get_or_insert_with(Instant::now);
                let reply = match event {
                    Event::Ping => return pinged.store(true, Ordering::Relaxed),
                    Event::Pong => return,
                    Event::Reply(reply) => reply,
                };
                let ticket = reply.ticket.filter(|&ticket| ticket < total);
                let Some(ticket) =
                    ticket.filter(|&ticket| std::mem::take(&mut waits[ticket as usize]))
                else {
                    return failures.add(1, || "a reply to no request".to_owned());
                };
                missing -= 1;
                failures.check(&requests, ticket, &reply);
                if ticket >= warm {
                    latencies.push(now.saturating_duration_since(meant_at(ticket)));
                }
            });
            if let Err(error) = read {
                let seconds = PATIENCE.as_secs();
                failures.add(u64::from(missing), || {
                    format!("no reply within {seconds} s: {error}")
                });
                given_up.store(true, Ordering::Relaxed);
            }
            if given_up.load(Ordering::Relaxed) {
                break;
            }
        }
        sending.join().unwrap()
    })?;
    let now = Mark::new(job, total.into());
    let (start, end) = marks.unwrap_or((Mark::new(job, total.into()), now));
    Ok(start.until(&end, latencies, failures))
}
