//! Section 4: the answer to STATS, and what its counters mean. That it has these fields, of these
//! kinds, and no others is in `schemas/stats.json`, which every answer here is held to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use micro::{Error, Reply, Request, RunningService, ServiceBuilder};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::documents::{
    ask, ask_all, by_id, counters, counts, each, echo, fail, fresh, info, ping, plain, soon, start,
    stats,
};
use crate::raw;

#[tokio::test]
async fn stats_of_a_service_with_nothing_is_complete() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("nothing", "0.0.0")
        .start(&broker.client().await)
        .await
        .unwrap();
    let mut document = stats(&broker.client().await, &service).await;
    let started = document["started"].take();
    assert!(started.is_string());
    assert_eq!(
        document,
        json!({
            "name": "nothing",
            "id": service.id(),
            "version": "0.0.0",
            "metadata": {},
            "type": "io.nats.micro.v1.stats_response",
            "started": null,
            "endpoints": [],
        })
    );
}

#[tokio::test]
async fn stats_before_any_request_are_zeros() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("fresh", "1.0.0")
        .metadata("team", "core")
        .endpoint_with("one", echo, |endpoint| {
            endpoint.metadata("not", "in STATS").description("nor this")
        })
        .group("g", |group| {
            group
                .no_queue_group()
                .endpoint_with("two.*", echo, |endpoint| endpoint.name("Two"))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let document = stats(&broker.client().await, &service).await;
    assert_eq!(document["metadata"], json!({ "team": "core" }));
    assert_eq!(
        document["endpoints"],
        json!([fresh("one", "one", "q"), fresh("Two", "g.two.*", "")])
    );
}

#[tokio::test]
async fn started_has_six_digits_and_stays() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let mut seen = Vec::new();
    for number in 0..20 {
        let service = start(&broker, &format!("s{number}")).await;
        // The schema has the six digits and the Z.
        let started = stats(&client, &service).await["started"].clone();
        raw::request(&client, "echo", "x").await;
        assert_eq!(stats(&client, &service).await["started"], started);
        seen.push(started.as_str().unwrap().to_owned());
    }
    assert!(seen.is_sorted(), "{seen:?}");
}

