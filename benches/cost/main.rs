//! What a request costs, side by side with others: `cargo bench --bench cost`.
//!
//! Each service is a process, the load generator another one, and the broker a third. A round
//! measures them one after the other, each round in another order, with processes of its own:
//! whatever else the machine does concerns all of them alike. It prints, and judges no time; replies
//! that are wrong or missing make it fail.
//!
//! - `scenarios`: what is asked of whom;
//! - `peers`: which services there are, and how they start; `service`: those in Rust;
//! - `load`: the load generator; `calls`: the side that calls; `wire`: the protocol it speaks; `cpu`: what processes use;
//! - `figures`, `table`, `plot`: what came of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has failed"
)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, far from the limits of their types"
)]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/support/broker.rs"]
mod broker;

mod calls;
mod cpu;
mod figures;
mod go;
mod load;
mod peers;
mod plot;
mod scenarios;
mod service;
mod table;
mod wire;

use std::env;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum as _};
use serde::{Deserialize, Serialize};

use broker::Broker;
use calls::Calls;
use load::Job;

use peers::{How, Peer, Running};
use scenarios::{Bench, Scenario};
use service::READY;
use table::Table;

/// Where the plot goes, in the target folder.
const PLOT: &str = "bench/latency.html";

/// What a request costs: this framework, raw async-nats and other implementations of the protocol,
/// measured in turns under the same load.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "flags")]
struct Args {
    /// What to measure; all of it, if nothing is named.
    scenarios: Vec<Scenario>,
    /// Which services; all that are there, if none is named. Ratios need `ours`.
    #[arg(long, value_delimiter = ',')]
    services: Vec<Peer>,
    /// How often each service is measured [default: 7, or 3 with --quick].
    #[arg(long)]
    rounds: Option<usize>,
    /// How long each time, beside a quarter of it to warm up [default: 0.25, or 0.15 with --quick].
    #[arg(long)]
    seconds: Option<f64>,
    /// The bodies of `echo`, in bytes, 8 at least [default: 16,128,1024, or 16 with --quick].
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<usize>,
    /// How many requests of `echo` are outstanding; 1 is measured with the first size only.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 1024])]
    outstanding: Vec<u32>,
    /// Less of everything, in less than a minute.
    #[arg(long)]
    quick: bool,
    /// One JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// Measures latency against load too, and draws it.
    #[arg(long)]
    plot: bool,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
    /// What this process is to be instead, in JSON.
    #[arg(long, hide = true)]
    part: Option<String>,
}

/// What this program is when it has started itself.
#[derive(Debug, Serialize, Deserialize)]
enum Part {
    Broker,
    Serve {
        peer: Peer,
        url: String,
        how: How,
    },
    Load(Job),
    /// What answers calls.
    Answer {
        url: String,
    },
    Call(Calls),
}

/// This program again, told to play a part.
fn again(part: &Part) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--part", &serde_json::to_string(part).unwrap()]);
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("NATS_") || name.starts_with("MICRO_") {
            command.env_remove(&variable);
        }
    }
    command
}

fn play(part: Part) {
    match part {
        Part::Broker => tokio::runtime::Runtime::new().unwrap().block_on(async {
            let broker = Broker::start().await;
            println!("{READY} {}", broker.url());
            let _ = tokio::task::spawn_blocking(until_input_ends).await;
        }),
        Part::Serve { peer, url, how } => {
            std::thread::spawn(|| {
                until_input_ends();
                std::process::exit(0);
            });
            service::run(peer, &url, how);
        }
        Part::Load(job) => load::run(&job),
        Part::Answer { url } => {
            std::thread::spawn(|| {
                until_input_ends();
                std::process::exit(0);
            });
            // It ends with the broker.
            let _ = calls::answer(&url);
        }
        Part::Call(calls) => calls::run(&calls),
    }
}

