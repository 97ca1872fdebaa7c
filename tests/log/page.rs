//! docs/operations.md shows each situation as it is printed: its blocks are compared with what is
//! printed now. `TRYBUILD=overwrite` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use micro::{
    App, AppArgs, ConnectOptions, Connection, Error, Events, Reply, Request, RunningService,
    ServiceBuilder, Stats,
};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::{lines, proxy, raw};

/// An instance, and a time, that are the same in every run.
const INSTANCE: &str = "Vw1zU6CRRAr0yDKHZFHFxa";
const DURATION: &str = "duration_us=1250";

/// What was printed, by the name of its block.
#[derive(Default)]
struct Seen(BTreeMap<&'static str, String>);

impl Seen {
    async fn line(&mut self, block: &'static str, service: &RunningService, says: &[&str]) {
        let line = lines::line(service.name(), says).await;
        self.put(block, &line.replace(service.id(), INSTANCE));
    }

    fn put(&mut self, block: &'static str, line: &str) {
        let words = line.trim_start().split(' ').map(|word| {
            if word.starts_with("duration_us=") && word != "duration_us=0" {
                DURATION
            } else {
                word
            }
        });
        let words: Vec<_> = words.collect();
        let mut line = words.join(" ");
        for other in ["numbers2", "numbers3", "numbers4", "numbers5", "numbers6"] {
            line = line.replace(other, "numbers");
        }
        self.0.insert(block, line);
    }
}

/// One that lets itself be held.
struct Held {
    gate: Arc<Semaphore>,
    entered: Arc<Semaphore>,
}

impl Held {
    fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            entered: Arc::new(Semaphore::new(0)),
        }
    }

    fn handler(
        &self,
    ) -> impl Fn(Request) -> std::pin::Pin<Box<dyn Future<Output = &'static str> + Send>>
    + Send
    + Sync
    + 'static {
        let (gate, entered) = (Arc::clone(&self.gate), Arc::clone(&self.entered));
        move |_| {
            let (gate, entered) = (Arc::clone(&gate), Arc::clone(&entered));
            Box::pin(async move {
                entered.add_permits(1);
                gate.acquire().await.unwrap().forget();
                "done"
            })
        }
    }

    async fn is_entered(&self) {
        raw::soon(self.entered.acquire()).await.unwrap().forget();
    }
}

