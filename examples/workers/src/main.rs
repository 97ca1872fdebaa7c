//! A master with tasks, a file server that is found over NATS, and workers that come and go: all in
//! one process, or each in its own. README.md has the commands, and what becomes of it all when one of
//! them is killed.
//!
//! - `contract`: what they say to each other;
//! - `tasks`, `state_file`: who has which task, and for how long; the same on the disk;
//! - `master`, `worker`: who hands out, and who works;
//! - `folder`, `file_server`: files, over HTTP, and where that is, over NATS;
//! - `files`: the way there, for master and workers;
//! - `words`: the work itself;
//! - `patience`: pauses between tries.

#[path = "../../common/background.rs"]
mod background;
mod contract;
mod file_server;
mod files;
mod folder;
#[path = "../../common/http.rs"]
mod http;
mod master;
mod patience;
#[path = "../../common/say.rs"]
mod say;
mod state_file;
mod tasks;
#[path = "../../common/trouble.rs"]
mod trouble;
mod words;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use micro::prelude::*;
use micro::{AppArgs, ConnectOptions, Error};

use background::Background;
use file_server::FileServer;
use files::Files;
use folder::Folder;
use http::Bound;
use master::Master;
use say::say;
use worker::{Tally, Worker};

#[derive(Debug, Parser)]
#[command(
    name = "workers",
    version,
    about = "A master, a file server and workers: all of them, unless one is named"
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
    /// Hands out 20 tasks
    Master(MasterArgs),
    /// Serves files over HTTP, and tells over NATS where
    Files(FilesArgs),
    /// Works on tasks
    Worker(WorkerArgs),
}

#[derive(Debug, Parser)]
struct All {
    #[command(flatten)]
    master: MasterArgs,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    worker: WorkerArgs,
}

#[derive(Debug, Args)]
struct MasterArgs {
    /// How long a worker has a task for itself
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration)]
    lease: Duration,
    /// Where to keep the tasks, for a master that is started again; without it, that one has new ones
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct FilesArgs {
    /// Where to serve HTTP; port 0 is a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    http: SocketAddr,
    /// What to tell over NATS, if that is another address
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where the files are [default: a folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The largest file, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024)]
    max_bytes: u64,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    /// How many tasks to work on at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    loops: u16,
    /// How long a task takes at least, so that there is something to see
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    takes: Duration,
    /// How long to wait for an answer of the master; a task in an answer that comes later is lost
    /// until its lease runs out
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    within: Duration,
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let Cli { micro, part } = Cli::parse();
    let app = App::with_args(micro).log("warn,micro::connection=info,workers=info");
    match part.unwrap_or_else(|| Part::All(All::parse_from(["workers"]))) {
        Part::All(all) => run_all(app, all).await,
        Part::Master(args) => run_master(app, args).await,
        Part::Files(args) => run_files(app, args).await,
        Part::Worker(args) => run_worker(app, args).await,
    }
}

async fn run_all(app: App, all: All) -> micro::Result<()> {
    let background = Background::default();
    let master = Master::new(all.master.lease, all.master.state)?;
    let server = file_server(&all.files)?;
    let tally = Tally::default();
    let app = app
        .service(master.clone())
        .service(server.clone())
        .service(tally.clone());
    let behind = background.clone();
    app.on_start(move |app| {
        let nats = app.connection().clone();
        async move {
            serve(&server, &all.files, &behind).await?;
            server.is_discoverable(&nats);
            spawn_until_stop(&behind, master.upload(Files::over(&nats)));
            let worker = Worker::new(&nats, tally, &all.worker);
            for _ in 0..all.worker.loops {
                // The master goes as well: there would be nobody to finish for.
                spawn_until_stop(&behind, worker.clone().work(behind.stop()));
            }
            Ok(())
        }
    })
    .run()
    .await?;
    background.end().await;
    Ok(())
}

/// Where there is no NATS it brings its own, as any service: file servers and workers find it.
async fn run_master(app: App, args: MasterArgs) -> micro::Result<()> {
    let background = Background::default();
    let master = Master::new(args.lease, args.state)?;
    let behind = background.clone();
    app.service(master.clone())
        .on_start(move |app| {
            spawn_until_stop(&behind, master.upload(Files::over(app.connection())));
            std::future::ready(Ok(()))
        })
        .run()
        .await?;
    background.end().await;
    Ok(())
}

/// HTTP is served from the beginning, and NATS waited for.
async fn run_files(app: App, args: FilesArgs) -> micro::Result<()> {
    let background = Background::default();
    let server = file_server(&args)?;
    serve(&server, &args, &background).await?;
    say("they are found as soon as NATS is there, and served until then");
    let known = server.clone();
    waiting_for_nats(app)
        .service(server)
        .on_start(move |app| {
            known.is_discoverable(app.connection());
            std::future::ready(Ok(()))
        })
        .run()
        .await?;
    background.end().await;
    Ok(())
}

async fn run_worker(app: App, args: WorkerArgs) -> micro::Result<()> {
    let background = Background::default();
    let tally = Tally::default();
    let behind = background.clone();
    waiting_for_nats(app)
        .service(tally.clone())
        .on_start(move |app| {
            let worker = Worker::new(app.connection(), tally, &args);
            for _ in 0..args.loops {
                behind.spawn(worker.clone().work(behind.stop()));
            }
            std::future::ready(Ok(()))
        })
        .run()
        .await?;
    background.end().await;
    Ok(())
}

/// Runs what may be dropped at any of its waits.
fn spawn_until_stop(background: &Background, task: impl Future<Output = ()> + Send + 'static) {
    let stop = background.stop();
    background.spawn(async move {
        stop.run_until_cancelled(task).await;
    });
}

/// Parts may be started in any order, and none but the master brings a NATS server of its own.
fn waiting_for_nats(app: App) -> App {
    app.connect_options(ConnectOptions::new().retry_connect())
}

fn file_server(args: &FilesArgs) -> Result<FileServer, Error> {
    let folder = args.folder.clone();
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("micro-workers"));
    let opened = Folder::open(folder.clone());
    let folder = opened.map_err(|error| {
        let folder = folder.display();
        Error::new(
            500,
            format_args!("cannot use the folder {folder}: {error}; `--folder` names it"),
        )
    })?;
    Ok(FileServer::new(folder, args.max_bytes))
}

async fn serve(
    server: &FileServer,
    args: &FilesArgs,
    background: &Background,
) -> micro::Result<()> {
    let bound = Bound::to(args.http).await?;
    let url = bound.url();
    say(format_args!(
        "files on {url}, kept in {}",
        server.folder().display()
    ));
    server.is_at(args.public_url.clone().unwrap_or(url));
    bound.serve(server.routes(), background);
    Ok(())
}