#[tokio::test]
async fn documents_validate_before_and_after_traffic() {
    let broker = Broker::start().await;
    let service = plain("traffic")
        .metadata("team", "core")
        .endpoint("panic", async |_: Request| -> String { panic!("no") })
        .endpoint("silent", async |_: Request| Reply::silence())
        .endpoint("odd", async |request: Request| {
            let text = String::from_utf8_lossy(request.payload()).into_owned();
            Err::<(), _>(Error::new(499, text))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let before = (
        ping(&client, &service).await,
        info(&client, &service).await,
        stats(&client, &service).await,
    );
    for body in [
        "x",
        "",
        "\u{0}\r\n\"\\",
        "Zürich \u{1f980}",
        "{\"last_error\":{}}",
    ] {
        for subject in ["echo", "fail", "panic", "odd"] {
            raw::request(&client, subject, body).await;
        }
        client.publish("silent", "".into()).await.unwrap();
        client.publish("echo", "nobody waits".into()).await.unwrap();
        stats(&client, &service).await;
    }
    assert_eq!(ping(&client, &service).await, before.0);
    assert_eq!(info(&client, &service).await, before.1);
    let after = stats(&client, &service).await;
    assert_eq!(after["started"], before.2["started"]);
    assert_ne!(after["endpoints"], before.2["endpoints"]);
}

#[tokio::test]
async fn ten_requests_and_two_that_fail_are_twelve_and_two() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("mixed", "1.0.0")
        .endpoint("work", async |request: Request| {
            match &request.payload()[..] {
                b"fail" => Err(Error::new(422, "no such thing").with_body("{\"d\":1}")),
                _ => Ok("done"),
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for number in 0..12 {
        let body = if number % 5 == 4 { "fail" } else { "" };
        raw::request(&client, "work", body).await;
        let seen = counters(&client, &service, 0).await;
        // What has been answered has been counted.
        assert_eq!(seen["num_requests"], number + 1);
        let (total, average) = (
            seen["processing_time"].as_u64().unwrap(),
            seen["average_processing_time"].as_u64().unwrap(),
        );
        assert!(total > 0);
        assert_eq!(average, total / (number + 1), "integer division");
    }
    let seen = counters(&client, &service, 0).await;
    assert_eq!(counts(&seen), (12, 2));
    assert_eq!(seen["last_error"], "422:no such thing");
}

#[tokio::test]
async fn last_error_is_that_of_the_last_error_and_stays_after_successes() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("errors", "1.0.0")
        .endpoint("work", async |request: Request| {
            let text = String::from_utf8_lossy(request.payload()).into_owned();
            match text.split_once(' ') {
                Some((code, text)) => Err(Error::new(code.parse()?, text)),
                None => Ok(text),
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for (number, (body, expected)) in [
        ("400 first", "400:first"),
        ("509 with: colons", "509:with: colons"),
        ("1 x", "1:x"),
        ("65535 x", "65535:x"),
    ]
    .into_iter()
    .enumerate()
    {
        raw::request(&client, "work", body).await;
        raw::request(&client, "work", "fine").await;
        let seen = counters(&client, &service, 0).await;
        assert_eq!(seen["last_error"], expected);
        let number = u64::try_from(number).unwrap();
        assert_eq!(counts(&seen), (2 * number + 2, number + 1));
    }
}

#[tokio::test]
async fn data_is_left_out_without_a_stats_handler() {
    let broker = Broker::start().await;
    let service = start(&broker, "bare").await;
    let client = broker.client().await;
    raw::request(&client, "echo", "").await;
    let seen = counters(&client, &service, 0).await;
    assert_eq!(seen.get("data"), None);
}

#[tokio::test]
async fn data_is_whatever_a_stats_handler_says() {
    let broker = Broker::start().await;
    let values = [
        json!({"endpoint": "e"}),
        json!([1, 2]),
        json!("text"),
        json!(7.5),
        json!(true),
    ];
    let mut builder = ServiceBuilder::new("data", "1.0.0");
    for (number, value) in values.iter().enumerate() {
        let value = value.clone();
        builder = builder.endpoint_with(&format!("e{number}"), echo, move |endpoint| {
            endpoint.stats_handler(move |_| value.clone())
        });
    }
    let service = builder
        .endpoint("without", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let document = stats(&broker.client().await, &service).await;
    for (number, value) in values.iter().enumerate() {
        assert_eq!(document["endpoints"][number]["data"], *value);
    }
    assert_eq!(document["endpoints"][values.len()].get("data"), None);
}

/// The `nats` command would print "null".
#[tokio::test]
async fn data_is_left_out_when_a_stats_handler_has_nothing_to_say() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("data", "1.0.0")
        .endpoint_with("none", echo, |endpoint| {
            endpoint.stats_handler(|_| None::<u32>)
        })
        .endpoint_with("unit", echo, |endpoint| endpoint.stats_handler(|_| ()))
        .start(&broker.client().await)
        .await
        .unwrap();
    let document = stats(&broker.client().await, &service).await;
    for endpoint in document["endpoints"].as_array().unwrap() {
        assert_eq!(endpoint.get("data"), None, "{endpoint}");
    }
}

/// Locks that a stats handler would meet again are held by nobody.
#[tokio::test]
async fn a_stats_handler_may_use_its_own_service() {
    let broker = Broker::start().await;
    let this: Arc<OnceLock<RunningService>> = Arc::default();
    let own = Arc::clone(&this);
    let service = ServiceBuilder::new("own", "1.0.0")
        .endpoint("echo", echo)
        .endpoint_with("asks", echo, move |endpoint| {
            endpoint.stats_handler(move |stats| {
                let service = own.get().unwrap();
                let seen = service.stats().endpoints.len();
                json!({"of": stats.name, "stats": seen, "info": service.info().endpoints.len()})
            })
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    this.set(service.clone()).unwrap();
    let client = broker.client().await;
    let expected = json!({"of": "asks", "stats": 2, "info": 2});
    assert_eq!(counters(&client, &service, 1).await["data"], expected);
    assert_eq!(service.stats().endpoints[1].data, Some(expected));
}

#[tokio::test]
async fn stats_list_the_endpoints_of_info() {
    let broker = Broker::start().await;
    let service = plain("listed")
        .group("z", |group| group.queue_group("zq").endpoint("a", echo))
        .endpoint_with("any.*", echo, |endpoint| {
            endpoint.name("Any").no_queue_group()
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let (info, stats) = (
        info(&client, &service).await,
        stats(&client, &service).await,
    );
    for key in ["name", "subject", "queue_group"] {
        assert_eq!(each(&info, key), each(&stats, key));
    }
    for key in ["name", "id", "version", "metadata"] {
        assert_eq!(info[key], stats[key]);
    }
}

#[tokio::test]
async fn questions_are_not_counted() {
    let broker = Broker::start().await;
    let service = start(&broker, "asked").await;
    let client = broker.client().await;
    for verb in ["PING", "INFO", "STATS"] {
        for _ in 0..10 {
            ask_all(&client, &format!("$SRV.{verb}"), 1).await;
        }
    }
    let seen = stats(&client, &service).await;
    assert_eq!(
        seen["endpoints"],
        json!([fresh("echo", "echo", "q"), fresh("fail", "fail", "q")])
    );
}

#[tokio::test]
async fn a_request_counts_whether_or_not_it_is_answered() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("silent", "1.0.0")
        .endpoint("silent", async |_: Request| Reply::silence())
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..5 {
        client
            .publish_with_reply("silent", client.new_inbox(), "".into())
            .await
            .unwrap();
        client.publish("silent", "".into()).await.unwrap();
    }
    let counted = async {
        loop {
            let seen = counters(&client, &service, 0).await;
            if counts(&seen).0 >= 10 {
                return seen;
            }
        }
    };
    let seen = tokio::time::timeout(raw::PATIENCE, counted).await.unwrap();
    assert_eq!(counts(&seen), (10, 0));
}

#[tokio::test]
async fn ten_requests_and_one_without_a_reply_subject_are_eleven_and_one() {
    let broker = Broker::start().await;
    let service = start(&broker, "eleven").await;
    let client = broker.client().await;
    for _ in 0..9 {
        raw::request(&client, "echo", "x").await;
    }
    client.publish("echo", "x".into()).await.unwrap();
    // Behind it on the same connection, and counted by the same task.
    raw::request(&client, "echo", "x").await;
    let seen = counters(&client, &service, 0).await;
    assert_eq!(counts(&seen), (11, 1));
    let last = seen["last_error"].as_str().unwrap();
    assert!(last.contains("no reply subject"), "{last}");
}

#[tokio::test]
async fn an_empty_answer_to_nobody_is_no_error() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("command", "1.0.0")
        .endpoint("do", async |_: Request| ())
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    client.publish("do", "".into()).await.unwrap();
    // Behind it on the same connection, and counted by the same task.
    raw::request(&client, "do", "").await;
    assert_eq!(counts(&counters(&client, &service, 0).await), (2, 0));
}

#[tokio::test]
async fn a_reply_that_cannot_be_sent_is_an_error() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("large", "1.0.0")
        .endpoint("large", async |_: Request| vec![b'x'; 2 * 1024 * 1024])
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let reply = raw::request(&client, "large", "").await;
    let (code, text) = raw::error_of(&reply).unwrap();
    assert_eq!(code, 413);
    let seen = counters(&client, &service, 0).await;
    assert_eq!(counts(&seen), (1, 1));
    assert_eq!(seen["last_error"], format!("413:{text}"));
}

#[tokio::test]
async fn a_request_that_is_answered_several_times_counts_once() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("several", "1.0.0")
        .endpoint("three", async |request: Request| {
            request.context().reply("one").await?;
            request.context().reply("two").await?;
            Ok::<_, Error>("three")
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for asked in 1..=5 {
        let replies = raw::gather(&client, "three", 3).await;
        let texts: Vec<_> = replies.iter().map(raw::text).collect();
        assert_eq!(texts, ["one", "two", "three"]);
        assert_eq!(counts(&counters(&client, &service, 0).await), (asked, 0));
    }
}

/// A caller without a reply subject, and a handler that answers it three times.
#[tokio::test]
async fn several_answers_to_nobody_are_one_error() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("nobody", "1.0.0")
        .endpoint("three", async |request: Request| {
            let _ = request.context().reply("one").await;
            let _ = request.context().reply("two").await;
            "three"
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    client.publish("three", "".into()).await.unwrap();
    raw::gather(&client, "three", 3).await;
    assert_eq!(counts(&counters(&client, &service, 0).await), (2, 1));
}

#[tokio::test]
async fn a_request_counts_when_its_handler_has_returned() {
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let service = ServiceBuilder::new("held", "1.0.0")
        .endpoint("held", move |_: Request| {
            let (held, entered) = (Arc::clone(&held), entered.clone());
            async move {
                entered.send(()).unwrap();
                held.acquire().await.unwrap().forget();
                "done"
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { raw::request(&client, "held", "").await })
        })
        .collect();
    for _ in 0..3 {
        soon(entries.recv()).await.unwrap();
    }
    assert_eq!(
        counters(&client, &service, 0).await,
        fresh("held", "held", "q")
    );
    gate.add_permits(3);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(counts(&counters(&client, &service, 0).await), (3, 0));
}

/// One at a time, so the handlers together cannot take longer than the test does. Counted with the
/// time in the queue it would be several times that.
#[tokio::test]
async fn processing_time_is_that_of_the_handlers_without_the_queue() {
    let broker = Broker::start().await;
    let inside = Arc::new(Mutex::new(Duration::ZERO));
    let measured = Arc::clone(&inside);
    let service = ServiceBuilder::new("timed", "1.0.0")
        .concurrency(1)
        .endpoint("sleep", move |_: Request| {
            let measured = Arc::clone(&measured);
            async move {
                let started = Instant::now();
                tokio::time::sleep(Duration::from_millis(10)).await;
                *measured.lock().unwrap() += started.elapsed();
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let started = Instant::now();
    let calls = (0..10).map(|_| raw::request(&client, "sleep", ""));
    futures_util::future::join_all(calls).await;
    let outside = started.elapsed();
    let seen = counters(&client, &service, 0).await;
    assert_eq!(counts(&seen), (10, 0));
    let counted = Duration::from_nanos(seen["processing_time"].as_u64().unwrap());
    let inside = *inside.lock().unwrap();
    assert!(inside <= counted, "{inside:?} within {counted:?}");
    assert!(counted <= outside, "{counted:?} within {outside:?}");
}

/// The same for handlers that compute, which are given tasks of their own: on one thread they take
/// turns, and a turn that has not come is no work.
#[tokio::test]
async fn processing_time_of_handlers_that_compute_is_without_the_queue_too() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("heavy", "1.0.0")
        .endpoint("compute", async |_: Request| {
            std::thread::sleep(Duration::from_millis(10));
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    // From the first one on it is known to be heavy.
    raw::request(&client, "compute", "").await;
    service.reset();
    let started = Instant::now();
    let calls = (0..10).map(|_| raw::request(&client, "compute", ""));
    futures_util::future::join_all(calls).await;
    let outside = started.elapsed();
    let seen = counters(&client, &service, 0).await;
    assert_eq!(counts(&seen), (10, 0));
    let counted = Duration::from_nanos(seen["processing_time"].as_u64().unwrap());
    assert!(counted <= outside, "{counted:?} within {outside:?}");
}

#[tokio::test]
async fn counters_are_each_endpoints_own_and_each_instances_own() {
    let broker = Broker::start().await;
    let connection = broker.client().await;
    let build = || {
        ServiceBuilder::new("own", "1.0.0")
            .no_queue_group()
            .endpoint("all", echo)
            .endpoint("never", echo)
            .endpoint("fail", fail)
    };
    let one = build().start(&connection).await.unwrap();
    let two = build().start(&connection).await.unwrap();
    let client = broker.client().await;
    for _ in 0..3 {
        assert_eq!(raw::gather(&client, "all", 2).await.len(), 2);
    }
    assert_eq!(raw::gather(&client, "fail", 2).await.len(), 2);
    for service in [&one, &two] {
        let document = stats(&client, service).await;
        let seen: Vec<_> = document["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(counts)
            .collect();
        assert_eq!(seen, [(3, 0), (0, 0), (1, 1)]);
    }
}

/// The `nats` command divides the time by the requests of all endpoints, and ends when there is
/// none to divide by. So no answer may fall between the two counts of a request, nor into a reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn there_is_no_time_without_a_request() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("divided", "1.0.0")
        .endpoint("echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let end = Arc::new(AtomicBool::new(false));
    let load = raw::load(&client, "echo", &end);
    let (mut resets, mut served) = (0, 0);
    let looking = raw::until("a hundred resets among requests", async || {
        let seen = service.stats().endpoints.remove(0);
        assert!(
            seen.num_requests > 0 || seen.processing_time == 0,
            "{seen:?}"
        );
        if seen.num_requests > 0 {
            service.reset();
            resets += 1;
            served += seen.num_requests;
        }
        resets == 100
    });
    looking.await;
    end.store(true, Ordering::Relaxed);
    let (sent, lost) = raw::all_of(load).await;
    assert_eq!(lost, 0, "of {sent}");
    assert!(served <= u64::try_from(sent).unwrap());
}

/// The answers of Go's `micro` to a service of this configuration, but for what differs by design:
/// endpoint metadata that is not set is an empty object here and `null` there, and `started` has six digits.
#[tokio::test]
async fn documents_are_those_that_gos_micro_gives_of_the_same_service() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("GO", "1.2.3-rc.1+go")
        .description("interop fixture (nats.go micro)")
        .metadata("probe", "svc")
        .endpoint_with("GO.fanout", echo, |endpoint| {
            endpoint.name("fanout").no_queue_group()
        })
        .group("GO", |group| {
            group
                .endpoint_with("echo", echo, |endpoint| {
                    endpoint.stats_handler(|stats| json!({"endpoint": stats.name}))
                })
                .group("g1", |group| {
                    group.endpoint_with("c.*", echo, |endpoint| {
                        endpoint
                            .name("custom")
                            .queue_group("eq")
                            .metadata("probe", "yes")
                    })
                })
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let go: [Value; 3] = [
        r#"{"name":"GO","id":"ID","version":"1.2.3-rc.1+go","metadata":{"probe":"svc"},"type":"io.nats.micro.v1.ping_response"}"#,
        r#"{"name":"GO","id":"ID","version":"1.2.3-rc.1+go","metadata":{"probe":"svc"},"type":"io.nats.micro.v1.info_response","description":"interop fixture (nats.go micro)","endpoints":[
            {"name":"fanout","subject":"GO.fanout","queue_group":"","metadata":null},
            {"name":"echo","subject":"GO.echo","queue_group":"q","metadata":null},
            {"name":"custom","subject":"GO.g1.c.*","queue_group":"eq","metadata":{"probe":"yes"}}]}"#,
        r#"{"name":"GO","id":"ID","version":"1.2.3-rc.1+go","metadata":{"probe":"svc"},"type":"io.nats.micro.v1.stats_response","started":"2026-11-21T00:30:23.741806416Z","endpoints":[
            {"name":"fanout","subject":"GO.fanout","queue_group":"","num_requests":0,"num_errors":0,"last_error":"","processing_time":0,"average_processing_time":0},
            {"name":"echo","subject":"GO.echo","queue_group":"q","num_requests":0,"num_errors":0,"last_error":"","processing_time":0,"average_processing_time":0,"data":{"endpoint":"echo"}},
            {"name":"custom","subject":"GO.g1.c.*","queue_group":"eq","num_requests":0,"num_errors":0,"last_error":"","processing_time":0,"average_processing_time":0}]}"#,
    ]
    .map(|text| serde_json::from_str(text).unwrap());
    for (verb, mut go) in ["PING", "INFO", "STATS"].into_iter().zip(go) {
        let ours = ask(&client, &by_id(verb, &service)).await;
        go["id"] = service.id().into();
        if verb == "INFO" {
            for place in 0..2 {
                go["endpoints"][place]["metadata"] = json!({});
            }
        }
        if verb == "STATS" {
            go["started"] = ours["started"].clone();
        }
        assert_eq!(ours, go, "{verb}");
    }
}
