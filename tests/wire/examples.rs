//! The other examples, as processes: each does what its first lines promise.

use crate::broker::Broker;
use crate::process::{example, output, run, text};
use crate::raw;

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
