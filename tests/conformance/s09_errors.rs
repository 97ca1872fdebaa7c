//! Section 9: what a reply looks like, and how an error is told from a value.

use std::time::Duration;

use async_nats::HeaderMap;
use futures_util::StreamExt as _;
use micro::{CallError, Caller, Error, Fault, Reply, Request, ServiceBuilder, ServiceError};

use crate::broker::Broker;
use crate::documents::{counters, counts, echo, stop};
use crate::raw;
use crate::tap::Tap;

/// The last message that came through a tap, as its lines of headers and its body; no lines for a
/// message without headers.
fn last_delivered(tap: &Tap) -> (Vec<String>, String) {
    let frame = tap.delivered().pop().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    if frame.line.starts_with("MSG ") {
        return (Vec::new(), text(&frame.body));
    }
    let words: Vec<_> = frame.line.split(' ').collect();
    let [.., length, _] = words[..] else {
        panic!("{}", frame.line)
    };
    let (head, body) = frame.body.split_at(length.parse().unwrap());
    let head = text(head);
    let head = head.strip_suffix("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
    // The version comes first; the others have no order.
    lines[1..].sort();
    (lines, text(body))
}

#[tokio::test]
async fn a_success_is_its_payload_without_headers() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let _service = ServiceBuilder::new("success", "1.0.0")
        .endpoint("echo", echo)
        .endpoint("empty", async |_: Request| ())
        .endpoint("headers", async |request: Request| {
            request.context().set_header("X-Set", "by the handler")?;
            Ok::<_, Error>(Reply::bytes("body").with_header("X-Own", "by the reply")?)
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = tap.client().await;
    for body in ["hello!", "", "{\"error\":1}", "\u{0}\r\n"] {
        raw::request(&client, "echo", body).await;
        assert_eq!(last_delivered(&tap), (vec![], body.to_owned()));
    }
    raw::request(&client, "empty", "x").await;
    assert_eq!(last_delivered(&tap), (vec![], String::new()));
    raw::request(&client, "headers", "").await;
    let lines = ["NATS/1.0", "X-Own: by the reply", "X-Set: by the handler"];
    assert_eq!(
        last_delivered(&tap),
        (lines.map(str::to_owned).into(), "body".to_owned())
    );
}

#[tokio::test]
async fn headers_of_a_request_do_not_come_back() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let _service = ServiceBuilder::new("headers", "1.0.0")
        .endpoint("echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Content-Encoding", "snappy");
    headers.insert("Nats-Service-Error-Code", "500");
    headers.insert("X-Any", "thing");
    let client = tap.client().await;
    client
        .request_with_headers("echo", headers, "x".into())
        .await
        .unwrap();
    assert_eq!(last_delivered(&tap), (vec![], "x".to_owned()));
}

#[tokio::test]
async fn an_error_is_two_headers_exactly_and_a_body_if_there_is_one() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let _service = ServiceBuilder::new("errors", "1.0.0")
        .endpoint("bare", async |_: Request| {
            Err::<(), _>(Error::new(404, "no such thing"))
        })
        .endpoint("body", async |_: Request| {
            Err::<(), _>(Error::new(422, "no such thing").with_body("{\"d\":1}"))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = tap.client().await;
    for (endpoint, code, body) in [("bare", 404, ""), ("body", 422, "{\"d\":1}")] {
        raw::request(&client, endpoint, "").await;
        let lines = vec![
            "NATS/1.0".to_owned(),
            format!("Nats-Service-Error-Code: {code}"),
            "Nats-Service-Error: no such thing".to_owned(),
        ];
        assert_eq!(last_delivered(&tap), (lines, body.to_owned()));
    }
}

#[tokio::test]
async fn a_code_is_always_a_number() {
    let broker = Broker::start().await;
    let _service = ServiceBuilder::new("codes", "1.0.0")
        .endpoint("code", async |request: Request| {
            let code: u16 = request.json()?;
            Err::<(), _>(Error::new(code, "text"))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for code in [0, 1, 99, 400, 503, 65_535] {
        let reply = raw::request(&client, "code", &code.to_string()).await;
        let headers = reply.headers.unwrap();
        let sent = headers.get("Nats-Service-Error-Code").unwrap().as_str();
        let expected = if code == 0 { 500 } else { code };
        assert_eq!(sent, expected.to_string());
    }
}

#[tokio::test]
async fn a_description_is_one_line_of_bounded_length() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let service = ServiceBuilder::new("lines", "1.0.0")
        .endpoint("fail", async |request: Request| {
            let text = String::from_utf8_lossy(request.payload()).into_owned();
            Err::<(), _>(Error::new(418, text))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = tap.client().await;
    for (text, sent) in [
        ("tea\r\npot", "tea  pot"),
        ("tea\r\n\r\nX-Injected: yes", "tea    X-Injected: yes"),
        (
            "\r\nNats-Service-Error-Code: 1\n",
            "Nats-Service-Error-Code: 1",
        ),
        ("a\u{0}b\u{7f}c\u{85}d\te", "a b c d e"),
        ("\n", "unspecified error"),
        (": x: y", ": x: y"),
        ("Zürich \u{1f980}", "Zürich \u{1f980}"),
        (&"x".repeat(5_000), &"x".repeat(1_024)),
        (&"é".repeat(5_000), &"é".repeat(512)),
    ] {
        let reply = raw::request(&client, "fail", text).await;
        assert_eq!(raw::error_of(&reply), Some((418, sent.to_owned())));
        let (lines, body) = last_delivered(&tap);
        assert_eq!((lines.len(), body.as_str()), (3, ""), "{lines:?}");
        let seen = counters(&client, &service, 0).await;
        assert_eq!(seen["last_error"], format!("418:{sent}"));
    }
}

#[tokio::test]
async fn a_handler_cannot_make_a_success_look_like_an_error_nor_change_an_errors_headers() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let _service = ServiceBuilder::new("reserved", "1.0.0")
        .endpoint("try", async |request: Request| {
            let mut refused = 0;
            for name in [
                "Nats-Service-Error",
                "Nats-Service-Error-Code",
                "nats-service-error",
                "NATS-SERVICE-ERROR-CODE",
            ] {
                refused += usize::from(request.context().set_header(name, "1").is_err());
                refused += usize::from(Reply::bytes("").with_header(name, "1").is_err());
                refused += usize::from(Fault::new(400, "x").with_header(name, "1").is_err());
            }
            refused.to_string()
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = tap.client().await;
    raw::request(&client, "try", "").await;
    assert_eq!(last_delivered(&tap), (vec![], "12".to_owned()));
}

#[derive(Debug)]
struct WithHeaders;

impl ServiceError for WithHeaders {
    fn to_fault(&self) -> Fault {
        let fault = Fault::new(409, "taken")
            .with_header("X-Both", "the error's")
            .unwrap();
        fault.with_header("X-Fault", "yes").unwrap()
    }

    fn from_fault(_: &Fault) -> Option<Self> {
        None
    }
}

#[tokio::test]
async fn headers_on_an_error_are_kept_and_the_errors_own_win() {
    let broker = Broker::start().await;
    let tap = Tap::before(&broker).await;
    let _service = ServiceBuilder::new("kept", "1.0.0")
        .endpoint("fail", async |request: Request| {
            request.context().set_header("X-Set", "yes").unwrap();
            request
                .context()
                .set_header("X-Both", "the handler's")
                .unwrap();
            Err::<(), _>(WithHeaders)
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = tap.client().await;
    raw::request(&client, "fail", "").await;
    let lines = [
        "NATS/1.0",
        "Nats-Service-Error-Code: 409",
        "Nats-Service-Error: taken",
        "X-Both: the error's",
        "X-Fault: yes",
        "X-Set: yes",
    ];
    assert_eq!(
        last_delivered(&tap),
        (lines.map(str::to_owned).into(), String::new())
    );
}

#[tokio::test]
async fn a_handler_may_return_without_answering() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("silent", "1.0.0")
        .endpoint("silent", async |_: Request| Reply::silence())
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    for _ in 0..3 {
        client
            .publish_with_reply("silent", inbox.clone(), "".into())
            .await
            .unwrap();
    }
    let counted = async { while counts(&counters(&client, &service, 0).await).0 < 3 {} };
    tokio::time::timeout(raw::PATIENCE, counted).await.unwrap();
    // Whatever was on its way has been sent when a stop returns.
    stop(&service).await;
    client.publish(inbox, "end".into()).await.unwrap();
    let first = tokio::time::timeout(raw::PATIENCE, replies.next()).await;
    assert_eq!(first.unwrap().unwrap().payload, "end");
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_tells_nothing() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("panics", "1.0.0")
        .endpoint("panic", async |_: Request| -> String {
            panic!("the password is 1234")
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for asked in 1..=3 {
        let reply = raw::request(&client, "panic", "").await;
        assert_eq!(
            raw::error_of(&reply),
            Some((500, "internal error".to_owned()))
        );
        assert_eq!(raw::text(&reply), "");
        let seen = counters(&client, &service, 0).await;
        assert_eq!(counts(&seen), (asked, asked));
        assert_eq!(seen["last_error"], "500:internal error");
    }
}

/// A service of somebody else: it answers with the headers it is asked for.
async fn somebody_else(broker: &Broker) {
    let client = broker.client().await;
    let mut requests = client.subscribe("other.*").await.unwrap();
    client.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let mut headers = HeaderMap::new();
            let asked = std::str::from_utf8(&request.payload).unwrap();
            for header in asked.split(';').filter(|header| !header.is_empty()) {
                let (name, value) = header.split_once('=').unwrap();
                headers.append(name, value);
            }
            let reply = request.reply.unwrap();
            let body = "\"value\"".into();
            client
                .publish_with_headers(reply, headers, body)
                .await
                .unwrap();
        }
    });
}

#[tokio::test]
async fn a_reply_with_either_header_is_an_error_and_a_code_that_is_no_number_is_0() {
    let broker = Broker::start().await;
    somebody_else(&broker).await;
    let connection = broker.client().await;
    let caller = Caller::new(&connection);
    let call = async |headers: &str| {
        let body = micro::Bytes::from(headers.to_owned());
        caller.call::<_, String, Error>("other.one", body).await
    };
    // Somebody who starts to listen may be slower than the first call.
    raw::until("somebody who listens", async || {
        !matches!(call("").await, Err(CallError::NoResponders { .. }))
    })
    .await;
    for (headers, code, text) in [
        (
            "Nats-Service-Error=no;Nats-Service-Error-Code=422",
            422,
            "no",
        ),
        ("Nats-Service-Error=no", 0, "no"),
        ("Nats-Service-Error=no;Nats-Service-Error-Code=abc", 0, "no"),
        ("Nats-Service-Error=no;Nats-Service-Error-Code=", 0, "no"),
        (
            "Nats-Service-Error=no;Nats-Service-Error-Code=99999999",
            0,
            "no",
        ),
        ("Nats-Service-Error-Code=404", 404, "unspecified error"),
        (
            "Nats-Service-Error=;Nats-Service-Error-Code=500",
            500,
            "unspecified error",
        ),
    ] {
        let Err(CallError::Service(error)) = call(headers).await else {
            panic!("{headers} is an error");
        };
        assert_eq!((error.code(), error.message()), (code, text), "{headers}");
        assert_eq!(error.body(), "\"value\"");
    }
    for headers in ["", "X-Error=no", "nats-service-error=no"] {
        assert_eq!(call(headers).await.unwrap(), "value", "{headers}");
    }
}

#[tokio::test]
async fn nobody_there_is_not_a_service_error_of_code_503() {
    let broker = Broker::start().await;
    let _service = ServiceBuilder::new("busy", "1.0.0")
        .endpoint("busy", async |_: Request| {
            Err::<(), _>(Error::new(503, "busy"))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let caller = Caller::new(&client).timeout(Duration::from_secs(20));
    let busy = caller.call::<_, (), Error>("busy", ()).await.unwrap_err();
    assert!(
        matches!(&busy, CallError::Service(error) if error.code() == 503),
        "{busy}"
    );
    let nobody = caller.call::<_, (), Error>("nobody", ()).await.unwrap_err();
    assert!(matches!(nobody, CallError::NoResponders { .. }), "{nobody}");
    assert_eq!(nobody.code(), None);
}
