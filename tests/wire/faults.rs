//! What must not happen, and does: each is answered or counted, and the service serves the next
//! request.

use std::sync::Arc;
use std::time::Duration;

use micro::{Error, Json, Reply, Request, RunningService, ServiceBuilder};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::broker::Broker;
use crate::raw;

async fn start(broker: &Broker) -> RunningService {
    ServiceBuilder::new("faults", "1.0.0")
        .endpoint("sum", async |request: Request| {
            let numbers: Vec<u32> = request.json()?;
            Ok::<_, Error>(Json(numbers.iter().sum::<u32>()))
        })
        .endpoint("panic", async |request: Request| -> Json<u32> {
            panic!("secret of {}", request.context().service())
        })
        .endpoint("panic_before", |_: Request| -> std::future::Ready<()> {
            panic!("before there is a future")
        })
        .endpoint("newline", async |_: Request| {
            Err::<(), _>(Error::new(418, "tea\r\npot: X-Injected: yes"))
        })
        .endpoint("huge", async |_: Request| vec![b'x'; 2 * 1024 * 1024])
        .endpoint("huge_text", async |_: Request| {
            Err::<(), _>(Error::new(500, "é".repeat(20_000)))
        })
        .endpoint("silent", async |_: Request| Reply::silence())
        .endpoint("command", async |_: Request| ())
        .endpoint("huge_error", async |_: Request| {
            Err::<(), _>(Error::new(422, "too much").with_body(vec![b'x'; 2 * 1024 * 1024]))
        })
        .endpoint_with(
            "late",
            async |request: Request| {
                let _bomb = Bomb;
                request.context().set_header("X-Late", "yes")?;
                std::future::pending::<()>().await;
                Ok::<_, Error>(())
            },
            |endpoint| endpoint.timeout(Duration::from_millis(10)).concurrency(1),
        )
        .endpoint("header", async |request: Request| {
            request.context().set_header("X-Set", "by the handler")?;
            Ok::<_, Error>("body")
        })
        .start(&broker.client().await)
        .await
        .unwrap()
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

/// Requests, errors and the last error of an endpoint.
async fn counted(
    client: &async_nats::Client,
    service: &RunningService,
    name: &str,
) -> (u64, u64, String) {
    let stats = raw::stats(client, "faults", service.id()).await;
    let endpoint = stats["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .find(|endpoint| endpoint["name"] == name)
        .unwrap()
        .clone();
    (
        endpoint["num_requests"].as_u64().unwrap(),
        endpoint["num_errors"].as_u64().unwrap(),
        endpoint["last_error"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn a_body_that_does_not_decode_answers_400_with_path_and_position() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let reply = raw::request(&client, "sum", r#"[1,"x"]"#).await;
    let text = "cannot decode the request: at `[1]`, line 1 column 6: \
                invalid type: string \"x\", expected u32";
    assert_eq!(raw::error_of(&reply), Some((400, text.into())));
    assert_eq!(
        counted(&client, &service, "sum").await,
        // Anybody may ask for STATS: what the caller sent is not in there.
        (
            1,
            1,
            "400:cannot decode the request: line 1 column 6: invalid type: string, expected u32"
                .into()
        )
    );
    for body in ["", "[", "\u{0}", "[1] x", "{}", &"[".repeat(900_000)] {
        let reply = raw::request(&client, "sum", body).await;
        let (code, text) = raw::error_of(&reply).unwrap();
        assert_eq!(code, 400, "{text}");
    }
    let not_utf8 = client
        .request("sum", vec![b'[', 0xff, b']'].into())
        .await
        .unwrap();
    assert_eq!(raw::error_of(&not_utf8).unwrap().0, 400);
    assert_eq!(raw::text(&raw::request(&client, "sum", "[1,2]").await), "3");
}

#[tokio::test]
async fn a_panic_answers_500_tells_nothing_and_leaves_the_rest_serving() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    for endpoint in ["panic", "panic_before"] {
        for _ in 0..3 {
            let reply = raw::request(&client, endpoint, "").await;
            assert_eq!(raw::error_of(&reply), Some((500, "internal error".into())));
            assert_eq!(raw::text(&reply), "");
        }
        assert_eq!(
            counted(&client, &service, endpoint).await,
            (3, 3, "500:internal error".into())
        );
    }
    assert_eq!(raw::text(&raw::request(&client, "sum", "[1,2]").await), "3");
}

#[tokio::test]
async fn a_request_without_a_reply_subject_is_counted() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    for _ in 0..10 {
        raw::request(&client, "sum", "[1]").await;
    }
    client.publish("sum", "[1]".into()).await.unwrap();
    client.publish("command", "".into()).await.unwrap();
    // Behind them on the same connection, and answered by the same task.
    raw::request(&client, "sum", "[1]").await;
    raw::request(&client, "command", "").await;
    assert_eq!(
        counted(&client, &service, "sum").await,
        (
            12,
            1,
            "the request has no reply subject, its reply was dropped".into()
        )
    );
    // Nothing to say and nobody to say it to is no error.
    assert_eq!(
        counted(&client, &service, "command").await,
        (2, 0, String::new())
    );
}

#[tokio::test]
async fn an_error_text_with_a_newline_is_one_line_and_injects_nothing() {
    let broker = Broker::start().await;
    let _service = start(&broker).await;
    let client = broker.client().await;
    for _ in 0..2 {
        let reply = raw::request(&client, "newline", "").await;
        assert_eq!(
            raw::error_of(&reply),
            Some((418, "tea  pot: X-Injected: yes".into()))
        );
        assert!(reply.headers.unwrap().get("X-Injected").is_none());
    }
    let long = raw::request(&client, "huge_text", "").await;
    assert_eq!(raw::error_of(&long).unwrap().1, "é".repeat(512));
}

#[tokio::test]
async fn a_reply_that_is_too_large_becomes_413() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let reply = raw::request(&client, "huge", "").await;
    let text =
        "the reply of 2097152 bytes and its headers exceed the server's limit of 1048576 bytes";
    assert_eq!(raw::error_of(&reply), Some((413, text.into())));
    assert_eq!(
        counted(&client, &service, "huge").await,
        (1, 1, format!("413:{text}"))
    );
}

#[tokio::test]
async fn a_request_counts_as_one_error_at_most() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let reply = raw::request(&client, "huge_error", "").await;
    assert_eq!(raw::error_of(&reply).unwrap().0, 413);
    assert_eq!(
        counted(&client, &service, "huge_error").await,
        (1, 1, "422:too much".into())
    );
    // An error that nobody waits for is that error, once.
    client.publish("sum", "x".into()).await.unwrap();
    raw::request(&client, "sum", "[1]").await;
    let (requests, errors, last) = counted(&client, &service, "sum").await;
    assert_eq!((requests, errors), (2, 1));
    assert!(last.starts_with("400:cannot decode"), "{last}");
}

#[tokio::test]
async fn a_panic_while_a_late_handler_is_dropped_answers_500_and_frees_its_place() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    for _ in 0..4 {
        let reply = raw::request(&client, "late", "").await;
        assert_eq!(raw::error_of(&reply), Some((500, "internal error".into())));
        // What the handler set before is kept, whatever became of it.
        let headers = reply.headers.unwrap();
        assert_eq!(headers.get("X-Late").unwrap().as_str(), "yes");
    }
    assert_eq!(counted(&client, &service, "late").await.0, 4);
}

