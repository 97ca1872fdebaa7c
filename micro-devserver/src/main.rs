//! The `micro-devserver` program: the server in a process of its own, until it is interrupted.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use micro_devserver::DevServer;

/// A small core-NATS server on 127.0.0.1, for development and tests.
#[derive(Debug, Parser)]
#[command(name = "micro-devserver", disable_version_flag = true)]
struct Arguments {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 4222)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("micro-devserver: {error}");
            for cause in std::iter::successors(error.source(), |cause| cause.source()) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let server = DevServer::builder().port(arguments.port).start().await?;
    // Flushed, so that a program that started this one can read the port from a pipe.
    let mut out = io::stdout();
    writeln!(
        out,
        "micro dev server (core NATS, no persistence) on {}",
        server.url()
    )?;
    out.flush()?;
    interrupted().await?;
    server.stop().await;
    Ok(())
}

#[cfg(unix)]
async fn interrupted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
