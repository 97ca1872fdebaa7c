//! The page, with everything there, and with something not.

use serde_json::{Value, json};

use crate::mortal::{Broker, free_port};
use crate::program::Program;
use crate::{FRONTEND, ask, http, is_whole, json, running, until, until_in_time, web, web_within};

#[tokio::test]
async fn a_page_has_the_id_the_name_and_the_time() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users"]).await;
    let _time = running(&broker, &["time"]).await;
    let (_web, url) = web(&broker).await;
    until(&url, "NATS", is_whole).await;
    for (id, name) in [(1, "Bob"), (2, "John"), (3, "Dan"), (4, "Kate")] {
        let (answer, page) = json(&url, &format!("/{id}")).await;
        assert_eq!((answer.status, answer.header("x-missing")), (200, None));
        assert_eq!((&page["id"], &page["name"]), (&json!(id), &json!(name)));
        assert!(humantime::parse_rfc3339(page["time"].as_str().unwrap()).is_ok());
        assert_eq!(page["missing"], json!({}));
    }
    let plain = http::get(&url, "/1").await;
    assert!(
        plain.body.starts_with("id    1\nname  Bob\ntime  20"),
        "{}",
        plain.body
    );
    let html = http::get_as(&url, "/4", "text/html,*/*;q=0.8").await;
    assert_eq!(
        html.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(html.body.contains("<h1>Kate</h1>"), "{}", html.body);

    let ready = http::get(&url, "/ready").await;
    let body: Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!((ready.status, &body["status"]), (200, &json!("ready")));
    let client = broker.client().await;
    let found = ask(&client, "Discovery.Frontend", "").await;
    let found: Value = serde_json::from_slice(&found.payload).unwrap();
    assert_eq!(found["address"], url);
}

/// Asked one after the other, they would take 180 ms, and the page waits for 100.
#[tokio::test]
async fn parts_of_90_ms_each_are_both_on_a_page_that_waits_for_100() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users", "--delay", "90ms"]).await;
    let _time = running(&broker, &["time", "--delay", "90ms"]).await;
    let (_web, url) = web_within(&broker, "100ms").await;
    until_in_time(&url, "a page with both", |_, page| is_whole(page)).await;
}

#[tokio::test]
async fn what_is_missing_is_marked() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users"]).await;
    let time = running(&broker, &["time"]).await;
    let (_web, url) = web(&broker).await;
    until(&url, "NATS", is_whole).await;
    assert_eq!(time.terminate().await, Some(0));

    let (answer, page) = json(&url, "/2").await;
    assert_eq!(
        (answer.status, answer.header("x-missing")),
        (200, Some("time"))
    );
    let missing = json!({ "time": "unavailable" });
    assert_eq!(
        page,
        json!({ "id": 2, "name": "John", "time": null, "missing": missing })
    );
    let plain = http::get(&url, "/2").await;
    assert_eq!(
        plain.body,
        "id    2\nname  John\ntime  (missing: unavailable)\n"
    );
    let html = http::get_as(&url, "/2", "text/html").await;
    assert!(html.body.contains("<h1>John</h1>"), "{}", html.body);
    assert!(
        html.body.contains("not there just now: unavailable"),
        "{}",
        html.body
    );
}

#[tokio::test]
async fn what_is_missing_is_marked_in_time() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users"]).await;
    let time = running(&broker, &["time"]).await;
    let (_web, url) = web_within(&broker, "100ms").await;
    until(&url, "NATS", is_whole).await;
    assert_eq!(time.terminate().await, Some(0));
    until_in_time(&url, "a page without the time", |answer, page| {
        answer.header("x-missing") == Some("time")
            && (&page["name"], &page["time"]) == (&json!("John"), &Value::Null)
            && page["missing"] == json!({ "time": "unavailable" })
    })
    .await;
}

#[tokio::test]
async fn what_is_late_is_marked_as_late() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users"]).await;
    let _time = running(&broker, &["time", "--delay", "1h"]).await;
    let (_web, url) = web_within(&broker, "100ms").await;
    until_in_time(&url, "a page with the name only", |_, page| {
        page["name"] == "John" && page["missing"] == json!({ "time": "late" })
    })
    .await;
}

#[tokio::test]
async fn a_bad_id_is_refused_at_once() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users"]).await;
    let (_web, url) = web(&broker).await;
    until(&url, "a name", |page| page["name"] == "John").await;
    for path in [
        "/",
        "/x",
        "/-1",
        "/1.5",
        "/%20",
        "/99999999999999999999",
        "/1%00",
    ] {
        let refused = http::get(&url, path).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.body);
    }
    let nobody = http::get(&url, "/5").await;
    assert_eq!(
        (nobody.status, nobody.body.as_str()),
        (404, "there is no user 5\n")
    );
    let (nobody, error) = json(&url, "/5").await;
    assert_eq!(
        (nobody.status, error),
        (404, json!({ "error": "there is no user 5" }))
    );
    let empty = http::get_as(&url, "/", "text/html").await;
    assert!(empty.body.contains(r#"<a href="/1">"#), "{}", empty.body);
    assert_eq!(http::get(&url, "/1/2").await.status, 404);
    assert_eq!(http::post(&url, "/1", b"").await.status, 405);
}

#[tokio::test]
async fn one_command_does_it_all_with_nothing_that_is_installed() {
    let args = [
        "--nats",
        "dev",
        "all",
        "--http",
        "127.0.0.1:0",
        "--within",
        "5s",
    ];
    let mut all = Program::start(FRONTEND, &args);
    let url = all.word_after("pages on ").await;
    let url = url.trim_end_matches("/1");
    all.says("development server inside this process").await;
    until(url, "a whole page", is_whole).await;
    assert_eq!(all.count("WARN"), 0, "{}", all.said());
    assert_eq!(all.terminate().await, Some(0));
}

#[tokio::test]
async fn an_address_that_is_none_is_one_line_that_names_the_flag() {
    for wrong in ["not a url", "http://127.0.0.1:1"] {
        let mut users = Program::start(FRONTEND, &["users", "--nats", wrong]);
        assert_eq!(users.ended().await, Some(2));
        users.says("`--nats`").await;
        assert_eq!(users.said().lines().count(), 1, "{}", users.said());
    }
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    let mut users = Program::start(FRONTEND, &["users", "--nats", &nobody]);
    assert_eq!(users.ended().await, Some(1));
    users.says(&nobody).await;
}
