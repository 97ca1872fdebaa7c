//! What many endpoints and many instances cost: `cargo bench --bench scale`.
//!
//! - start: from nothing but a connection to the first PING that is answered, for a service of 1,000
//!   endpoints, and for the 1,009 subscriptions that it has, made by hand;
//! - memory: what an endpoint adds to a process, and what a subscription by hand does, before and
//!   after each has had a request. Processes of their own, and the anonymous memory of them;
//! - INFO of 1,000 endpoints: how fast it is answered, beside PING;
//! - 1,000 instances in one process: how long one `$SRV.PING` takes to be answered by all of them,
//!   and by as many of `async_nats::service`, and of Go's `micro` where Go is (MICRO_TEST_GO).
//!
//! What is compared is measured in turns, in one run: whatever else the machine does concerns both
//! alike. It prints the goals beside the figures, and judges nothing. With MICRO_TEST_NATS_SERVER the
//! broker is that `nats-server`, otherwise the dev server, which is in this process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has failed"
)]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/support/broker.rs"]
mod broker;
#[path = "cost/go.rs"]
mod go;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::service::ServiceExt as _;
use broker::Broker;
use futures_util::StreamExt as _;
use micro::{Connection, Request, RunningService, ServiceBuilder};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

const ENDPOINTS: usize = 1_000;
/// What a service subscribes to beside its endpoints: three verbs, each for all, one name, one id.
const DISCOVERY: usize = 9;
const INSTANCES: usize = 1_000;
const ROUNDS: usize = 11;
const PROCESSES: usize = 5;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, by_hand, endpoints, url] = arguments.as_slice()
        && serve == "serve"
    {
        return serve_and_weigh(by_hand == "by-hand", endpoints.parse().unwrap(), url).await;
    }
    let broker = Broker::start().await;
    start(&broker).await;
    memory(&broker).await;
    info(&broker).await;
    instances().await;
    go::clean_up();
}

/// Starts a service, with one handler that answers.
async fn service(connection: &Connection, endpoints: usize) -> RunningService {
    let mut service = ServiceBuilder::new("scale", "1.0.0");
    for number in 0..endpoints {
        service = service.endpoint(&subject(number), async |request: Request| {
            request.payload().clone()
        });
    }
    service.start(connection).await.unwrap()
}

/// As many subscriptions, each read by a task that answers.
async fn by_hand(client: &Client, subjects: impl Iterator<Item = String>) {
    for subject in subjects {
        let mut requests = client.queue_subscribe(subject, "q".into()).await.unwrap();
        let client = client.clone();
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let reply = request.reply.unwrap();
                client.publish(reply, request.payload).await.unwrap();
            }
        });
    }
    client.flush().await.unwrap();
}

fn subject(number: usize) -> String {
    format!("endpoint-{number}")
}

async fn answered(client: &Client, subject: &str) {
    while client.request(subject.to_owned(), "".into()).await.is_err() {}
}

async fn start(broker: &Broker) {
    let asking = broker.client().await;
    let (mut ours, mut hand) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let client = broker.client().await;
        let started = Instant::now();
        by_hand(&client, (0..ENDPOINTS + DISCOVERY).map(subject)).await;
        answered(&asking, &subject(ENDPOINTS + DISCOVERY - 1)).await;
        hand.push(started.elapsed());
        client.drain().await.unwrap();

        let connection = Connection::connect(broker.url()).await.unwrap();
        let started = Instant::now();
        let service = service(&connection, ENDPOINTS).await;
        answered(&asking, "$SRV.PING.scale").await;
        ours.push(started.elapsed());
        service.stop().await;
    }
    let (ours, hand) = (median(ours), median(hand));
    println!(
        "start, {ENDPOINTS} endpoints to the first PING: {ours:.1?}; {} subscriptions by hand {hand:.1?}: {:.2} times (goal 1.2)",
        ENDPOINTS + DISCOVERY,
        ours.as_secs_f64() / hand.as_secs_f64(),
    );
}

/// A process of its own: prints its memory when it serves, and again for each line that it reads.
async fn serve_and_weigh(is_by_hand: bool, endpoints: usize, url: &str) {
    let connection = Connection::connect(url).await.unwrap();
    // Both kinds have the same connection, and what belongs to it.
    let _service = if is_by_hand {
        by_hand(&connection.client(), (0..endpoints).map(subject)).await;
        None
    } else {
        Some(service(&connection, endpoints).await)
    };
    println!("{}", anonymous_kib());
    let asked = || {
        for _line in std::io::stdin().lines() {
            println!("{}", anonymous_kib());
        }
    };
    tokio::task::spawn_blocking(asked).await.unwrap();
}

