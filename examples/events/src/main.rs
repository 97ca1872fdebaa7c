//! Live news: published over NATS, and sent to every browser that looks. README.md has the commands.
//!
//! - `news`: what a headline is, an agency that publishes them, and a desk that takes them;
//! - `hub`: from one subscription to everybody who looks;
//! - `web`: the page, and the stream to it;
//! - `patterns`: `events patterns`, each way to publish and to read.

#[path = "../../common/background.rs"]
mod background;
#[path = "../../common/http.rs"]
mod http;
mod hub;
mod news;
mod patterns;
#[path = "../../common/say.rs"]
mod say;
mod web;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand};
use micro::AppArgs;
use micro::prelude::*;

use background::Background;
use http::Bound;
use hub::Hub;
use news::Desk;
use say::say;
use web::Web;

#[derive(Debug, Parser)]
#[command(
    name = "events",
    version,
    about = "Live news, published over NATS and sent to every browser that looks"
)]
struct Cli {
    #[command(flatten)]
    micro: AppArgs,
    /// Where to serve the page; port 0 is a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3030")]
    http: SocketAddr,
    /// How often the agency has something to say; 0s for never
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    every: Duration,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Shows each way to publish and to read, and ends
    Patterns,
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let cli = Cli::parse();
    match cli.part {
        None => live(cli).await,
        Some(Part::Patterns) => {
            let app = App::with_args(cli.micro);
            let app = app.service(patterns::Responder).start().await?;
            let shown = patterns::run(app.connection()).await;
            app.stop().await;
            shown
        }
    }
}

async fn live(cli: Cli) -> micro::Result<()> {
    let background = Background::default();
    let behind = background.clone();
    let app = App::with_args(cli.micro).log("warn,events=info");
    app.service(Desk)
        .on_start(move |app| {
            let nats = app.connection().clone();
            let run = app
                .services()
                .first()
                .map_or_else(String::new, |desk| desk.id().to_owned());
            async move {
                let hub = Hub::new(run);
                let relaying = hub.relay(nats.clone()).await?;
                let stop = behind.stop();
                behind.spawn(async move {
                    stop.run_until_cancelled(relaying).await;
                });
                if !cli.every.is_zero() {
                    let (stop, agency) = (behind.stop(), news::agency(nats.clone(), cli.every));
                    behind.spawn(async move {
                        if let Some(Err(error)) = stop.run_until_cancelled(agency).await {
                            tracing::error!(%error, "the agency has ended");
                        }
                    });
                }
                let bound = Bound::to(cli.http).await?;
                say(format_args!("live news on {}/", bound.url()));
                let stop = behind.stop();
                bound.serve(Web { hub, nats, stop }.routes(), &behind);
                Ok(())
            }
        })
        .run()
        .await?;
    background.end().await;
    Ok(())
}
