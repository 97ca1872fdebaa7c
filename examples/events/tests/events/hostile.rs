//! Anybody may publish anything, and ask anything over HTTP.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::mortal::Broker;
use crate::sse::Stream;
use crate::{http, live, publish, soon};

#[tokio::test]
async fn what_is_no_headline_is_left_out_and_what_is_too_long_is_cut() {
    let broker = Broker::start().await;
    let (live, url) = live(&broker).await;
    let client = broker.client().await;
    let mut stream = Stream::live(&url).await;
    let deep = "[".repeat(100_000);
    for body in ["", "hello", "{}", r#"{"title":7}"#, "\u{0}", &deep] {
        client
            .publish("news.world", body.to_owned().into())
            .await
            .unwrap();
    }
    let long =
        json!({"title": "é".repeat(100_000), "by": "é".repeat(100_000), "at": 1}).to_string();
    client.publish("news.world", long.into()).await.unwrap();
    assert_eq!(stream.headline().await.0, "é".repeat(200));
    // Neither a line's end nor a field of the stream comes out of a title.
    let odd = "a\r\ndata: b\n\nevent: nats\ndata: away\u{2028}";
    publish(&client, "world", odd).await;
    assert_eq!(stream.headline().await.0, odd);
    publish(&client, "\u{1b}[2J", "<script>alert(1)</script>").await;
    assert_eq!(stream.headline().await.0, "<script>alert(1)</script>");
    assert!(!live.said().contains('\u{1b}'), "{}", live.said());
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css"),
        ("/page.js", "text/javascript"),
    ] {
        let answer = http::get(&url, path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(kind))
        );
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(!answer.body.contains("https://"), "{path}");
    }
    assert_eq!(http::get(&url, "/other").await.status, 404);
    assert_eq!(http::get(&url, "/headlines").await.status, 405);
}

#[tokio::test]
async fn nonsense_over_http_is_refused() {
    let broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    let host = url.trim_start_matches("http://");
    for id in ["", "x", "-", "a-b", "-1", "\u{e9}", &"9".repeat(5000)] {
        let mut stream = Stream::open_after(&url, id).await;
        stream.is("nats", "connected").await;
    }
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket
        .write_all(b"\x16\x03\x01 nonsense\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = soon(socket.read_to_end(&mut answer)).await;
    assert_eq!(http::get(&url, "/").await.status, 200);
}
