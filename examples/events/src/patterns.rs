//! The ways in which events are published and read, one after the other, each with five texts.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use micro::prelude::*;
use micro::{Connection, Error};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::say::say;

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_millis(200);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Text {
    id: u32,
    body: String,
}

impl Text {
    fn new(id: u32, body: &str) -> Self {
        Self {
            id,
            body: body.to_owned(),
        }
    }

    fn say(&self, how: &str) {
        say(format_args!("  {:>2}  {}  ({how})", self.id, self.body));
    }
}

/// Answers each text.
pub(crate) struct Responder;

#[service(name = "responder", version = "1.0.0", client = false)]
impl Responder {
    /// Answers with the id of what was asked.
    #[endpoint(subject = "Messaging.Text.Request")]
    async fn respond(&self, asked: Text) -> Text {
        Text::new(asked.id, "Responding!")
    }
}

pub(crate) async fn run(nats: &Connection) -> micro::Result<()> {
    say("\na publisher, and a subscription: a stream of values");
    let standard = nats.subscribe::<Text>("Messaging.Text.Standard").await?;
    let publisher = nats.publisher::<Text>("Messaging.Text.Standard")?;
    for id in 0..5 {
        publisher
            .publish(&Text::new(id, "Hello over standard!"))
            .await?;
    }
    let mut standard = standard.values().take(5);
    while let Some(text) = standard.next().await {
        text.say("value");
    }

    say("\na typed request, answered within 200 ms");
    let caller = Caller::new(nats);
    for id in 5..10 {
        let asked = Text::new(id, "Hello over request!");
        let call = caller.call::<_, Text, Error>("Messaging.Text.Request", asked);
        call.timeout(ANSWERED_WITHIN).await?.say("answer");
    }

    say("\na channel that is bound to a subject, and a subject that is bound to a channel");
    let (send, into_nats) = mpsc::channel(5);
    let (out_of_nats, mut receive) = mpsc::channel::<Text>(5);
    tokio::spawn(
        nats.subscribe("Messaging.Text.Channel")
            .await?
            .bind(out_of_nats),
    );
    tokio::spawn(nats.publisher("Messaging.Text.Channel")?.bind(into_nats));
    for id in 10..15 {
        // The other half is there as long as this function.
        let _ = send.send(Text::new(id, "Hello over channel!")).await;
    }
    for _ in 10..15 {
        if let Some(text) = receive.recv().await {
            text.say("channel");
        }
    }

    say("\na stream that is forwarded to a subject, and its events with all that came with them");
    let mut events = nats.subscribe::<Text>("Messaging.Text.{kind}").await?;
    let texts = stream::iter((15..20).map(|id| Text::new(id, "Hello over sink!")));
    texts
        .map(Ok)
        .forward(nats.publisher("Messaging.Text.Sink")?)
        .await?;
    for _ in 15..20 {
        match events.next().await {
            Some(Ok(event)) => {
                let kind = event.placeholder("kind").unwrap_or_default();
                let reply = event.reply_subject().unwrap_or("nobody");
                event.payload.say(&format!(
                    "on {}, kind {kind}, {reply} waits",
                    event.subject()
                ));
            }
            Some(Err(error)) => say(error),
            None => break,
        }
    }
    Ok(())
}
