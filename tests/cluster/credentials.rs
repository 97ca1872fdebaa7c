//! Credentials that were good and are not any more.

use std::process::Stdio;
use std::time::Duration;

use micro::{App, AppArgs, ConnectOptions, Incident, Request, ServiceBuilder};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::node::Node;
use crate::process::signal;
use crate::raw;

/// Where the program of these tests finds its server.
const NATS: &str = "MICRO_TEST_SHUT_OUT_NATS";

const ADA: &str =
    "authorization { users: [ { user: ada, password: a }, { user: op, password: o } ] }";
const BOB: &str =
    "authorization { users: [ { user: bob, password: b }, { user: op, password: o } ] }";

/// A service whose error handler prints what it is told.
#[ignore = "the program of another test, and nothing without it"]
#[tokio::test]
async fn shut_out() {
    let Ok(url) = std::env::var(NATS) else {
        return;
    };
    let service = ServiceBuilder::new("shut-out", "1.0.0")
        .endpoint("shut.out", async |_: Request| "in")
        .on_error(|_, incident| {
            let what = matches!(incident, Incident::CredentialsRefused { .. });
            eprintln!("the error handler was told, as it should: {what}");
        });
    let options = ConnectOptions::new().urls(url).user("ada", "a");
    let app = App::with_args(AppArgs::default()).connect_options(options);
    app.builder(service).run().await.unwrap();
}

/// How much of a CPU a process has had, in clock ticks of 10 ms.
fn ticks(child: &Child) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id().unwrap())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<_> = fields.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// What happens to the server is done by `shuts_out`: less than 1 % of a CPU and 10 lines in the 5 s
/// after it, of which one tells the log and one is the error handler's. Then it is let in again.
async fn is_quiet(shuts_out: impl AsyncFnOnce(&mut Node)) {
    let Some(mut node) = Node::start(ADA).await else {
        return;
    };
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "credentials::shut_out",
            "--ignored",
            "--nocapture",
        ])
        .env(NATS, node.url())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (send, mut log) = mpsc::unbounded_channel();
    let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            send.send(line).unwrap();
        }
    });
    let operator = async |node: &Node| {
        let options = async_nats::ConnectOptions::with_user_and_password("op".into(), "o".into());
        options.connect(node.url()).await.unwrap()
    };
    let client = operator(&node).await;
    raw::until("it serves", async || {
        raw::try_request(&client, "shut.out", "").await.is_ok()
    })
    .await;
    while log.try_recv().is_ok() {}
    let before = ticks(&program);

    shuts_out(&mut node).await;
    // The requirement is of these five seconds.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let used = ticks(&program) - before;
    let said: Vec<String> = std::iter::from_fn(|| log.try_recv().ok()).collect();
    println!("{used} ticks of 10 ms in 5 s, {} lines", said.len());
    let said_of = |what: &str| said.iter().filter(|line| line.contains(what)).count();
    assert_eq!(said_of("credentials refused"), 1, "{said:#?}");
    assert_eq!(said_of("was told, as it should: true"), 1, "{said:#?}");
    assert_eq!(said_of("was told"), 1, "{said:#?}");
    assert!(said.len() < 10, "{said:#?}");
    assert!(used <= 5, "{used} ticks of 10 ms in 5 s");

    node.restart(ADA).await;
    let client = operator(&node).await;
    raw::until("it serves again", async || {
        raw::try_request(&client, "shut.out", "").await.is_ok()
    })
    .await;
    signal(&program, "TERM");
    assert_eq!(raw::soon(program.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_restart_with_other_credentials_is_told_once_and_is_no_hot_loop() {
    is_quiet(async |node| node.restart(BOB).await).await;
}

#[tokio::test]
async fn a_user_who_is_removed_is_told_once_and_is_no_hot_loop() {
    is_quiet(async |node| node.reload(BOB).await).await;
}