fn anonymous_kib() -> u32 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The memory of a process with so many endpoints, before and after each has had a request.
async fn weigh(broker: &Broker, kind: &str, endpoints: usize) -> [f64; 2] {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["serve", kind, &endpoints.to_string(), broker.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut number = async || -> f64 { says.next_line().await.unwrap().unwrap().parse().unwrap() };
    let before = number().await;
    let asking = broker.client().await;
    for number in 0..endpoints {
        answered(&asking, &subject(number)).await;
    }
    let mut ask = process.stdin.take().unwrap();
    ask.write_all(b"\n").await.unwrap();
    let after = number().await;
    drop(ask);
    process.wait().await.unwrap();
    [before, after]
}

async fn memory(broker: &Broker) {
    const FEW: usize = 10;
    let kinds = ["by-hand", "ours"];
    let mut each = kinds.map(|_| [Vec::new(), Vec::new()]);
    for _ in 0..PROCESSES {
        for (kind, each) in kinds.iter().zip(&mut each) {
            let few = weigh(broker, kind, FEW).await;
            let many = weigh(broker, kind, FEW + ENDPOINTS).await;
            let count = f64::from(u32::try_from(ENDPOINTS).unwrap());
            for (when, each) in each.iter_mut().enumerate() {
                each.push((many[when] - few[when]) / count);
            }
        }
    }
    let [by_hand, ours] = each.map(|when| {
        when.map(|mut each| {
            each.sort_by(f64::total_cmp);
            each[each.len() / 2]
        })
    });
    for (when, what) in ["not called yet", "after a request each"]
        .iter()
        .enumerate()
    {
        println!(
            "memory of an endpoint, {what}: {:.2} KiB; of a subscription by hand {:.2} KiB: {:.2} KiB more (goal 2)",
            ours[when],
            by_hand[when],
            ours[when] - by_hand[when],
        );
    }
}

async fn info(broker: &Broker) {
    let connection = Connection::connect(broker.url()).await.unwrap();
    let service = service(&connection, ENDPOINTS).await;
    let asking = broker.client().await;
    let (mut pings, mut infos, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..200 {
        for (verb, took) in [("PING", &mut pings), ("INFO", &mut infos)] {
            let asked = Instant::now();
            let subject = format!("$SRV.{verb}.scale");
            let answer = asking.request(subject, "".into()).await.unwrap();
            took.push(asked.elapsed());
            bytes = answer.payload.len();
        }
    }
    let anew = Instant::now();
    let written = serde_json::to_vec(&service.info()).unwrap();
    let anew = anew.elapsed();
    assert_eq!(written.len(), bytes);
    println!(
        "INFO of {ENDPOINTS} endpoints, {bytes} bytes: {:.1?}, PING {:.1?}; writing it anew takes {anew:.1?} by itself",
        median(infos),
        median(pings),
    );
    service.stop().await;
}

async fn instances() {
    let (our_broker, their_broker) = (Broker::start().await, Broker::start().await);
    let connection = Connection::connect(our_broker.url()).await.unwrap();
    let started = Instant::now();
    for _ in 0..INSTANCES {
        let echo = async |request: Request| request.payload().clone();
        let service = ServiceBuilder::new("many", "1.0.0").endpoint("echo", echo);
        service.start(&connection).await.unwrap();
    }
    let our_start = started.elapsed();

    let client = their_broker.client().await;
    let mut theirs = Vec::new();
    let started = Instant::now();
    for _ in 0..INSTANCES {
        let service = client.service_builder().start("many", "1.0.0").await;
        let service = service.unwrap();
        // An endpoint whose requests nobody reads: there are none.
        let endpoint = service.endpoint("echo").await.unwrap();
        theirs.push((service, endpoint));
    }
    client.flush().await.unwrap();
    let their_start = started.elapsed();

    let go_broker = Broker::start().await;
    let in_go = instances_in_go(&go_broker).await;
    let brokers = [&our_broker, &their_broker, &go_broker];
    let mut asking = Vec::new();
    for broker in &brokers[..if in_go.is_ok() { 3 } else { 2 }] {
        asking.push((broker.client().await, Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (client, pings) in &mut asking {
            pings.push(ping_all(client).await);
        }
    }
    let mut medians = asking.into_iter().map(|(_, pings)| median(pings));
    let (ours, theirs) = (medians.next().unwrap(), medians.next().unwrap());
    println!(
        "{INSTANCES} instances in one process, all answers to one $SRV.PING: {ours:.1?}; async_nats::service {theirs:.1?}: {:.2} times (goal 1); started in {our_start:.1?}, {their_start:.1?}",
        ours.as_secs_f64() / theirs.as_secs_f64(),
    );
    match (medians.next(), in_go) {
        (Some(theirs), _) => println!(
            "as many of Go's micro: {theirs:.1?}: {:.2} times (goal 1)",
            ours.as_secs_f64() / theirs.as_secs_f64()
        ),
        (None, Err(reason)) => println!("Go's micro is not here: {reason}"),
        (None, Ok(_)) => {}
    }
}

/// A process of instances in Go, or why there is none.
async fn instances_in_go(broker: &Broker) -> Result<Child, String> {
    let program = go::built(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/cost/peers/go"))?;
    let mut process = Command::new(program)
        .args([broker.url(), "many", &INSTANCES.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
    match says.next_line().await.unwrap() {
        Some(_ready) => Ok(process),
        None => Err("it has ended".to_owned()),
    }
}

/// How long it takes until every instance has answered.
async fn ping_all(asking: &Client) -> Duration {
    let inbox = asking.new_inbox();
    let mut answers = asking.subscribe(inbox.clone()).await.unwrap();
    asking.flush().await.unwrap();
    let asked = Instant::now();
    asking
        .publish_with_reply("$SRV.PING", inbox, "".into())
        .await
        .unwrap();
    for answered in 0..INSTANCES {
        let next = tokio::time::timeout(Duration::from_secs(20), answers.next()).await;
        assert!(matches!(next, Ok(Some(_))), "{answered} have answered");
    }
    asked.elapsed()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}
