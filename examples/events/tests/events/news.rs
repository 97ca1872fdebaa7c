//! What is published is seen by everybody who looks.

use serde_json::{Value, json};

use crate::mortal::Broker;
use crate::program::Program;
use crate::sse::Stream;
use crate::{EVENTS, http, live, publish, soon, started};

// Row 128.
#[tokio::test]
async fn two_browsers_get_each_headline_once_and_in_order() {
    let broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    let client = broker.client().await;
    let mut one = Stream::live(&url).await;
    let mut other = Stream::live(&url).await;
    for round in 0..10 {
        for number in 0..20 {
            publish(&client, "world", &format!("{round}.{number}")).await;
        }
        for number in 0..20 {
            let (title, id) = one.headline().await;
            assert_eq!(title, format!("{round}.{number}"));
            assert_eq!(other.headline().await, (title, id));
        }
    }
}

#[tokio::test]
async fn who_comes_later_has_the_last_ones_and_who_comes_back_those_that_it_missed() {
    let broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    let client = broker.client().await;
    let mut first = Stream::live(&url).await;
    let mut ids = Vec::new();
    for number in 0..40 {
        publish(&client, "world", &number.to_string()).await;
        ids.push(first.headline().await.1);
    }
    let mut late = Stream::live(&url).await;
    let mut back = Stream::open_after(&url, &ids[37]).await;
    back.is("nats", "connected").await;
    let mut long_away = Stream::open_after(&url, &ids[0]).await;
    long_away.is("nats", "connected").await;
    long_away.is("missed", "9").await;
    let mut of_another_run = Stream::open_after(&url, "another-39").await;
    of_another_run.is("nats", "connected").await;
    for (number, id) in ids.into_iter().enumerate().skip(10) {
        let expected = (number.to_string(), id);
        assert_eq!(late.headline().await, expected);
        assert_eq!(long_away.headline().await, expected);
        assert_eq!(of_another_run.headline().await, expected);
        if number > 37 {
            assert_eq!(back.headline().await, expected);
        }
    }
}

#[tokio::test]
async fn the_page_and_the_desk_publish() {
    let broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    let client = broker.client().await;
    let mut anybody = client.subscribe("news.*").await.unwrap();
    let mut stream = Stream::live(&url).await;
    let json = "Content-Type: application/json\r\n";
    let post = async |headers: &str, body: &str| {
        let headers = format!("{headers}Content-Length: {}\r\n", body.len());
        http::send(&url, "POST", "/headlines", &headers, body.as_bytes()).await
    };
    let draft = json!({"topic": "Sport", "title": " a goal ", "by": "you"}).to_string();
    assert_eq!(post(json, &draft).await.status, 202);
    assert_eq!(stream.headline().await.0, "a goal");
    let published = soon(futures_util::StreamExt::next(&mut anybody))
        .await
        .unwrap();
    assert_eq!(published.subject.as_str(), "news.sport");
    let published: Value = serde_json::from_slice(&published.payload).unwrap();
    assert_eq!(published, json!({"title": "a goal", "by": "you"}));

    let desk = json!({"topic": "world", "title": "by the desk"}).to_string();
    soon(client.request("newsdesk.announce", desk.into()))
        .await
        .unwrap();
    assert_eq!(stream.headline().await.0, "by the desk");

    // Somebody else's page can have a browser send this, and not the other.
    assert_eq!(
        post("Content-Type: text/plain\r\n", &draft).await.status,
        415
    );
    for (topic, title) in [("a.b", "x"), ("*", "x"), ("world", ""), ("", "x")] {
        let draft = json!({"topic": topic, "title": title}).to_string();
        let refused = post(json, &draft).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.body.contains("problem"), "{}", refused.body);
    }
    let long = json!({"topic": "world", "title": "x".repeat(10_000)}).to_string();
    assert_eq!(post(json, &long).await.status, 413);
    assert_eq!(post(json, "{").await.status, 400);
}

#[tokio::test]
async fn it_starts_without_anything_and_has_news_of_its_own() {
    let args = ["--http", "127.0.0.1:0", "--every", "10ms", "--nats", "dev"];
    let (live, url) = started(Program::start(EVENTS, &args)).await;
    let mut stream = Stream::live(&url).await;
    for _ in 0..10 {
        assert!(!stream.headline().await.0.is_empty());
    }
    assert_eq!(live.terminate().await, Some(0));
}

#[tokio::test]
async fn it_ends_though_somebody_looks() {
    let broker = Broker::start().await;
    let (live, url) = live(&broker).await;
    let mut stream = Stream::live(&url).await;
    assert_eq!(live.terminate().await, Some(0));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_says_so() {
    let broker = Broker::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut live = Program::start(EVENTS, &["--http", &address, "--nats", &broker.url()]);
    assert_eq!(live.ended().await, Some(1));
    live.says("name another address with `--http`").await;
}
