//! Clients of other languages call our endpoints.

use serde_json::json;

use crate::broker::Broker;
use crate::peer::text;
use crate::{calc, peer};

#[tokio::test]
async fn they_send_json_and_read_values() {
    let broker = Broker::start().await;
    let _service = calc::start(&broker).await;
    for mut peer in peer::each(&broker).await {
        let sum = peer.request("calc.add", r#"{"a":2,"b":2}"#).await;
        assert_eq!((sum.text(), sum.headers.len()), ("4.0", 0));
        let whole = peer.request("calc.add", r#"{"a":2,"b":"#).await;
        let (code, text) = whole.error().unwrap();
        assert_eq!(code, "400");
        assert!(text.starts_with("cannot decode the request: "), "{text}");
    }
}

#[tokio::test]
async fn they_send_bytes_and_get_them_back() {
    let broker = Broker::start().await;
    let _service = calc::start(&broker).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let largest = vec![0xff; 1024 * 1024];
    for mut peer in peer::each(&broker).await {
        for body in [&b""[..], b"hello!", &every_byte, &largest] {
            let back = peer.request("calc.echo", &text(body)).await;
            assert!(back.body == body, "{} bytes", body.len());
            assert!(back.headers.is_empty());
        }
    }
}

#[tokio::test]
async fn they_read_errors_with_code_text_and_body() {
    let broker = Broker::start().await;
    let service = calc::start(&broker).await;
    for (number, mut peer) in peer::each(&broker).await.into_iter().enumerate() {
        let failed = peer.request("calc.divide", r#"{"a":1,"b":0}"#).await;
        assert_eq!(failed.error(), Some(("400", "cannot divide 1 by zero")));
        assert_eq!(
            failed.text(),
            r#"{"kind":"DivideByZero","data":{"dividend":1.0}}"#
        );
        let newline = peer.request("calc.newline", "").await;
        assert_eq!(newline.error(), Some(("418", "tea  pot: X-Injected: yes")));
        assert_eq!((newline.text(), newline.headers.len()), ("and data", 2));
        // Counted, and still there.
        let stats = service.stats();
        let endpoint = |name: &str| stats.endpoints.iter().find(|e| e.name == name).unwrap();
        let failures = u64::try_from(number).unwrap() + 1;
        assert_eq!(endpoint("divide").num_errors, failures);
        assert_eq!(
            endpoint("newline").last_error,
            "418:tea  pot: X-Injected: yes"
        );
    }
}

#[tokio::test]
async fn headers_and_placeholders_arrive() {
    let broker = Broker::start().await;
    let _service = calc::start(&broker).await;
    for mut peer in peer::each(&broker).await {
        let plain = peer.request("calc.greet.ada", "").await;
        assert_eq!(plain.text(), r#""hello ada""#);
        let with = json!({"subject": "calc.greet.ada", "headers": {"X-Title": "Countess"}});
        let titled = peer.request_with(with).await.unwrap();
        assert_eq!(titled.text(), r#""hello Countess ada""#);
        let with = json!({"subject": "calc.echo", "headers": {"X-Echo": "a: b", "X-Other": "c"}});
        let echoed = peer.request_with(with).await.unwrap();
        let expected = json!({"X-Echo": "a: b"});
        assert_eq!(echoed.headers, *expected.as_object().unwrap());
    }
}

#[tokio::test]
async fn they_tell_no_answer_from_nobody_there() {
    let broker = Broker::start().await;
    let _service = calc::start(&broker).await;
    for mut peer in peer::each(&broker).await {
        let never = json!({"subject": "calc.never", "timeout_ms": 50});
        assert_eq!(peer.request_with(never).await.unwrap_err(), "timeout");
        let nobody = json!({"subject": "calc.nobody"});
        let error = peer.request_with(nobody).await.unwrap_err();
        assert_eq!(error, "no responders");
    }
}
