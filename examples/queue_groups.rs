//! Five instances of one service, each in a queue group of its own: one request has five replies.
//! In one group, as is usual, they would share the requests, and one of them would answer.
//!
//! ```text
//! cargo run --example queue_groups
//! ```

use std::time::Duration;

use micro::{App, Bytes, Caller, Error, Request, ServiceBuilder};

/// An instance of the echo service that says which group it is in.
fn echo(queue_group: String) -> ServiceBuilder {
    ServiceBuilder::new("EchoService", "1.0.0")
        .queue_group(queue_group.clone())
        .endpoint("svc.echo", move |request: Request| {
            let text = String::from_utf8_lossy(request.payload()).into_owned();
            std::future::ready(format!("{queue_group} echoes {text}"))
        })
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let app = (0..5).fold(App::from_args(), |app, number| {
        app.builder(echo(format!("q-{number}")))
    });
    let running = app.start().await?;

    let caller = Caller::new(running.connection());
    let replies = caller
        .call::<_, Bytes, Error>("svc.echo", Bytes::from("hello!"))
        .gather()
        .silence(Duration::from_secs(1))
        .await?;
    println!("{} replies to one request:", replies.answers.len());
    for answer in &replies.answers {
        let instance = answer.instance.as_deref().unwrap_or("unknown");
        let text = String::from_utf8_lossy(&answer.value);
        println!("  {text}  ({:?}, instance {instance})", answer.took);
    }
    running.stop().await;
    Ok(())
}