async fn requests(broker: &Broker, seen: &mut Seen) {
    let report = Held::new();
    let service = ServiceBuilder::new("numbers", "1.0.0")
        .endpoint("add", async |request: Request| {
            let [a, b]: [u32; 2] = request.json()?;
            Ok::<_, Error>((a + b).to_string())
        })
        .endpoint("divide", async |request: Request| {
            let [a, b]: [u32; 2] = request.json()?;
            Ok::<_, Error>((a / b).to_string())
        })
        .endpoint("import", async |_: Request| {
            let text = std::fs::read_to_string("/no/such/table")?;
            Ok::<_, Error>(text)
        })
        .endpoint("primes", async |_: Request| vec![b'2'; 2 * 1024 * 1024])
        .endpoint("forget", async |_: Request| Reply::silence())
        .endpoint_with(
            "search",
            async |_: Request| std::future::pending::<()>().await,
            |endpoint| endpoint.timeout(Duration::from_millis(10)),
        )
        .endpoint_with("report", report.handler(), |endpoint| {
            endpoint.concurrency(1).pending(0)
        })
        .drain_timeout(Duration::from_millis(10))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    seen.line("starting", &service, &["starting"]).await;
    seen.line("ready", &service, &["ready"]).await;

    raw::request(&client, "add", "[1,2]").await;
    seen.line("ok", &service, &[": request service", "outcome=\"ok\""])
        .await;
    raw::request(&client, "add", r#"[1,"two"]"#).await;
    seen.line("error", &service, &[": request service", "code=400"])
        .await;
    client
        .publish_with_reply("forget", client.new_inbox(), "".into())
        .await
        .unwrap();
    seen.line("silent", &service, &["outcome=\"silent\""]).await;

    for _ in 0..3 {
        raw::request(&client, "divide", "[1,0]").await;
    }
    seen.line("panic", &service, &["request failed", "panicked"])
        .await;
    raw::request(&client, "import", "").await;
    seen.line("internal", &service, &["request failed", "\"import\""])
        .await;
    raw::request(&client, "search", "").await;
    seen.line("timeout", &service, &["request failed", "code=504"])
        .await;
    raw::request(&client, "primes", "").await;
    seen.line("large", &service, &["request failed", "code=413"])
        .await;
    client.publish("add", "[1,2]".into()).await.unwrap();
    seen.line("dropped", &service, &["reply dropped"]).await;
    seen.line("no_reply", &service, &["outcome=\"no_reply_subject\""])
        .await;

    let caller = client.clone();
    let held = tokio::spawn(async move { raw::request(&caller, "report", "").await });
    report.is_entered().await;
    for _ in 0..3 {
        raw::request(&client, "report", "").await;
    }
    seen.line("overloaded", &service, &[": overloaded", "refused=1"])
        .await;
    seen.line("refused", &service, &["outcome=\"refused\""])
        .await;
    let stats = raw::request(&client, "$SRV.STATS.numbers", "").await;
    let stats: Stats = serde_json::from_slice(&stats.payload).unwrap();
    let report = stats.endpoints.last().unwrap();
    seen.put("stats", &serde_json::to_string_pretty(report).unwrap());
    seen.line("more", &service, &[": overloaded", "refused=3"])
        .await;
    seen.line("over", &service, &["no longer overloaded"]).await;
    seen.line(
        "kept",
        &service,
        &["request failed", "\"divide\"", "kept_back"],
    )
    .await;

    service.stop().await;
    raw::soon(held).await.unwrap();
    seen.line("draining", &service, &["draining"]).await;
    seen.line("abandoned", &service, &["abandoned"]).await;
    seen.line("stopped", &service, &["stopped"]).await;
}

async fn events(broker: &Broker, seen: &mut Seen) {
    let slow = Held::new();
    let held = slow.handler();
    let service = ServiceBuilder::new("numbers6", "1.0.0")
        .subscriber_with(
            "sums.*",
            async |event: Request| {
                let [a, b]: [u32; 2] = event.json()?;
                assert!(b != 0, "attempt to divide by zero");
                std::hint::black_box(a / b);
                Ok::<_, Error>(())
            },
            |sums| sums.name("totals"),
        )
        .subscriber_with(
            "slow",
            move |event: Request| {
                let handled = held(event);
                async move {
                    handled.await;
                }
            },
            |slow| slow.concurrency(1).pending(0),
        )
        .drain_timeout(Duration::from_millis(10))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let send = async |body: &'static str| {
        client.publish("sums.add", body.into()).await.unwrap();
    };
    send("[1,2]").await;
    seen.line("event", &service, &[": event service", "outcome=\"ok\""])
        .await;
    send("[1,0]").await;
    seen.line("event_failed", &service, &["event failed", "code=500"])
        .await;
    send(r#"[1,"two"]"#).await;
    send(r#"[1,"two"]"#).await;
    seen.line("event_refused", &service, &["event failed", "code=400"])
        .await;
    client.publish("slow", "".into()).await.unwrap();
    slow.is_entered().await;
    for _ in 0..2 {
        client.publish("slow", "".into()).await.unwrap();
    }
    seen.line(
        "events_dropped",
        &service,
        &[": events dropped", "dropped=1"],
    )
    .await;
    raw::until("two dropped", async || {
        service.stats().subscribers()[1].dropped == 2
    })
    .await;
    let stats = service.stats().subscribers().remove(1);
    seen.put(
        "event_stats",
        &serde_json::to_string_pretty(&stats).unwrap(),
    );
    seen.line("event_kept", &service, &["event failed", "kept_back"])
        .await;
    seen.line("events_over", &service, &["no longer dropping"])
        .await;
    service.stop().await;
    seen.line("event_abandoned", &service, &["abandoned"]).await;
}

async fn connections(broker: &Broker, seen: &mut Seen) {
    let (url, network) = proxy::cuttable(broker.url(), Duration::ZERO).await;
    let connection = Connection::connect(&url).await.unwrap();
    let service = ServiceBuilder::new("numbers2", "1.0.0")
        .endpoint("echo", async |_: Request| "reply")
        .start(&connection)
        .await
        .unwrap();
    network.cut();
    seen.line("disconnected", &service, &["disconnected"]).await;
    seen.line("away", &service, &["reconnect failed"]).await;
    let listener = proxy::bind_again(&url).await;
    let _network = proxy::serve(listener, broker.url(), Duration::ZERO);
    seen.line("reconnected", &service, &["reconnected"]).await;
    // The client says so before it has asked for its subscriptions again.
    raw::round_trip(&connection.client()).await;
    raw::poison(broker.url(), "echo").await;
    seen.line("failed", &service, &["client failed"]).await;
    let renewed = async || connection.is_connected();
    raw::until("another client", renewed).await;
    connection.client().drain().await.unwrap();
    seen.line("closed", &service, &["closed"]).await;
    seen.line("cause", &service, &["service: draining", "error="])
        .await;
    raw::soon(service.stopped()).await;
}

/// What a server says that has permissions, where there is one.
async fn permissions(seen: &mut Seen) {
    let config = r#"authorization { users: [
        { user: a, password: a, permissions: { publish: { deny: "replies.private" } } }
    ] }"#;
    let Some(broker) = Broker::start_real(config).await else {
        return;
    };
    let events = Events::new();
    let options = async_nats::ConnectOptions::with_user_and_password("a".into(), "a".into());
    let options = options.event_callback(events.callback());
    let client = options.connect(broker.url()).await.unwrap();
    let connection = Connection::with_events(client.clone(), events);
    let service = ServiceBuilder::new("numbers3", "1.0.0")
        .endpoint("echo", async |_: Request| "reply")
        .start(&connection)
        .await
        .unwrap();
    client
        .publish_with_reply("echo", "replies.private", "".into())
        .await
        .unwrap();
    seen.line("denied", &service, &[": refused"]).await;
}

