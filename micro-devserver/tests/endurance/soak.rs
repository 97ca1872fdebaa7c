//! Clients that come and go at random, and some that stay and check every message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::StreamExt;
use micro_devserver::DevServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const VISITORS: u64 = 50;
const PAIRS: usize = 4;

/// Past this something hangs.
const HANG: Duration = Duration::from_mins(1);

/// What the allocator may keep.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The same numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % bound
    }
}

struct Soak {
    address: String,
    over: AtomicBool,
    visits: AtomicU64,
    messages: AtomicU64,
}

impl Soak {
    fn new(address: String) -> Arc<Self> {
        Arc::new(Self {
            address,
            over: AtomicBool::new(false),
            visits: AtomicU64::new(0),
            messages: AtomicU64::new(0),
        })
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn report(&self) -> String {
        let (visits, messages) = (&self.visits, &self.messages);
        format!(
            "{} visits, {} messages checked",
            visits.load(Ordering::Relaxed),
            messages.load(Ordering::Relaxed)
        )
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |value| value.parse().unwrap())
}

#[test]
fn clients_come_and_go_and_leave_nothing() {
    let _alone = crate::alone();
    // A runtime of its own, so that its tasks are the server's.
    let home = Runtime::new().unwrap();
    let server = home.block_on(DevServer::start()).unwrap();
    let tasks = || home.metrics().num_alive_tasks();
    let base = tasks();
    // Once short, so that what is allocated once is there.
    let address = format!("127.0.0.1:{}", server.port());
    run(&Soak::new(address.clone()), Duration::from_millis(500));
    let before = crate::resident_bytes();
    let soak = Soak::new(address);
    run(&soak, Duration::from_secs(number("MICRO_SOAK_SECONDS", 3)));
    while server.stats().connections > 0 || tasks() > base {
        std::thread::yield_now();
    }
    let stats = server.stats();
    let left = (
        stats.subscriptions,
        stats.pending_bytes,
        stats.slow_consumers,
    );
    assert_eq!(left, (0, 0, 0));
    let after = crate::resident_bytes();
    println!(
        "{}, resident bytes {before:?} before and {after:?} after",
        soak.report()
    );
    if let (Some(before), Some(after)) = (before, after) {
        assert!(
            after < before + KEPT_BYTES,
            "{before} before, {after} after"
        );
    }
}

#[test]
fn the_soak_holds_on_a_real_server_too() {
    let Ok(address) = std::env::var("MICRO_SOAK_ADDRESS") else {
        println!("not run: MICRO_SOAK_ADDRESS does not say where a nats-server listens");
        return;
    };
    let soak = Soak::new(address);
    run(&soak, Duration::from_secs(number("MICRO_SOAK_SECONDS", 3)));
    println!("{}", soak.report());
}

fn run(soak: &Arc<Soak>, length: Duration) {
    let clients = Runtime::new().unwrap();
    clients.block_on(async {
        let mut all = JoinSet::new();
        for pair in 0..PAIRS {
            all.spawn(stay(Arc::clone(soak), pair));
        }
        let seed = number("MICRO_TEST_SEED", 1);
        for visitor in 0..VISITORS {
            let numbers = Numbers((seed * 1000 + visitor + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            all.spawn(visit(Arc::clone(soak), numbers));
        }
        let end = Instant::now() + length;
        while Instant::now() < end {
            tokio::select! {
                // Nobody ends before the end but by a failure.
                Some(ended) = all.join_next() => ended.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
        soak.over.store(true, Ordering::Relaxed);
        while let Some(ended) = all.join_next().await {
            ended.unwrap();
        }
    });
}

/// Two clients that stay: everything that one publishes must reach the other once and in order, on
/// a plain subscription, through a wildcard, and in a queue group of one.
async fn stay(soak: Arc<Soak>, pair: usize) {
    let (sender, receiver) = (connect(&soak).await, connect(&soak).await);
    let subject = format!("stay.{pair}");
    let mut plain = receiver.subscribe(subject.clone()).await.unwrap();
    let mut wild = receiver.subscribe(format!("*.{pair}")).await.unwrap();
    let mut group = receiver
        .queue_subscribe(subject.clone(), format!("group{pair}"))
        .await
        .unwrap();
    receiver.flush().await.unwrap();
    // Flushed is not yet processed; a message to oneself is.
    let mut settled = receiver.subscribe("settle").await.unwrap();
    receiver.publish("settle", "".into()).await.unwrap();
    settled.next().await.unwrap();
    settled.unsubscribe().await.unwrap();
    let mut next = 0_u64;
    while soak.goes_on() {
        let batch = next..next + 20;
        for number in batch.clone() {
            let body = number.to_string().into();
            sender.publish(subject.clone(), body).await.unwrap();
        }
        for number in batch {
            for messages in [&mut plain, &mut wild, &mut group] {
                let message = messages.next().await.unwrap();
                assert_eq!(message.payload, number.to_string(), "pair {pair}");
                soak.messages.fetch_add(1, Ordering::Relaxed);
            }
            next = number + 1;
        }
    }
}

async fn connect(soak: &Soak) -> Client {
    // The library's own timeouts are for people; a machine with much to do is slower.
    async_nats::ConnectOptions::new()
        .connection_timeout(HANG)
        .request_timeout(Some(HANG))
        .connect(&soak.address)
        .await
        .unwrap()
}

/// One that comes and goes.
async fn visit(soak: Arc<Soak>, mut numbers: Numbers) {
    while soak.goes_on() {
        if numbers.below(2) == 0 {
            visit_with_the_library(&soak, &mut numbers).await;
        } else {
            visit_with_bytes(&soak, &mut numbers).await;
        }
        soak.visits.fetch_add(1, Ordering::Relaxed);
    }
}

async fn visit_with_the_library(soak: &Soak, numbers: &mut Numbers) {
    let client = connect(soak).await;
    let mine = client.new_inbox();
    let mut own = client.subscribe(mine.clone()).await.unwrap();
    let _watching = client.subscribe("stay.*").await.unwrap();
    let _sharing = client
        .queue_subscribe("visit.>", "visitors".into())
        .await
        .unwrap();
    for number in 0..numbers.below(20) {
        let body = number.to_string();
        client.publish("visit.news", "news".into()).await.unwrap();
        let sent = client.publish(mine.clone(), body.clone().into());
        sent.await.unwrap();
        assert_eq!(own.next().await.unwrap().payload, body);
    }
    let answer = client.request("nobody.at.home", "".into()).await;
    assert_eq!(
        answer.unwrap_err().kind(),
        async_nats::RequestErrorKind::NoResponders
    );
    if numbers.below(2) == 0 {
        client.drain().await.unwrap();
    }
}

async fn visit_with_bytes(soak: &Soak, numbers: &mut Numbers) {
    let mut socket = TcpStream::connect(&soak.address).await.unwrap();
    let mut script = String::from("CONNECT {\"verbose\":false}\r\n");
    for sid in 0..numbers.below(30) {
        let line = match numbers.below(4) {
            0 => format!("SUB stay.{} {sid}\r\n", sid % 5),
            1 => format!("SUB visit.{sid}.* q{} {sid}\r\n", sid % 3),
            2 => format!("UNSUB {}\r\n", sid / 2),
            _ => format!("PUB visit.{sid}.x 2\r\nhi\r\n"),
        };
        script.push_str(&line);
    }
    let whole = numbers.below(2) == 0;
    if whole {
        script += "PING\r\n";
    } else {
        let length = script.len().try_into().unwrap();
        script.truncate(numbers.below(length).try_into().unwrap());
    }
    // Cut off in the middle of something, or after an answer, or with an ending of its own.
    let _ = socket.write_all(script.as_bytes()).await;
    if whole {
        let mut read = Vec::new();
        let mut chunk = [0; 4096];
        while !read.windows(6).any(|six| six == b"PONG\r\n") {
            match socket.read(&mut chunk).await {
                Ok(1..) => read.extend_from_slice(&chunk),
                _ => break,
            }
        }
    }
    if numbers.below(2) == 0 {
        let _ = socket.shutdown().await;
    }
}