/// It does when the process that has started this one ends, however that was.
fn until_input_ends() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// The real server, if there is one.
fn nats_server() -> Option<PathBuf> {
    if let Some(named) = env::var_os("MICRO_TEST_NATS_SERVER") {
        return Some(named.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path);
    std::iter::once(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/venv/bin"))
        .chain(folders)
        .map(|folder| folder.join("nats-server"))
        .find(|program| program.is_file())
}

/// The broker, where it listens, and what it is.
fn start_broker() -> (Running, String, String) {
    let program = nats_server();
    let mut command = again(&Part::Broker);
    if let Some(program) = &program {
        command.env("MICRO_TEST_NATS_SERVER", program);
    }
    let (running, url) = Running::start(command).expect("there is no broker");
    let (_, info) = wire::Connection::open(&url).unwrap();
    let version = info["version"].as_str().unwrap_or("of no version");
    let what = match program {
        Some(program) => format!("nats-server {version} ({})", program.display()),
        None => format!("the development server, like nats-server {version}; none was found"),
    };
    (running, url, what)
}

/// All that was measured.
#[derive(Serialize)]
struct Report {
    broker: String,
    cores: usize,
    rounds: usize,
    seconds: f64,
    missing: Vec<Missing>,
    tables: Vec<Table>,
    failures: u64,
}

#[derive(Serialize)]
struct Missing {
    service: Peer,
    reason: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(part) = &args.part {
        play(serde_json::from_str(part).unwrap());
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let or = |given: &[_], usual: &[_]| if given.is_empty() { usual } else { given }.to_vec();
    let (broker, url, what) = start_broker();
    let (peers, missing) = present(&args.services, &url);
    let seconds = args.seconds.unwrap_or(if args.quick { 0.15 } else { 0.25 });
    let bench = Bench {
        url,
        broker: cpu::family(broker.id()),
        peers,
        rounds: args.rounds.unwrap_or(if args.quick { 3 } else { 7 }).max(1),
        measure: Duration::from_secs_f64(seconds),
        at_least: Duration::from_millis(if args.quick { 400 } else { 1000 }),
        sizes: or(
            &args.sizes,
            if args.quick { &[16] } else { &[16, 128, 1024] },
        ),
        outstanding: args.outstanding.clone(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut report = Report {
        broker: what,
        cores,
        rounds: bench.rounds,
        seconds,
        missing,
        tables: Vec::new(),
        failures: 0,
    };
    if !args.json {
        report.print_head();
    }
    let mut scenarios = args.scenarios.clone();
    if scenarios.is_empty() {
        scenarios = Scenario::value_variants().to_vec();
        scenarios.retain(|scenario| *scenario != Scenario::Plot);
    }
    if args.plot {
        scenarios.push(Scenario::Plot);
    }
    for scenario in scenarios {
        for table in scenario.run(&bench, &report.tables) {
            if !args.json {
                println!("\n{table}");
            }
            report.tables.push(table);
        }
    }
    drop(broker);
    go::clean_up();
    if report
        .tables
        .iter()
        .any(|table| table.scenario == Scenario::Plot)
    {
        draw(&report);
    }
    report.failures = report.tables.iter().map(Table::failures).sum();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap());
    } else {
        println!("\ndone in {:.0} s", begun.elapsed().as_secs_f64());
    }
    if report.failures > 0 {
        eprintln!(
            "\nFAILED: {} replies were errors, wrong or missing",
            report.failures
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The services that start here, of those that are asked for.
fn present(asked: &[Peer], url: &str) -> (Vec<Peer>, Vec<Missing>) {
    let asked = if asked.is_empty() {
        Peer::value_variants()
    } else {
        asked
    };
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    for &peer in asked {
        match peer.start(url, How::default()) {
            Ok(_) => present.push(peer),
            Err(reason) => missing.push(Missing {
                service: peer,
                reason,
            }),
        }
    }
    (present, missing)
}

impl Report {
    fn print_head(&self) {
        let Self {
            broker,
            cores,
            rounds,
            seconds,
            ..
        } = self;
        println!("broker: {broker}");
        println!("{cores} cores; {rounds} rounds of {seconds} s for each service");
        for Missing { service, reason } in &self.missing {
            println!("missing: {service} ({reason})");
        }
    }
}

fn draw(report: &Report) {
    // This program is target/release/deps/cost-….
    let program = env::current_exe().unwrap();
    let target = program.ancestors().nth(3).unwrap_or(Path::new("."));
    let file = target.join(PLOT);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, plot::page(&report.tables, &report.broker)).unwrap();
    eprintln!("latency against load: {}", file.display());
}