/// A server that takes other credentials when it is back.
async fn credentials(seen: &mut Seen) {
    let config =
        |password: &str| format!("authorization {{ user: numbers, password: {password} }}");
    let (Some(before), Some(after)) = (
        Broker::start_real(&config("old")).await,
        Broker::start_real(&config("new")).await,
    ) else {
        return;
    };
    let (url, network) = proxy::cuttable(before.url(), Duration::ZERO).await;
    let options = ConnectOptions::new().urls(&url).user("numbers", "old");
    let connection = Connection::connect_with(&options).await.unwrap();
    let service = ServiceBuilder::new("numbers5", "1.0.0")
        .endpoint("echo", async |_: Request| "reply")
        .start(&connection)
        .await
        .unwrap();
    network.cut();
    let listener = proxy::bind_again(&url).await;
    let _network = proxy::serve(listener, after.url(), Duration::ZERO);
    seen.line("credentials", &service, &["credentials refused"])
        .await;
}

/// No server, and a program that waits for one. It has no service yet.
async fn waiting(seen: &mut Seen) {
    let options = ConnectOptions::new()
        .urls("nats://127.0.0.1:1")
        .retry_connect();
    let waiting = tokio::spawn(async move { Connection::connect_with(&options).await });
    let line = lines::any(&["cannot be reached yet"]).await;
    seen.put("waiting", &line);
    waiting.abort();
}

const PROGRAM_NATS: &str = "MICRO_TEST_LOGGED_NATS";

#[ignore = "the program of another test, and nothing without it"]
#[tokio::test]
async fn program() {
    let Ok(url) = std::env::var(PROGRAM_NATS) else {
        return;
    };
    let slow = ServiceBuilder::new("numbers4", "1.0.0").endpoint("slow", async |r: Request| {
        let connection = r.context().connection().client();
        connection.publish("begun", "".into()).await?;
        std::future::pending::<()>().await;
        Ok::<_, Error>(())
    });
    let app = App::with_args(AppArgs::default()).nats(url).builder(slow);
    app.run().await.unwrap();
}

async fn signals(broker: &Broker, seen: &mut Seen) {
    let mut program = Command::new(std::env::current_exe().unwrap());
    let mut program = program
        .args(["--exact", "page::program", "--ignored", "--nocapture"])
        .env(PROGRAM_NATS, broker.url())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(program.stderr.take().unwrap()).lines();
    let mut until = async |says: &str| loop {
        let line = raw::soon(log.next_line()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("it ended without saying {says:?}"));
        // The time goes before.
        if let Some((_, line)) = line.split_once(' ')
            && line.contains(says)
        {
            return line.to_owned();
        }
    };
    until("ready").await;
    let client = broker.client().await;
    let mut begun = client.subscribe("begun").await.unwrap();
    raw::round_trip(&client).await;
    client.publish("slow", "".into()).await.unwrap();
    raw::soon(futures_util::StreamExt::next(&mut begun))
        .await
        .unwrap();
    let signal = |name: &str| {
        let id = program.id().unwrap().to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args(["-s", name, &id]).status().unwrap().success());
    };
    signal("TERM");
    seen.put("signal", &until("stopping").await);
    signal("TERM");
    seen.put("second", &until("ending at once").await);
    assert_eq!(raw::soon(program.wait()).await.unwrap().code(), Some(143));
}

#[tokio::test]
async fn the_page_shows_what_is_printed() {
    lines::record();
    let broker = Broker::start().await;
    let mut seen = Seen::default();
    requests(&broker, &mut seen).await;
    events(&broker, &mut seen).await;
    connections(&broker, &mut seen).await;
    permissions(&mut seen).await;
    credentials(&mut seen).await;
    waiting(&mut seen).await;
    signals(&broker, &mut seen).await;

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut now = String::new();
    let mut rest = page.as_str();
    while let Some((before, from)) = rest.split_once("```text line=") {
        let (block, from) = from.split_once('\n').unwrap();
        let (shown, after) = from.split_once("```\n").unwrap();
        // Not every broker brings about all of them.
        let printed = match seen.0.remove(block) {
            Some(printed) => printed + "\n",
            None if ["denied", "credentials"].contains(&block) => shown.to_owned(),
            None => panic!("nothing was printed for the block {block}"),
        };
        write!(now, "{before}```text line={block}\n{printed}```\n").unwrap();
        rest = after;
    }
    now += rest;
    assert!(seen.0.is_empty(), "not on the page: {:#?}", seen.0);
    if std::env::var("TRYBUILD").is_ok_and(|wish| wish == "overwrite") {
        std::fs::write(&path, now).unwrap();
    } else {
        assert!(
            now == page,
            "docs/operations.md is not what is printed:\n{now}"
        );
    }
}
