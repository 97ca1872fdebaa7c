//! A broker that can be killed, and comes back at the same address: the dev server, or the real one.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_nats::Client;
use micro_devserver::DevServer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The path of the real server; the dev server without it.
const REAL: &str = "MICRO_TEST_NATS_SERVER";

/// Between two looks at what tells nobody that it has changed.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
        loop {
            // A port that was free may be another test's by now.
            let mut broker = Self::later();
            if broker.try_begin().await {
                return broker;
            }
        }
    }

    /// Starts it, and waits until it is ready. Who looks for a free port may hold this one for a moment.
    pub(crate) async fn begin(&mut self) {
        let beginning = async {
            while !self.try_begin().await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let begun = tokio::time::timeout(crate::PATIENCE, beginning).await;
        begun.expect("the port is another's");
    }

    async fn try_begin(&mut self) -> bool {
        let running = if let Some(binary) = std::env::var_os(REAL) {
            real(binary, self.port).await.map(Running::Real)
        } else {
            let server = DevServer::builder().port(self.port).start();
            server.await.ok().map(Running::Dev)
        };
        let begun = running.is_some();
        self.running = running.unwrap_or(Running::No);
        begun
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

/// The real one, once it is ready; nothing if it ends before.
async fn real(binary: OsString, port: u16) -> Option<Child> {
    let mut server = Command::new(binary)
        .args(["-a", "127.0.0.1", "-p", &port.to_string()])
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
    loop {
        if log.next_line().await.unwrap()?.contains("Server is ready") {
            break;
        }
    }
    // The server must not block on a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    Some(server)
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