#[tokio::test]
async fn headers_set_through_the_context_are_on_the_reply() {
    let broker = Broker::start().await;
    let _service = start(&broker).await;
    let client = broker.client().await;
    let reply = raw::request(&client, "header", "").await;
    assert_eq!(
        reply.headers.unwrap().get("X-Set").unwrap().as_str(),
        "by the handler"
    );
}

#[tokio::test]
async fn a_handler_may_answer_nothing() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    client
        .publish_with_reply("silent", client.new_inbox(), "".into())
        .await
        .unwrap();
    raw::request(&client, "sum", "[1]").await;
    // The endpoint has a task of its own: ask until it has come to it.
    let count = tokio::time::timeout(raw::PATIENCE, async {
        loop {
            let count = counted(&client, &service, "silent").await;
            if count.0 > 0 {
                return count;
            }
        }
    });
    assert_eq!(count.await.unwrap(), (1, 0, String::new()));
}

#[tokio::test]
async fn over_its_limits_an_endpoint_answers_503_and_serves_what_it_admitted() {
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let service = ServiceBuilder::new("faults", "1.0.0")
        .endpoint_with(
            "narrow",
            move |_: Request| {
                let gate = Arc::clone(&held);
                async move {
                    let _pass = gate.acquire().await;
                    "served"
                }
            },
            |endpoint| endpoint.concurrency(2),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    // Two run, 32 wait; the other six are refused at once, while nothing can finish.
    let client = broker.client().await;
    let mut replies = {
        let inbox = client.new_inbox();
        let replies = client.subscribe(inbox.clone()).await.unwrap();
        for _ in 0..40 {
            client
                .publish_with_reply("narrow", inbox.clone(), "".into())
                .await
                .unwrap();
        }
        replies
    };
    let mut next = async || {
        let reply = futures_util::StreamExt::next(&mut replies);
        tokio::time::timeout(raw::PATIENCE, reply)
            .await
            .unwrap()
            .unwrap()
    };
    for _ in 0..6 {
        let refused = next().await;
        let text = "endpoint `narrow` is at its limits, try again later";
        assert_eq!(raw::error_of(&refused), Some((503, text.into())));
        // Nothing has been done yet from which a time could be told.
        let again = refused.headers.unwrap();
        assert_eq!(again.get("Micro-Retry-After").unwrap().as_str(), "100");
    }
    gate.add_permits(1_000);
    for _ in 0..34 {
        assert_eq!(raw::text(&next().await), "served");
    }
    let (requests, errors, _) = counted(&client, &service, "narrow").await;
    assert_eq!((requests, errors), (40, 6));
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes_too() {
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let _service = ServiceBuilder::new("narrow", "1.0.0")
        .endpoint_with(
            "slow",
            move |_: Request| {
                let held = Arc::clone(&held);
                async move {
                    let _ = held.acquire().await.unwrap();
                    "done"
                }
            },
            |endpoint| endpoint.concurrency(1).pending(1_000_000),
        )
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let megabyte = "x".repeat(1_000_000);
    let mut calls = JoinSet::new();
    for _ in 0..70 {
        let (client, body) = (client.clone(), megabyte.clone());
        calls.spawn(async move { raw::request(&client, "slow", &body).await });
    }
    // One runs and 67 fit in 64 MiB, though a million might wait.
    for _ in 0..2 {
        let refused = calls.join_next().await.unwrap().unwrap();
        assert_eq!(raw::error_of(&refused).unwrap().0, 503);
    }
    // Those that have been served make room again.
    gate.add_permits(1);
    for served in calls.join_all().await {
        assert_eq!(raw::text(&served), "done");
    }
    assert_eq!(
        raw::text(&raw::request(&client, "slow", &megabyte).await),
        "done"
    );
}

#[tokio::test]
async fn replies_do_not_repeat_the_headers_of_requests() {
    let broker = Broker::start().await;
    let _service = start(&broker).await;
    let client = broker.client().await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Content-Encoding", "snappy");
    let reply = client
        .request_with_headers("sum", headers, "[1]".into())
        .await
        .unwrap();
    assert_eq!((reply.headers, &reply.payload[..]), (None, &b"1"[..]));
    let info = raw::json(&raw::request(&client, "$SRV.INFO.faults", "").await);
    assert_eq!(info["endpoints"][0]["metadata"], json!({}));
}

#[tokio::test]
async fn how_many_may_wait_can_be_said() {
    let broker = Broker::start().await;
    for (pending, admitted) in [(0, 1), (2, 3)] {
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        let service = ServiceBuilder::new("narrow", "1.0.0")
            .endpoint_with(
                "slow",
                move |_: Request| {
                    let held = Arc::clone(&held);
                    async move {
                        let _ = held.acquire().await.unwrap();
                        "done"
                    }
                },
                |endpoint| endpoint.concurrency(1).pending(pending),
            )
            .start(&broker.client().await)
            .await
            .unwrap();
        let client = broker.client().await;
        let mut calls = JoinSet::new();
        for _ in 0..5 {
            let client = client.clone();
            calls.spawn(async move { raw::request(&client, "slow", "").await });
        }
        // Those that are over the limit are answered while the handler is stuck.
        for _ in admitted..5 {
            let refused = calls.join_next().await.unwrap().unwrap();
            assert_eq!(raw::error_of(&refused).unwrap().0, 503);
        }
        gate.add_permits(1);
        for served in calls.join_all().await {
            assert_eq!(raw::text(&served), "done");
        }
        service.stop().await;
    }
}
