//! A broker for one test: the dev server, or the real one.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use async_nats::Client;
use micro_devserver::DevServer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The path of the real server; the dev server without it.
const REAL: &str = "MICRO_TEST_NATS_SERVER";

/// A broker of a test's own. Dropping it ends it.
pub(crate) struct Broker {
    url: String,
    websocket_url: Option<String>,
    _running: Running,
}

enum Running {
    Dev(#[allow(dead_code, reason = "held to keep it running")] DevServer),
    Real(#[allow(dead_code, reason = "held to keep it running")] Child),
}

impl Broker {
    pub(crate) async fn start() -> Self {
        match std::env::var_os(REAL) {
            Some(binary) => real(binary.into(), "").await,
            None => dev().await,
        }
    }

    /// The real broker with a configuration, or nothing where only the dev server is to be had,
    /// which has no configuration.
    pub(crate) async fn start_real(config: &str) -> Option<Self> {
        Some(real(std::env::var_os(REAL)?.into(), config).await)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it takes websockets, if its configuration says so.
    #[allow(dead_code, reason = "for a feature's tests")]
    pub(crate) fn websocket_url(&self) -> Option<&str> {
        self.websocket_url.as_deref()
    }

    /// A connection that has nothing to do with our crates.
    pub(crate) async fn client(&self) -> Client {
        async_nats::connect(&self.url).await.unwrap()
    }
}

async fn dev() -> Broker {
    let server = DevServer::start().await.unwrap();
    Broker {
        url: server.url(),
        websocket_url: None,
        _running: Running::Dev(server),
    }
}

/// Starts nats-server on a port of its choice and waits until it says that it is ready.
async fn real(binary: PathBuf, config: &str) -> Broker {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut command = Command::new(binary);
    command.args(["-a", "127.0.0.1", "-p", "-1"]);
    if !config.is_empty() {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("micro-{}-{number}.conf", std::process::id()));
        std::fs::write(&file, config).unwrap();
        command.arg("-c").arg(file);
    }
    let mut server = command
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
    let (mut url, mut websocket_url) = (None, None);
    while let Some(line) = log.next_line().await.unwrap() {
        if let Some((_, address)) = line.split_once("Listening for client connections on ") {
            url = Some(format!("nats://{}", address.trim()));
        }
        if let Some((_, url)) = line.split_once("Listening for websocket clients on ") {
            websocket_url = Some(url.trim().to_owned());
        }
        if line.contains("Server is ready") {
            break;
        }
    }
    // The server must not block on a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    Broker {
        url: url.expect("nats-server did not say where it listens"),
        websocket_url,
        _running: Running::Real(server),
    }
}
