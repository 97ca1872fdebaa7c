//! What is published to a subject, by anybody, as it comes. Nothing is served and nobody is called: events
//! stand alone.
//!
//! ```text
//! cargo run --example numbers       # in another terminal, or any other NATS server
//! cargo run --example subscriber
//! nats pub greetings.world '{"text": "hello"}'
//! ```

use std::fmt;

use micro::{App, Event, Shown};
use serde::Deserialize;

/// What a greeting says. What else there is in it is for others.
#[derive(Deserialize)]
struct Greeting {
    text: String,
}

/// What others wrote is shown, not obeyed.
fn line(event: &Event<Greeting>) -> impl fmt::Display {
    let whom = event.placeholder("whom").unwrap_or_default();
    format!("{}: {}", Shown(whom), Shown(&event.payload.text))
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let connection = App::from_args().connect().await?;
    let mut greetings = connection.subscribe::<Greeting>("greetings.{whom}").await?;
    println!("listening on greetings.*");
    while let Some(greeting) = greetings.next().await {
        match greeting {
            Ok(greeting) => println!("{}", line(&greeting)),
            // A body that is no greeting, greetings that came faster than they are printed, or a connection
            // that was away.
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}
