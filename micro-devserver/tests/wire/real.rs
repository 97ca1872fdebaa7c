//! A nats-server, when `MICRO_TEST_NATS_SERVER` names its binary.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const REAL_SERVER: &str = "MICRO_TEST_NATS_SERVER";

/// A nats-server on a free port of loopback, ended when this is dropped.
pub(crate) struct RealServer {
    process: Child,
    pub(crate) port: u16,
}

impl RealServer {
    /// Starts it, if there is one; says so otherwise.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts it with more arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Option<Self> {
        let binary = std::env::var_os(REAL_SERVER);
        if binary.is_none() {
            println!("not compared: {REAL_SERVER} does not name a nats-server");
        }
        Some(Self::start_binary(Path::new(&binary?), arguments))
    }

    fn start_binary(binary: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(binary)
            .args(["--addr", "127.0.0.1", "--port", "-1"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        let mut log = BufReader::new(process.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let port = log
            .find_map(|line| {
                line.split_once("client connections on 127.0.0.1:")?
                    .1
                    .parse()
                    .ok()
            })
            .expect("the server names its port");
        // Read on, so that the server never waits for its log.
        std::thread::spawn(move || log.for_each(drop));
        Self { process, port }
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
