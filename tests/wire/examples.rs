//! The other examples, as processes: each does what its first lines promise.

use micro::ServiceBuilder;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::task::JoinSet;

use crate::broker::Broker;
use crate::process::{example, output, run, text};
use crate::raw;

#[path = "../../examples/dynamic.rs"]
#[allow(dead_code, unreachable_pub, reason = "a program of its own")]
mod dynamic;

/// What `call` prints, and its exit code.
async fn call(broker: &Broker, name: &str, args: &[&str]) -> (String, Option<i32>) {
    let mut command = example(name);
    command.args(["--nats", broker.url(), "call"]).args(args);
    let output = output(&mut command).await;
    (text(&output.stdout).to_owned(), output.status.code())
}

async fn start(broker: &Broker, name: &str) -> crate::process::Running {
    let mut command = example(name);
    command.args(["--nats", broker.url()]);
    run(command).await
}

#[tokio::test]
async fn auto_runs_what_registered_itself() {
    let broker = Broker::start().await;
    let auto = start(&broker, "auto").await;
    for says in ["clock 1.0.0, instance ", "words 1.0.0, instance "] {
        assert!(auto.banner.contains(says), "{}", auto.banner);
    }
    let reversed = call(&broker, "auto", &["reverse", r#""stressed""#]).await;
    assert_eq!(reversed, ("\"desserts\"\n".to_owned(), Some(0)));
    let (uptime, _) = call(&broker, "auto", &["clock.uptime"]).await;
    assert!(uptime.trim().parse::<f64>().unwrap() > 0.0);
    let client = broker.client().await;
    assert_eq!(raw::gather(&client, "$SRV.PING", 2).await.len(), 2);
}

#[tokio::test]
async fn subscriber_prints_what_is_published() {
    let broker = Broker::start().await;
    let mut command = example("subscriber");
    let command = command.args(["--nats", broker.url()]);
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut complained = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = raw::soon(said.next_line()).await.unwrap().unwrap();
    assert_eq!(line, "listening on greetings.*");
    let client = broker.client().await;
    for (whom, body) in [
        ("world", r#"{"text": "hello", "from": "ada"}"#),
        ("nobody", "hello"),
        ("\u{1b}[2J", r#"{"text": "\u001b[2J"}"#),
    ] {
        let subject = format!("greetings.{whom}");
        client.publish(subject, body.into()).await.unwrap();
    }
    let line = raw::soon(said.next_line()).await.unwrap().unwrap();
    assert_eq!(line, "world: hello");
    let line = raw::soon(said.next_line()).await.unwrap().unwrap();
    assert!(!line.contains('\u{1b}'), "{line:?}");
    let complaint = raw::soon(complained.next_line()).await.unwrap().unwrap();
    assert!(
        complaint.contains("cannot decode the event on `greetings.nobody`"),
        "{complaint}"
    );
    // It serves nothing, and is found by nobody.
    let ping = raw::try_request(&client, "$SRV.PING", "").await;
    assert!(ping.is_err());
}

#[tokio::test]
async fn dynamic_opens_and_closes_topics() {
    let broker = Broker::start().await;
    let _dynamic = start(&broker, "dynamic").await;
    let client = broker.client().await;
    let subjects = async || {
        let info = raw::json(&raw::request(&client, "$SRV.INFO.topics", "").await);
        let endpoints = info["endpoints"].as_array().unwrap().clone();
        endpoints
            .iter()
            .map(|endpoint| endpoint["subject"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(subjects().await, ["topics.open", "topics.close"]);

    let open = call(&broker, "dynamic", &["open", r#""rust""#]).await;
    assert_eq!(open, ("\"topic.rust\"\n".to_owned(), Some(0)));
    assert_eq!(
        subjects().await,
        ["topics.open", "topics.close", "topic.rust"]
    );
    let again = call(&broker, "dynamic", &["open", r#""rust""#]).await;
    assert_eq!(again.1, Some(1), "it is open already");
    for name in [r#""a b""#, r#"">""#, r#""""#] {
        let bad = call(&broker, "dynamic", &["open", name]).await;
        assert_eq!(bad.1, Some(1), "{name} is no topic");
    }

    raw::request(&client, "topic.rust", "is loaded").await;
    let both = raw::request(&client, "topic.rust", "and fast").await;
    assert_eq!(raw::text(&both), "is loaded\nand fast");

    let close = call(&broker, "dynamic", &["close", r#""rust""#]).await;
    assert_eq!(close, ("2\n".to_owned(), Some(0)));
    assert_eq!(subjects().await, ["topics.open", "topics.close"]);
    let gone = raw::try_request(&client, "topic.rust", "").await;
    assert_eq!(
        gone.unwrap_err(),
        async_nats::RequestErrorKind::NoResponders
    );
}

/// What the example answers: a value, or the code of an error.
async fn ask(client: &async_nats::Client, subject: &str, name: &str) -> Result<Value, u16> {
    let body = Value::from(name).to_string();
    let reply = raw::request(client, subject, &body).await;
    match raw::error_of(&reply) {
        Some((code, _)) => Err(code),
        None => Ok(raw::json(&reply)),
    }
}

#[tokio::test]
async fn dynamic_takes_no_name_as_long_as_a_line() {
    let broker = Broker::start().await;
    let _dynamic = start(&broker, "dynamic").await;
    let client = broker.client().await;
    for length in [33, 3_000, 5_000] {
        let long = "a".repeat(length);
        assert_eq!(ask(&client, "topics.open", &long).await, Err(400));
        assert_eq!(ask(&client, "topics.close", &long).await, Err(404));
    }
    let longest = "a".repeat(32);
    let subject = Value::from(format!("topic.{longest}"));
    assert_eq!(ask(&client, "topics.open", &longest).await, Ok(subject));
}

#[tokio::test]
async fn dynamic_closes_a_topic_once_and_keeps_to_its_number() {
    let broker = Broker::start().await;
    let _dynamic = start(&broker, "dynamic").await;
    let client = broker.client().await;
    for round in 0..20 {
        let opened = ask(&client, "topics.open", "one").await;
        assert_eq!(opened, Ok("topic.one".into()), "round {round}");
        let closing = || ask(&client, "topics.close", "one");
        let (first, second) = tokio::join!(closing(), closing());
        let closed = [&first, &second].into_iter().filter(|c| c.is_ok()).count();
        assert_eq!(closed, 1, "round {round}: {first:?}, {second:?}");
    }

    let mut opened = 0;
    for batch in 0..3 {
        let mut opening = JoinSet::new();
        for number in 0..40 {
            let (client, name) = (client.clone(), format!("b{batch}n{number}"));
            opening.spawn(async move { ask(&client, "topics.open", &name).await });
        }
        for answer in opening.join_all().await {
            match answer {
                Ok(_) => opened += 1,
                Err(code) => assert_eq!(code, 429),
            }
        }
    }
    assert_eq!(opened, 100);
}

/// A request may come between the start of the service and the hook that has its handle.
#[tokio::test]
async fn dynamic_keeps_no_name_before_it_has_started() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let _service = ServiceBuilder::of(dynamic::Topics::default())
        .start(&client)
        .await
        .unwrap();
    for _ in 0..2 {
        assert_eq!(ask(&client, "topics.open", "early").await, Err(503));
    }
}

#[tokio::test]
async fn queue_groups_has_five_replies_to_one_request() {
    let broker = Broker::start().await;
    let mut command = example("queue_groups");
    command.args(["--nats", broker.url()]);
    let output = output(&mut command).await;
    let said = text(&output.stdout);
    assert!(said.starts_with("5 replies to one request:\n"), "{said}");
    for number in 0..5 {
        let reply = format!("q-{number} echoes hello!");
        assert_eq!(said.matches(&reply).count(), 1, "{said}");
    }
    assert_eq!(output.status.code(), Some(0));
}

/// Row 16. Whoever waited for the sleeper would have its 500 ms in every call; a machine that is busy with
/// something else is not what is tested, and so it is looked at again.
#[tokio::test]
async fn hedging_is_50_ms_at_most_for_99_of_100() {
    let broker = Broker::start().await;
    raw::until("a p99 below 50 ms", async || {
        let mut command = example("hedging");
        let output = output(command.args(["--nats", broker.url()])).await;
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let first = "500 calls to five instances, one of which takes 500ms:\n";
        assert!(said.starts_with(first), "{said}");
        let p99 = |row: &str| -> f64 {
            let row = said.lines().find_map(|line| line.trim().strip_prefix(row));
            let row: Vec<_> = row.unwrap().split_whitespace().collect();
            // p50, p90, p99 and the slowest, each with its unit.
            row[4].parse().unwrap()
        };
        assert!(p99("plain") >= 500.0, "{said}");
        p99("first()") < 50.0
    })
    .await;
}

#[tokio::test]
async fn selector_calls_those_who_pass_its_filters_in_turn() {
    let broker = Broker::start().await;
    let mut command = example("selector");
    command.args(["--nats", broker.url()]);
    let output = output(&mut command).await;
    let said: Vec<_> = text(&output.stdout).lines().map(str::trim).collect();
    let (eu, us) = ("greeter 2.0.0 of eu", "greeter 2.0.0 of us");
    let old = "greeter 1.0.0 of eu";
    let turns = [
        ["version 2:", eu, us, eu, us],
        ["zone eu:", old, eu, old, eu],
        ["version 2 and zone eu:", eu, eu, eu, eu],
        ["on the moon:", "nobody", "nobody", "nobody", "nobody"],
    ];
    assert_eq!(said, turns.concat(), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn discover_shows_who_is_there() {
    let broker = Broker::start().await;
    let mut command = example("discover");
    command.args(["--nats", broker.url()]);
    let nobody = output(&mut command).await;
    assert_eq!(text(&nobody.stdout), "0 found\n", "{nobody:?}");

    let _numbers = start(&broker, "numbers").await;
    let _echo = start(&broker, "echo").await;
    let both = output(&mut command).await;
    let said = text(&both.stdout);
    assert!(said.ends_with("2 found\n"), "{said}");
    for says in ["  divide   numbers.divide\n", "  default  svc.echo\n"] {
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(both.status.code(), Some(0));
}

#[tokio::test]
async fn wrappers_are_around_each_endpoint() {
    let broker = Broker::start().await;
    let _wrappers = start(&broker, "wrappers").await;
    let refused = call(&broker, "wrappers", &["upper", "hello"]).await;
    assert_eq!(refused, (String::new(), Some(1)));
    let key = ["-H", "X-Key: sesame"];
    for (endpoint, answer) in [("upper", "HELLO\n"), ("reverse", "olleh\n")] {
        let answered = call(
            &broker,
            "wrappers",
            &[&key[..], &[endpoint, "hello"]].concat(),
        )
        .await;
        assert_eq!(answered, (answer.to_owned(), Some(0)));
    }

    let client = broker.client().await;
    let request = async |key: &str| {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("X-Key", key);
        let asked = client.request_with_headers("upper", headers, "hello".into());
        asked.await.unwrap()
    };
    let signed_by = |reply: &async_nats::Message| {
        let headers = reply.headers.as_ref()?;
        Some(headers.get("X-Signed-By")?.to_string())
    };
    let signed = request("sesame").await;
    assert_eq!(signed_by(&signed).as_deref(), Some("wrappers"));
    // Whoever is refused never comes to what is further in.
    let refused = request("guess").await;
    assert_eq!(raw::error_of(&refused).unwrap().0, 403);
    assert_eq!(signed_by(&refused), None);
}

#[tokio::test]
async fn greeter_is_service_and_client() {
    let broker = Broker::start().await;
    let nats = ["--nats", broker.url()];
    let mut client = example("greeter");
    client.args(nats).arg("--run-client");
    let alone = output(&mut client).await;
    assert_eq!(alone.status.code(), Some(1), "nobody greets yet");
    assert!(text(&alone.stderr).contains("greeter.hello"), "{alone:?}");

    let greeter = start(&broker, "greeter").await;
    assert!(
        greeter.banner.contains("greeter 1.0.0"),
        "{}",
        greeter.banner
    );
    // The flag as the Go Micro documents spell it, too.
    for flag in ["--run-client", "--run_client"] {
        let mut client = example("greeter");
        client.args(nats).arg(flag);
        let said = output(&mut client).await;
        assert_eq!(text(&said.stdout), "Hello John\n", "{}", text(&said.stderr));
        assert_eq!(said.status.code(), Some(0));
    }
    let john = call(&broker, "greeter", &["hello", r#"{"name":"John"}"#]).await;
    assert_eq!(
        john,
        ("{\"greeting\":\"Hello John\"}\n".to_owned(), Some(0))
    );
    let header = ["-H", "X-Greeting: Ahoy", "hello", r#"{"name":"John"}"#];
    let (ahoy, _) = call(&broker, "greeter", &header).await;
    assert_eq!(ahoy, "{\"greeting\":\"Ahoy John\"}\n");
    let nobody = call(&broker, "greeter", &["hello", r#"{"name":""}"#]).await;
    assert_eq!(nobody.1, Some(1), "an error of the service");

    let mut help = example("greeter");
    help.arg("--help");
    let said = output(&mut help).await;
    for says in ["--nats", "NATS_URL", "--log", "MICRO_LOG", "--run-client"] {
        assert!(text(&said.stdout).contains(says), "{}", text(&said.stdout));
    }
}

#[tokio::test]
async fn shipping_ships_what_was_ordered_once() {
    let broker = Broker::start().await;
    let mut first = start(&broker, "shipping").await;
    let mut second = start(&broker, "shipping").await;
    let row = "  ship   orders.*.created  events, queue group shipping.ship\n";
    assert!(first.banner.contains(row), "{}", first.banner);
    let client = broker.client().await;
    for number in 0..10 {
        let item = if number == 0 { "" } else { "tea" };
        let wish = json!({ "item": item }).to_string();
        let reply = raw::request(&client, "orders.eu.place", &wish).await;
        assert!(raw::error_of(&reply).is_none(), "{reply:?}");
    }
    raw::until("ten shipped, and one of them in vain", async || {
        let stats = raw::gather(&client, "$SRV.STATS.shipping", 2).await;
        let stats: Vec<_> = stats.iter().map(raw::json).collect();
        let sum = |key: &str| -> u64 {
            let of = |stats: &Value| raw::subscribers(stats)[0][key].as_u64().unwrap();
            stats.iter().map(of).sum()
        };
        sum("num_events") == 10 && sum("num_errors") == 1 && sum("dropped") == 0
    })
    .await;
    for (shipping, signal) in [(&mut first, "TERM"), (&mut second, "INT")] {
        shipping.signal(signal);
        assert_eq!(shipping.exit_code().await, Some(0));
    }
}

/// Row 130: what handlers share is handed to them.
#[test]
fn no_example_has_a_global() {
    let mut folders = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/examples").into()];
    let mut programs = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir::<std::path::PathBuf>(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Tests number their folders.
                folders.extend((!path.ends_with("tests")).then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let is_global = |line: &&str| {
                    line.contains("thread_local!")
                        || line.split_whitespace().any(|word| word == "static")
                };
                let global = text.lines().find(is_global);
                assert_eq!(global, None, "{}", path.display());
                programs += usize::from(text.contains("fn main()"));
            }
        }
    }
    assert!(programs > 12, "{programs}");
}
