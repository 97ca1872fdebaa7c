//! The page in a browser: what a person sees.

use serde_json::{Value, json};

use crate::devtools::{Browser, Page};
use crate::mortal::Broker;
use crate::{live, publish};

/// What stands in the list, newest first.
const TITLES: &str = "[...document.querySelectorAll('#news li:not([hidden]) .headline')].map((item) => item.firstChild.data)";

/// Waits until the page says that it is live.
async fn is_live(page: &mut Page) {
    let text = page
        .until(
            "document.querySelector('#state-text')?.textContent === 'live'",
            "document.querySelector('#trouble').hidden",
        )
        .await;
    assert_eq!(text, true);
}

async fn titles(page: &mut Page, number: usize) -> Value {
    let so_many = format!("{TITLES}.length >= {number}");
    page.until(&so_many, TITLES).await
}

// Row 128.
#[tokio::test]
async fn two_pages_show_what_is_published_and_what_becomes_of_nats() {
    let mut broker = Broker::start().await;
    let (_live, url) = live(&broker).await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut one = browser.open(&url).await;
    let mut other = browser.open(&url).await;
    let client = broker.client().await;
    is_live(&mut one).await;
    is_live(&mut other).await;

    let markup = "<img src=x onerror=document.title='owned'>";
    for (topic, title) in [("world", "first"), ("sport", "second"), ("world", markup)] {
        publish(&client, topic, title).await;
    }
    let expected = json!([markup, "second", "first"]);
    assert_eq!(titles(&mut one, 3).await, expected);
    assert_eq!(titles(&mut other, 3).await, expected);
    assert_eq!(one.evaluate("document.title").await, Ok(json!("Live news")));
    assert_eq!(one.evaluate("document.images.length").await, Ok(json!(0)));

    // One topic of them, and all again.
    let chip = "[...document.querySelectorAll('.chip')].find((chip) => chip.textContent.startsWith('sport')).click()";
    one.evaluate(chip).await.unwrap();
    assert_eq!(one.evaluate(TITLES).await, Ok(json!(["second"])));
    one.evaluate(chip).await.unwrap();
    assert_eq!(one.evaluate(TITLES).await, Ok(expected));

    // What is written into one page is on the other.
    one.evaluate("desk.elements.title.value = 'from a page'; desk.requestSubmit()")
        .await
        .unwrap();
    assert_eq!(titles(&mut other, 4).await[0], "from a page");
    assert_eq!(titles(&mut one, 4).await[0], "from a page");

    broker.kill().await;
    for page in [&mut one, &mut other] {
        let away = "document.querySelector('#state-text').textContent === 'NATS is away'";
        let told = "document.querySelector('#trouble').textContent";
        let told = page.until(away, told).await;
        assert!(told.as_str().unwrap().starts_with("NATS is away"), "{told}");
        let disabled = page.evaluate("desk.querySelector('button').disabled").await;
        assert_eq!(disabled, Ok(json!(true)));
    }
    broker.begin().await;
    let client = broker.client().await;
    for page in [&mut one, &mut other] {
        is_live(page).await;
    }
    let publishing = async {
        loop {
            publish(&client, "world", "back again").await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let both = async { (titles(&mut one, 5).await, titles(&mut other, 5).await) };
    tokio::select! {
        (one, other) = both => assert_eq!((&one[0], &other[0]), (&json!("back again"), &json!("back again"))),
        () = publishing => unreachable!(),
    }
}

#[tokio::test]
async fn a_page_comes_back_by_itself_when_its_server_was_gone() {
    let broker = Broker::start().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let address = format!("127.0.0.1:{}", crate::mortal::free_port());
    let nats = broker.url();
    let args = ["--http", &address, "--every", "0s", "--nats", &nats];
    let start = || crate::started(crate::Program::start(crate::EVENTS, &args));
    let (live, url) = start().await;
    let mut page = browser.open(&url).await;
    is_live(&mut page).await;
    let client = broker.client().await;
    publish(&client, "world", "before").await;
    titles(&mut page, 1).await;
    live.kill().await;
    let lost = "document.querySelector('#state-text').textContent === 'reconnecting'";
    page.until(lost, "true").await;
    let (_live, _) = start().await;
    is_live(&mut page).await;
    publish(&client, "world", "after").await;
    assert_eq!(titles(&mut page, 2).await, json!(["after", "before"]));
}
