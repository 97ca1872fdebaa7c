//! A page that is put together from two services, and is there whichever of them is not: all in one
//! process, or each part in its own. README.md has the commands, and what becomes of the page when one
//! of them is killed.
//!
//! - `users`, `time`: the two providers;
//! - `web`: who asks them, over HTTP;
//! - `page`: what is seen of it.

#[path = "../../common/background.rs"]
mod background;
#[path = "../../common/http.rs"]
mod http;
mod page;
#[path = "../../common/say.rs"]
mod say;
mod time;
#[path = "../../common/trouble.rs"]
mod trouble;
mod users;
mod web;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use micro::prelude::*;
use micro::{AppArgs, ConnectOptions};

use background::Background;
use http::Bound;
use say::say;
use time::TimeTeller;
use users::Users;
use web::Web;

#[derive(Debug, Parser)]
#[command(
    name = "frontend",
    version,
    about = "A page from two services, and both of them: all of it, unless one is named"
)]
struct Cli {
    #[command(flatten)]
    micro: AppArgs,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// All of them in this process (what runs if none is named)
    All(All),
    /// Tells the names of users: the provider `UserNameById`
    Users(ProviderArgs),
    /// Tells the time: the provider `TimeTeller`
    Time(ProviderArgs),
    /// Serves the page over HTTP
    Web(WebArgs),
}

#[derive(Debug, Parser)]
struct All {
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    web: WebArgs,
}

#[derive(Debug, Args)]
struct ProviderArgs {
    /// How long an answer takes, to see what becomes of the page
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    delay: Duration,
}

#[derive(Debug, Args)]
struct WebArgs {
    /// Where to serve HTTP; port 0 is a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    http: SocketAddr,
    /// How long the page waits for its parts
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = humantime::parse_duration)]
    within: Duration,
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let Cli { micro, part } = Cli::parse();
    let app = App::with_args(micro).log("warn,micro::connection=info,frontend=info");
    match part.unwrap_or_else(|| Part::All(All::parse_from(["frontend"]))) {
        Part::All(all) => run_all(app, all).await,
        Part::Users(ProviderArgs { delay }) => app.service(Users { delay }).run().await,
        Part::Time(ProviderArgs { delay }) => app.service(TimeTeller { delay }).run().await,
        Part::Web(args) => run_web(app, args).await,
    }
}

async fn run_all(app: App, all: All) -> micro::Result<()> {
    let background = Background::default();
    let web = Web::new(all.web.within);
    let delay = all.provider.delay;
    let app = app
        .service(Users { delay })
        .service(TimeTeller { delay })
        .service(web.clone());
    let behind = background.clone();
    app.on_start(move |app| {
        let nats = app.connection().clone();
        async move {
            web.has_nats(&nats);
            serve(&web, all.web.http, &behind).await
        }
    })
    .run()
    .await?;
    background.end().await;
    Ok(())
}

/// Pages are served from the beginning, and NATS waited for.
async fn run_web(app: App, args: WebArgs) -> micro::Result<()> {
    let background = Background::default();
    let web = Web::new(args.within);
    serve(&web, args.http, &background).await?;
    say("there is something on them as soon as NATS is there");
    let page = web.clone();
    app.connect_options(ConnectOptions::new().retry_connect())
        .service(web)
        .on_start(move |app| {
            page.has_nats(app.connection());
            std::future::ready(Ok(()))
        })
        .run()
        .await?;
    background.end().await;
    Ok(())
}

async fn serve(web: &Web, address: SocketAddr, background: &Background) -> micro::Result<()> {
    let bound = Bound::to(address).await?;
    let url = bound.url();
    say(format_args!("pages on {url}/1 to {url}/4"));
    web.is_at(url);
    bound.serve(web.routes(), background);
    Ok(())
}
