//! A server that is not there when a program starts.

use std::time::Duration;

use micro::{App, AppArgs, ConnectOptions, Connection, Request, ServiceBuilder};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::node::{Node, free_port};
use crate::process::{example, output, text};
use crate::raw;

/// At once, with one line that has the address; or, when it is told to wait, as soon as it can.
#[tokio::test]
async fn a_program_fails_at_once_or_waits_as_it_is_told() {
    let url = format!("nats://127.0.0.1:{}", free_port());
    let failed = output(example("echo").args(["--nats", &url])).await;
    assert_eq!(failed.status.code(), Some(1));
    let stderr = text(&failed.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains(&format!("no NATS server at {url}: Connection refused")),
        "{stderr}"
    );
    for (args, variables) in [
        (&["--nats", &url, "--retry-connect"][..], &[][..]),
        (
            &[],
            &[("NATS_URL", url.as_str()), ("NATS_RETRY_CONNECT", "true")],
        ),
    ] {
        let mut echo = example("echo")
            .args(args)
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(echo.stderr.take().unwrap()).lines();
        let waits = raw::soon(log.next_line()).await.unwrap().unwrap();
        for says in ["NATS cannot be reached yet", &url, "Connection refused"] {
            assert!(waits.contains(says), "{waits}");
        }
        // A signal ends the wait: nothing is served yet.
        crate::process::signal(&echo, "TERM");
        let ended = raw::soon(echo.wait()).await.unwrap();
        assert_eq!(ended.code(), Some(143));
        // It said once that nothing is there, however often it looked.
        assert_eq!(raw::soon(log.next_line()).await.unwrap(), None);
    }
    // A person who calls is told at once.
    let mut call = example("echo");
    call.args(["--nats", &url, "--retry-connect", "call", "default", "hi"]);
    assert_eq!(output(&mut call).await.status.code(), Some(1));
    let wrong = output(example("echo").args(["--retry-connect=maybe"])).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("`--retry-connect` is `maybe`; write `true` or `false`"));
}

#[tokio::test]
async fn a_program_that_waits_serves_once_the_server_is_there() {
    let Some(mut node) = Node::start("").await else {
        return;
    };
    node.kill().await;
    let mut echo = example("echo");
    echo.args(["--nats", &node.url(), "--retry-connect"]);
    let mut echo = echo.spawn().unwrap();
    let mut log = BufReader::new(echo.stderr.take().unwrap()).lines();
    let waits = raw::soon(log.next_line()).await.unwrap().unwrap();
    assert!(waits.contains("NATS cannot be reached yet"), "{waits}");
    node.begin().await;
    let there = raw::soon(log.next_line()).await.unwrap().unwrap();
    assert!(there.contains("NATS can be reached now"), "{there}");
    let client = node.client().await;
    raw::until("it serves", async || {
        raw::try_request(&client, "svc.echo", "hi").await.is_ok()
    })
    .await;
    let found = raw::gather(&client, "$SRV.PING.EchoService", 1).await;
    assert_eq!(found.len(), 1);
    crate::process::signal(&echo, "TERM");
    assert_eq!(raw::soon(echo.wait()).await.unwrap().code(), Some(0));
}

/// The same in a program: services, and callers.
#[tokio::test]
async fn connect_options_wait_too() {
    let Some(mut node) = Node::start("").await else {
        return;
    };
    node.kill().await;
    let options = ConnectOptions::new().urls(node.url()).retry_connect();
    let by_options = options.clone();
    let connection =
        tokio::spawn(async move { Connection::connect_with(&by_options).await.unwrap() });
    let service = ServiceBuilder::new("late", "1.0.0").endpoint("late", async |_: Request| "here");
    let app = App::with_args(AppArgs::default()).connect_options(options);
    let app = tokio::spawn(async move { app.builder(service).start().await.unwrap() });
    // Long enough for a few looks.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!connection.is_finished() && !app.is_finished());
    node.begin().await;
    let (connection, app) = raw::soon(async { tokio::join!(connection, app) }).await;
    assert!(connection.unwrap().is_connected());
    assert_eq!(app.unwrap().services().len(), 1);
    let client = node.client().await;
    let answer = raw::request(&client, "late", "").await;
    assert_eq!(raw::text(&answer), "here");
}

/// Waiting does not mend a password.
#[tokio::test]
async fn a_server_that_refuses_is_not_waited_for() {
    let Some(node) = Node::start("authorization { user: ada, password: hunter2 }").await else {
        return;
    };
    let url = node.url();
    let mut echo = example("echo");
    echo.args(["--nats", &url, "--retry-connect", "--user", "ada"]);
    echo.env("NATS_PASSWORD", "wrong");
    let failed = output(&mut echo).await;
    assert_eq!(failed.status.code(), Some(1));
    let stderr = text(&failed.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("refused user `ada` with this password"));
}
