//! A million calls that nobody answers in time: none of them is kept.

use std::process::{ExitCode, Stdio};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use micro::{Bytes, CallError, Caller, Connection, Error};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::Verdict;
use crate::broker::Broker;

const CALLS: usize = 1_000_000;
/// Of `Client::request`, which keeps something of each.
const RAW_CALLS: usize = 100_000;
/// Before the memory is looked at first: what is needed for as many at once is there then.
const WARM_UP: usize = 100_000;
const OUTSTANDING: usize = 1_000;
const HASTE: Duration = Duration::from_millis(20);
/// How much more memory all of them may come to need: four bytes for each, were it theirs.
const MEMORY_KIB: u64 = 4 * 1024;

pub(crate) async fn run(broker: &Broker) -> Vec<Verdict> {
    // It hears them all, and answers none.
    let client = broker.client().await;
    let mut silent = client.subscribe("silent").await.unwrap();
    client.flush().await.unwrap();
    let heard = tokio::spawn(async move { while silent.next().await.is_some() {} });
    let (ours, raw) = (
        grown(broker.url(), "ours", CALLS).await,
        grown(broker.url(), "raw", RAW_CALLS).await,
    );
    heard.abort();
    let each = |grown: u64, calls: usize| grown * 1024 / u64::try_from(calls).unwrap();
    vec![(
        format!(
            "{CALLS} calls that timed out: {ours} KiB more of {MEMORY_KIB}, {} bytes for each; `Client::request`, {RAW_CALLS} times: {raw} KiB more, {} bytes for each",
            each(ours, CALLS),
            each(raw, RAW_CALLS),
        ),
        ours <= MEMORY_KIB,
    )]
}

/// By how many KiB the memory of a process of its own grows that makes so many calls.
async fn grown(url: &str, how: &str, calls: usize) -> u64 {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["call", url, how, &calls.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut number = async || -> u64 {
        let line = says.next_line().await.unwrap();
        line.expect("it ended").parse().unwrap()
    };
    let before = number().await;
    let after = number().await;
    assert!(process.wait().await.unwrap().success());
    after.saturating_sub(before)
}

/// This program again: makes calls, and prints its memory before and after.
pub(crate) async fn call(arguments: &[String]) -> ExitCode {
    let [url, how, calls] = arguments else {
        return ExitCode::FAILURE;
    };
    let calls: usize = calls.parse().unwrap();
    if how == "ours" {
        let caller = Caller::new(&Connection::connect(url).await.unwrap());
        let call = async || {
            let call = caller.call::<_, Bytes, Error>("silent", Bytes::new());
            let reply = call.timeout(HASTE).await;
            assert!(matches!(reply, Err(CallError::Timeout { .. })), "{reply:?}");
        };
        weigh(calls, call).await;
    } else {
        let options = async_nats::ConnectOptions::new().request_timeout(Some(HASTE));
        let client = options.connect(url).await.unwrap();
        weigh(calls, async || {
            let error = client.request("silent", Bytes::new()).await.unwrap_err();
            assert_eq!(error.kind(), async_nats::RequestErrorKind::TimedOut);
        })
        .await;
    }
    ExitCode::SUCCESS
}

async fn weigh(calls: usize, call: impl AsyncFn()) {
    make(WARM_UP, &call).await;
    println!("{}", memory_kib());
    make(calls, &call).await;
    println!("{}", memory_kib());
}

async fn make(calls: usize, call: &impl AsyncFn()) {
    let each = stream::iter(0..calls).map(|_| call());
    each.buffer_unordered(OUTSTANDING).count().await;
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().trim_end_matches(" kB").trim();
    number.parse().unwrap()
}
