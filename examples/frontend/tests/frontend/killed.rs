//! The table of README.md: what becomes of the page when one of them is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use crate::mortal::Broker;
use crate::{PATIENCE, http, is_whole, running, until, web};

/// 50 requests in a second.
const PACE: Duration = Duration::from_millis(20);

/// People who look at pages, until told to end.
struct Load {
    end: Arc<AtomicBool>,
    people: JoinHandle<Vec<(u16, Value)>>,
}

impl Load {
    fn on(url: &str) -> Self {
        let (url, end) = (url.to_owned(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&end);
        let people = tokio::spawn(async move {
            let mut looking = JoinSet::new();
            let mut next = tokio::time::interval(PACE);
            while !ends.load(Ordering::Relaxed) {
                next.tick().await;
                let url = url.clone();
                looking.spawn(async move {
                    let page = http::get_as(&url, "/2", "application/json").await;
                    (page.status, serde_json::from_str(&page.body).unwrap())
                });
            }
            looking.join_all().await
        });
        Self { end, people }
    }

    /// All pages that were seen: each of them is one, and what is not on it is marked.
    async fn pages(self) -> Vec<Value> {
        self.end.store(true, Ordering::Relaxed);
        let pages = tokio::time::timeout(PATIENCE, self.people).await;
        let pages = pages.unwrap().unwrap();
        let page = |(status, page): (u16, Value)| {
            assert_eq!(status, 200, "{page}");
            for part in ["name", "time"] {
                assert_eq!(
                    page[part].is_null(),
                    page["missing"][part].is_string(),
                    "{page}"
                );
            }
            page
        };
        pages.into_iter().map(page).collect()
    }
}

/// A while, so that there are requests under way at any moment of what is done.
async fn some_pages() {
    tokio::time::sleep(PACE * 10).await;
}

#[tokio::test]
async fn a_provider_that_is_killed_leaves_a_mark_on_pages() {
    let broker = Broker::start().await;
    let users = running(&broker, &["users"]).await;
    let _time = running(&broker, &["time"]).await;
    let (mut web, url) = web(&broker).await;
    until(&url, "a whole page", is_whole).await;
    let load = Load::on(&url);
    some_pages().await;
    users.kill().await;
    until(&url, "a mark", |page| {
        page["missing"] == json!({ "name": "unavailable" })
    })
    .await;
    some_pages().await;
    let _users = running(&broker, &["users"]).await;
    until(&url, "a whole page again", is_whole).await;
    some_pages().await;
    let pages = load.pages().await;
    assert!(pages.iter().all(|page| page["time"].is_string()));
    let marked = pages.iter().filter(|page| page["name"].is_null()).count();
    assert!(
        0 < marked && marked < pages.len(),
        "{marked} of {}",
        pages.len()
    );
    web.says("over: pages go without names").await;
    assert_eq!(web.count("pages go without names; "), 1, "{}", web.said());
}

#[tokio::test]
async fn one_of_two_that_is_killed_is_hardly_seen() {
    let broker = Broker::start().await;
    let first = running(&broker, &["users"]).await;
    let _second = running(&broker, &["users"]).await;
    let _time = running(&broker, &["time"]).await;
    let (_web, url) = web(&broker).await;
    until(&url, "a whole page", is_whole).await;
    let load = Load::on(&url);
    some_pages().await;
    first.kill().await;
    some_pages().await;
    until(&url, "a whole page", is_whole).await;
    // What was under way to the one that died may be late; nothing is ever unavailable.
    for page in load.pages().await {
        assert!(
            is_whole(&page) || page["missing"] == json!({ "name": "late" }),
            "{page}"
        );
    }
}

#[tokio::test]
async fn providers_are_replaced_one_by_one_and_nobody_sees_it() {
    let broker = Broker::start().await;
    let mut users = running(&broker, &["users"]).await;
    let mut time = running(&broker, &["time"]).await;
    let (_web, url) = web(&broker).await;
    until(&url, "a whole page", is_whole).await;
    let load = Load::on(&url);
    for _ in 0..3 {
        some_pages().await;
        let newer = running(&broker, &["users"]).await;
        assert_eq!(
            std::mem::replace(&mut users, newer).terminate().await,
            Some(0)
        );
        some_pages().await;
        let newer = running(&broker, &["time"]).await;
        assert_eq!(
            std::mem::replace(&mut time, newer).terminate().await,
            Some(0)
        );
    }
    some_pages().await;
    let pages = load.pages().await;
    assert!(pages.len() > 60, "{}", pages.len());
    for page in &pages {
        assert!(is_whole(page), "{page}");
    }
}

#[tokio::test]
async fn a_page_that_is_killed_and_comes_back_is_there_again() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users"]).await;
    let _time = running(&broker, &["time"]).await;
    let (first, url) = web(&broker).await;
    until(&url, "a whole page", is_whole).await;
    first.kill().await;
    let gone = http::try_send(&url, "GET", "/2", "", b"").await;
    assert_eq!(
        gone.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    let address = url.trim_start_matches("http://");
    let _second = running(&broker, &["web", "--http", address, "--within", "5s"]).await;
    until(&url, "a whole page", is_whole).await;
}

#[tokio::test]
async fn without_nats_pages_are_there_and_marked() {
    let mut broker = Broker::later();
    let (mut web, url) = web(&broker).await;
    let both = json!({ "name": "unavailable", "time": "unavailable" });
    let is_marked = |page: &Value| page["missing"] == both;
    // Not there yet.
    until(&url, "a page that is marked", is_marked).await;
    let answer = http::get(&url, "/2").await;
    assert_eq!(
        (answer.status, answer.header("x-missing")),
        (200, Some("name, time"))
    );
    assert_eq!(http::get(&url, "/ready").await.status, 503);

    broker.begin().await;
    web.says("Ctrl-C").await;
    let _users = running(&broker, &["users"]).await;
    let _time = running(&broker, &["time"]).await;
    until(&url, "a whole page", is_whole).await;
    assert_eq!(http::get(&url, "/ready").await.status, 200);

    // Gone under load.
    let load = Load::on(&url);
    some_pages().await;
    broker.kill().await;
    until(&url, "a page that is marked", is_marked).await;
    some_pages().await;
    broker.begin().await;
    until(&url, "a whole page again", is_whole).await;
    let pages = load.pages().await;
    assert!(pages.iter().any(is_marked), "{} pages", pages.len());
}
