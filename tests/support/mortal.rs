//! A broker that can be killed, and comes back at the same address: the dev server, or the real one.

use std::net::TcpListener;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};

use async_nats::Client;
use micro_devserver::DevServer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The path of the real server; the dev server without it.
const REAL: &str = "MICRO_TEST_NATS_SERVER";

/// A broker of a test's own. Dropping it ends it.
pub(crate) struct Broker {
    port: u16,
    running: Running,
}

enum Running {
    Dev(#[allow(dead_code, reason = "held to keep it running")] DevServer),
    Real(Child),
    No,
}

impl Broker {
    /// An address, at which there is nothing yet.
    pub(crate) fn later() -> Self {
        Self {
            port: free_port(),
            running: Running::No,
        }
    }

    pub(crate) async fn start() -> Self {
        let mut broker = Self::later();
        broker.begin().await;
        broker
    }

    /// Starts it, and waits until it is ready.
    pub(crate) async fn begin(&mut self) {
        self.running = match std::env::var_os(REAL) {
            None => {
                let server = DevServer::builder().port(self.port).start();
                Running::Dev(server.await.unwrap())
            }
            Some(binary) => {
                let mut server = Command::new(binary)
                    .args(["-a", "127.0.0.1", "-p", &self.port.to_string()])
                    .stderr(Stdio::piped())
                    .stdin(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()
                    .unwrap();
                let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
                while let Some(line) = log.next_line().await.unwrap() {
                    if line.contains("Server is ready") {
                        break;
                    }
                }
                // The server must not block on a full pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
                Running::Real(server)
            }
        };
    }

    /// Ends it as a machine ends whose plug is pulled.
    pub(crate) async fn kill(&mut self) {
        match std::mem::replace(&mut self.running, Running::No) {
            Running::Real(mut server) => server.kill().await.unwrap(),
            Running::Dev(server) => server.stop().await,
            Running::No => {}
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A connection that has nothing to do with our crates.
    pub(crate) async fn client(&self) -> Client {
        async_nats::connect(self.url()).await.unwrap()
    }
}

/// A port that is free, and that no outgoing connection gets: a server that is started again finds
/// it free again.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let number = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (std::process::id().wrapping_mul(61) + number) % 20_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
