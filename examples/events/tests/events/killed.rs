//! NATS goes, and comes back; browsers that do not read.

use crate::mortal::Broker;
use crate::sse::Stream;
use crate::{http, live, publish};

#[tokio::test]
async fn headlines_go_on_when_nats_is_back() {
    let mut broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    let mut one = Stream::live(&url).await;
    let mut other = Stream::live(&url).await;
    let client = broker.client().await;
    publish(&client, "world", "before").await;
    assert_eq!(one.headline().await, other.headline().await);
    assert_eq!(http::get(&url, "/ready").await.status, 200);
    for round in 0..2 {
        broker.kill().await;
        one.is("nats", "away").await;
        other.is("nats", "away").await;
        assert_eq!(http::get(&url, "/ready").await.status, 503);
        let draft = br#"{"topic": "world", "title": "lost"}"#;
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            draft.len()
        );
        let refused = http::send(&url, "POST", "/headlines", &headers, draft).await;
        assert_eq!(refused.status, 503, "{}", refused.body);

        broker.begin().await;
        one.is("nats", "connected").await;
        other.is("nats", "connected").await;
        // It is subscribed once more soon after.
        let client = broker.client().await;
        let after = format!("after {round}");
        let publishing = async {
            loop {
                publish(&client, "world", &after).await;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let seen = tokio::select! {
            seen = one.headline() => seen,
            () = publishing => unreachable!(),
        };
        assert_eq!(seen.0, after);
        assert_eq!(other.headline().await, seen);
        // What was published until it was seen.
        client.flush().await.unwrap();
        publish(&client, "world", "end").await;
        for stream in [&mut one, &mut other] {
            while stream.headline().await.0 != "end" {}
        }
    }
}

#[tokio::test]
async fn a_browser_that_does_not_read_holds_up_nobody() {
    const ROUNDS: usize = 120;
    let broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    let client = broker.client().await;
    let mut slow = Stream::live(&url).await;
    let mut quick = Stream::live(&url).await;
    // As long as they may be: more than fits into sockets.
    let long = "\u{1f4f0}".repeat(190);
    for round in 0..ROUNDS {
        for number in 0..100 {
            publish(
                &client,
                &"t".repeat(200),
                &format!("{round}.{number} {long}"),
            )
            .await;
        }
        for number in 0..100 {
            let (title, _) = quick.headline().await;
            assert!(title.starts_with(&format!("{round}.{number} ")), "{title}");
        }
    }
    publish(&client, "world", "end").await;
    assert_eq!(quick.headline().await.0, "end");
    let (mut shown, mut missed) = (0, 0);
    loop {
        let sent = slow.next().await.unwrap();
        match sent.kind.as_str() {
            "missed" => missed += sent.data.parse::<usize>().unwrap(),
            _ if crate::title(&sent.data) == "end" => break,
            _ => shown += 1,
        }
    }
    assert!(missed > 0, "all {shown} were kept for it");
    assert_eq!(shown + missed, ROUNDS * 100);
}
