//! The examples as processes: what a person at a terminal sees.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use micro::{App, AppArgs, Request, ServiceBuilder};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::broker::Broker;
use crate::process::{example, output, run, signal, text};
use crate::{proxy, raw};

#[tokio::test]
async fn numbers_serves_says_so_and_is_called_by_itself() {
    let broker = Broker::start().await;
    let nats = ["--nats", broker.url()];
    let mut command = example("numbers");
    command.args(nats);
    let mut numbers = run(command).await;
    for says in [
        "numbers 1.0.0, instance ",
        broker.url(),
        "numbers.add ",
        "numbers.divide ",
        "queue group heavy",
        "history.* ",
        "every instance answers",
        r#" call add '{"a":1,"b":2}'"#,
        " micro info numbers",
    ] {
        assert!(
            numbers.banner.contains(says),
            "{says:?} is not in\n{}",
            numbers.banner
        );
    }

    let call =
        async |args: &[&str]| output(example("numbers").args(nats).arg("call").args(args)).await;
    let sum = call(&["add", r#"{"a":1,"b":2}"#]).await;
    assert_eq!(text(&sum.stdout), "3.0\n", "{}", text(&sum.stderr));
    assert!(
        text(&sum.stderr).contains("s, instance "),
        "{}",
        text(&sum.stderr)
    );
    assert_eq!(sum.status.code(), Some(0));

    let zero = call(&["divide", r#"{"a":1,"b":0}"#]).await;
    assert_eq!(zero.status.code(), Some(1));
    assert!(text(&zero.stderr).contains("cannot divide 1 by zero (code 400)"));
    assert!(text(&zero.stderr).contains(r#"{"kind":"DivideByZero","data":{"dividend":1.0}}"#));

    let fault = call(&["add", r#"{"a":1,"b":"x"}"#]).await;
    assert!(
        text(&fault.stderr).contains("at `b`, line 1 column "),
        "{}",
        text(&fault.stderr)
    );

    let history = call(&["-H", "X-Tenant: acme", "history.anonymous"]).await;
    assert_eq!(
        text(&history.stdout),
        "[{\"operation\":\"add\",\"result\":3.0}]\n"
    );

    let unfilled = call(&["history"]).await;
    assert!(text(&unfilled.stderr).contains("serves `history.*`"));
    let unknown = call(&["subtract"]).await;
    assert!(text(&unknown.stderr).contains("there is no endpoint `subtract`: name one of `add`"));

    numbers.signal("INT");
    assert_eq!(numbers.exit_code().await, Some(0));
    let gone = call(&["add", r#"{"a":1,"b":2}"#]).await;
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains("nobody serves `numbers.add`"));
}

#[tokio::test]
async fn echo_serves_any_client_and_stops_on_sigterm() {
    let broker = Broker::start().await;
    let mut command = example("echo");
    command.env("NATS_URL", format!("{},nats://127.0.0.1:1", broker.url()));
    let mut echo = run(command).await;
    let client = broker.client().await;
    assert_eq!(
        raw::text(&raw::request(&client, "svc.echo", "hello!").await),
        "hello!"
    );
    echo.signal("TERM");
    assert_eq!(echo.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_signal_under_load_loses_no_request() {
    let broker = Broker::start().await;
    let start = async || {
        let mut command = example("echo");
        command.args(["--nats", broker.url()]);
        run(command).await
    };
    let _stays = start().await;
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&broker.client().await, "svc.echo", &end);
    for signal in ["TERM", "INT"] {
        let mut leaves = start().await;
        leaves.signal(signal);
        assert_eq!(leaves.exit_code().await, Some(0));
    }
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
}

#[tokio::test]
async fn a_signal_stops_the_program_while_the_server_is_away() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let mut command = example("echo");
    command.args(["--nats", &url]);
    let mut echo = run(command).await;
    network.cut();
    echo.signal("TERM");
    assert_eq!(echo.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let broker = Broker::start().await;
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    for (second, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = example("echo");
        command.args(["--nats", &url]);
        let mut echo = run(command).await;
        let mut log = BufReader::new(echo.child.stderr.take().unwrap()).lines();
        // A server that says nothing holds the stop up, so that there is time for a second signal.
        network.freeze();
        echo.signal("TERM");
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("stopping") {
                break;
            }
        }
        echo.signal(second);
        assert_eq!(echo.exit_code().await, Some(code));
        network.thaw();
    }
}

/// Where the program of the next test finds its server.
const HOOKED_NATS: &str = "MICRO_TEST_HOOKED_NATS";

/// A test that is ignored but as the program of another, as a process.
fn ignored(test: &str, broker: &Broker) -> tokio::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(HOOKED_NATS, broker.url())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[ignore = "the program of another test, and nothing without it"]
#[tokio::test]
async fn hooked() {
    let Ok(url) = std::env::var(HOOKED_NATS) else {
        return;
    };
    let gate = async_nats::connect(&url).await.unwrap();
    let slow = ServiceBuilder::new("slow", "1.0.0").endpoint("slow", move |_: Request| {
        let gate = gate.clone();
        async move {
            let mut opened = gate.subscribe("open").await.unwrap();
            raw::round_trip(&gate).await;
            gate.publish("under.way", "".into()).await.unwrap();
            opened.next().await;
            "answered"
        }
    });
    let app = App::with_args(AppArgs::default()).nats(url).builder(slow);
    let app = app.on_start(|_| async {
        eprintln!("the hook waits");
        std::future::pending().await
    });
    app.run().await.unwrap();
}

#[tokio::test]
async fn a_signal_while_a_start_hook_waits_loses_no_request() {
    let broker = Broker::start().await;
    for second in [None, Some(("INT", 130))] {
        let mut program = ignored("program::hooked", &broker);
        let mut log = BufReader::new(program.stderr.take().unwrap()).lines();
        let mut until = async |says: &str| {
            while let Some(line) = raw::soon(log.next_line()).await.unwrap() {
                if line.contains(says) {
                    return;
                }
            }
            panic!("it ended without saying {says:?}");
        };
        until("the hook waits").await;
        let client = broker.client().await;
        let mut under_way = client.subscribe("under.way").await.unwrap();
        raw::round_trip(&client).await;
        let caller = client.clone();
        let call = tokio::spawn(async move { raw::try_request(&caller, "slow", "").await });
        raw::soon(under_way.next()).await.unwrap();
        signal(&program, "TERM");
        until("stopping").await;
        if let Some((name, code)) = second {
            signal(&program, name);
            assert_eq!(raw::soon(program.wait()).await.unwrap().code(), Some(code));
            continue;
        }
        client.publish("open", "".into()).await.unwrap();
        let answer = raw::soon(call).await.unwrap().unwrap();
        assert_eq!(raw::text(&answer), "answered");
        assert_eq!(raw::soon(program.wait()).await.unwrap().code(), Some(0));
    }
}

#[ignore = "the program of another test, and nothing without it"]
#[test]
fn blocked() {
    let Ok(url) = std::env::var(HOOKED_NATS) else {
        return;
    };
    // As `#[micro::main]` runs a program.
    let ran = micro::__private0::block_on_main(async {
        let gate = async_nats::connect(&url).await.unwrap();
        let stuck = ServiceBuilder::new("stuck", "1.0.0")
            .stats_handler(|_| std::thread::park())
            .endpoint("stuck", async |_: Request| ());
        let app = App::with_args(AppArgs::default()).nats(&url).builder(stuck);
        let app = app.on_start(|_| async move {
            let inbox = gate.new_inbox();
            gate.publish_with_reply("$SRV.STATS.stuck", inbox, "".into())
                .await
                .unwrap();
            raw::request(&gate, "stuck", "").await;
            eprintln!("a thread is blocked");
            Ok(())
        });
        app.run().await
    });
    ran.unwrap();
    // The harness of tests would wait for the thread.
    std::process::exit(0);
}

#[tokio::test]
async fn a_thread_that_blocks_for_ever_does_not_keep_a_program_from_ending() {
    let broker = Broker::start().await;
    let mut program = ignored("program::blocked", &broker);
    let mut log = BufReader::new(program.stderr.take().unwrap()).lines();
    while !raw::soon(log.next_line())
        .await
        .unwrap()
        .unwrap()
        .contains("a thread is blocked")
    {}
    signal(&program, "TERM");
    assert_eq!(raw::soon(program.wait()).await.unwrap().code(), Some(0));
}

/// A program with a subscriber that never comes to an end of its first event.
async fn stuck_at_an_event(app: App, url: String) -> Result<(), micro::Error> {
    let told = async_nats::connect(&url).await.unwrap();
    let stuck = ServiceBuilder::new("stuck", "1.0.0")
        .subscriber_with(
            "stuck",
            move |_: Request| {
                let told = told.clone();
                async move {
                    told.publish("under.way", "".into()).await.unwrap();
                    std::future::pending::<()>().await;
                }
            },
            |stuck| stuck.concurrency(1),
        )
        .drain_timeout(Duration::ZERO);
    app.nats(url).builder(stuck).run().await
}

#[ignore = "the program of another test, and nothing without it"]
#[test]
fn stuck() {
    end_as_a_program(App::with_args(AppArgs::default()));
}

#[ignore = "the program of another test, and nothing without it"]
#[test]
fn stuck_once() {
    end_as_a_program(App::with_args(AppArgs::default()).once());
}

/// Ends the process as `main` does, with what `App::run` returns.
fn end_as_a_program(app: App) {
    let Ok(url) = std::env::var(HOOKED_NATS) else {
        return;
    };
    let ran = micro::__private0::block_on_main(stuck_at_an_event(app, url));
    let Err(error) = ran else {
        std::process::exit(0);
    };
    eprintln!("{error}");
    std::process::exit(1);
}

#[tokio::test]
async fn a_program_that_drops_events_as_it_ends_says_so_with_its_exit_code() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut under_way = client.subscribe("under.way").await.unwrap();
    raw::round_trip(&client).await;
    for (test, sent, says) in [
        ("program::stuck", 3, "3 events had not been handled within"),
        (
            "program::stuck_once",
            1,
            "1 event had not been handled within",
        ),
    ] {
        let program = ignored(test, &broker);
        raw::until("somebody there", async || {
            let found = raw::try_request(&client, "$SRV.PING.stuck", "");
            found.await.is_ok()
        })
        .await;
        for _ in 0..sent {
            client.publish("stuck", "".into()).await.unwrap();
        }
        raw::soon(under_way.next()).await.unwrap();
        if sent > 1 {
            signal(&program, "TERM");
        }
        let ended = raw::soon(program.wait_with_output()).await.unwrap();
        let log = text(&ended.stderr);
        assert!(log.contains(says), "{log}");
        assert_eq!(ended.status.code(), Some(1), "{log}");
    }
}

#[tokio::test]
async fn the_dev_server_is_there_when_asked_for_and_tells_where() {
    let mut command = example("echo");
    command.args(["--nats", "dev"]);
    let echo = run(command).await;
    assert!(
        echo.banner.contains("development server"),
        "{}",
        echo.banner
    );
    let url = echo
        .banner
        .split_whitespace()
        .find(|word| word.starts_with("nats://"))
        .unwrap();
    let client = async_nats::connect(url).await.unwrap();
    assert_eq!(
        raw::text(&raw::request(&client, "svc.echo", "hi").await),
        "hi"
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_with_an_exit_code() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_url = format!("nats://{}", mute.local_addr().unwrap());
    let http_url = format!("nats://{}", http.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = http.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let not_nats = |url: &str| format!("what listens at {url} does not speak NATS");
    for (args, code, says) in [
        (
            vec!["--nats", "http://x"],
            2,
            "`http://x` is not a NATS URL".to_owned(),
        ),
        (
            vec!["--nats", "nats://h:nine"],
            2,
            "`nats://h:...` is not a NATS URL".to_owned(),
        ),
        (
            vec!["--nats", "nats://127.0.0.1:1"],
            1,
            "no NATS server at nats://127.0.0.1:1".to_owned(),
        ),
        (vec!["--nats", &mute_url], 1, not_nats(&mute_url)),
        (vec!["--nats", &http_url], 1, not_nats(&http_url)),
        (
            vec!["--log", "loud"],
            2,
            "`loud` is not a log level".to_owned(),
        ),
        (
            vec!["--bogus"],
            2,
            "unexpected argument '--bogus'".to_owned(),
        ),
        (vec!["call"], 2, "required arguments".to_owned()),
    ] {
        let failed = output(example("echo").args(&args)).await;
        let stderr = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(
            stderr.contains(&says),
            "{args:?}: {says:?} is not in\n{stderr}"
        );
    }
    drop(mute);
}

#[tokio::test]
async fn help_and_version_name_the_service() {
    let version = output(example("numbers").arg("--version")).await;
    assert_eq!(text(&version.stdout), "numbers 1.0.0\n");
    let help = output(example("numbers").arg("--help")).await;
    for says in [
        "Arithmetic on two numbers",
        "--nats",
        "NATS_URL",
        "--log",
        "call",
    ] {
        assert!(text(&help.stdout).contains(says), "{}", text(&help.stdout));
    }
    assert_eq!(help.status.code(), Some(0));
}
