//! One line a request at debug, none above it, and a span for what the handler logs.

use micro::{Error, Reply, Request, ServiceBuilder};

use crate::broker::Broker;
use crate::{lines, raw};

#[tokio::test]
async fn a_request_is_a_line_at_debug_and_none_above() {
    lines::record();
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("quiet", "1.0.0")
        .endpoint("ok", async |_: Request| "fine")
        .endpoint("no", async |_: Request| {
            Err::<(), _>(Error::new(404, "no such user"))
        })
        .endpoint("silent", async |_: Request| Reply::silence())
        .endpoint("last", async |_: Request| ())
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..100 {
        raw::request(&client, "ok", "").await;
        raw::request(&client, "no", "").await;
    }
    client
        .publish_with_reply("silent", client.new_inbox(), "".into())
        .await
        .unwrap();
    client.publish("last", "".into()).await.unwrap();
    for (endpoint, outcome) in [
        ("ok", "outcome=\"ok\" duration_us="),
        ("no", "outcome=\"error\" code=404 duration_us="),
        ("silent", "outcome=\"silent\" duration_us="),
        // A command without a caller.
        ("last", "outcome=\"ok\" duration_us="),
    ] {
        let instance = service.id();
        let begins = format!(
            "DEBUG micro::request: request service=\"quiet\" instance=\"{instance}\" \
             endpoint=\"{endpoint}\" subject=\"{endpoint}\" {outcome}"
        );
        lines::line("quiet", &[&begins]).await;
    }
    service.stop().await;
    let mut above = lines::of("quiet");
    above.retain(|line| {
        line.starts_with(" INFO") || line.starts_with(" WARN") || line.starts_with("ERROR")
    });
    let messages: Vec<_> = above
        .iter()
        .map(|line| line.split_whitespace().nth(2).unwrap())
        .collect();
    assert_eq!(messages, ["ready", "draining", "stopped"], "{above:?}");
    let requests = lines::of("quiet");
    let requests = requests
        .iter()
        .filter(|line| line.contains(": request service"));
    assert_eq!(requests.count(), 202);
}

#[tokio::test]
async fn what_a_handler_logs_is_within_its_request() {
    lines::record();
    let broker = Broker::start().await;
    let _service = ServiceBuilder::new("spanned", "1.0.0")
        .endpoint("users.*", async |_: Request| {
            tracing::info!("before it waits");
            tokio::task::yield_now().await;
            tracing::info!("after it has waited");
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    raw::request(&client, "users.bob", "").await;
    for says in ["before it waits", "after it has waited"] {
        let line = lines::line("spanned", &[says]).await;
        assert!(
            line.starts_with(" INFO request{service=\"spanned\" instance=\""),
            "{line}"
        );
        assert!(line.contains(" subject=\"users.bob\"}: "), "{line}");
    }
    let line = lines::line("spanned", &[": request service="]).await;
    assert!(line.contains("subject=\"users.bob\""), "{line}");
}

#[tokio::test]
async fn a_subject_is_bounded_and_one_harmless_line() {
    lines::record();
    let broker = Broker::start().await;
    let _service = ServiceBuilder::new("odd", "1.0.0")
        .endpoint("odd.*", async |_: Request| "fine")
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let subject = format!("odd.\u{1b}[2J\"\u{202e}{}", "x".repeat(3_000));
    raw::request(&client, &subject, "").await;
    let line = lines::line("odd", &[": request service="]).await;
    assert!(line.contains("subject=\"odd. [2J\\\" xxx"), "{line}");
    assert!(line.contains("x…\""), "{line}");
    assert!(line.len() < 1_500, "{}", line.len());
}
