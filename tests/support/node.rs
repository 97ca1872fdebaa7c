//! nats-server with a port, a configuration and a life of its own: alone, or as one of a cluster.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use async_nats::Client;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::identities::Folder;
use crate::process::signal;
use crate::raw;

/// The path of the real server; these tests do nothing without it.
const REAL: &str = "MICRO_TEST_NATS_SERVER";

/// One server. It can be killed and started again, at the same address.
pub(crate) struct Node {
    binary: PathBuf,
    port: u16,
    http: u16,
    file: String,
    folder: Arc<Folder>,
    running: Option<Running>,
}

struct Running {
    server: Child,
    /// What it has logged so far.
    log: watch::Receiver<String>,
}

impl Node {
    /// A server with this configuration; nothing where there is none to be had.
    pub(crate) async fn start(config: &str) -> Option<Self> {
        let folder = Arc::new(Folder::new());
        let mut node = Self::new(&folder, free_port(), config)?;
        node.begin().await;
        Some(node)
    }

    fn new(folder: &Arc<Folder>, port: u16, config: &str) -> Option<Self> {
        let http = free_port();
        let mut node = Self {
            binary: std::env::var_os(REAL)?.into(),
            port,
            http,
            file: String::new(),
            folder: Arc::clone(folder),
            running: None,
        };
        node.configure(config);
        Some(node)
    }

    fn configure(&mut self, config: &str) {
        let (port, http) = (self.port, self.http);
        let config =
            format!("listen: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{http}\"\n{config}\n");
        self.file = self.folder.file(&format!("{port}.conf"), &config);
    }

    /// Starts it, at the address that it had before, and waits until it is ready.
    pub(crate) async fn begin(&mut self) {
        let mut server = Command::new(&self.binary)
            .args(["-c", &self.file])
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let (write, log) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                write.send_modify(|log| {
                    log.push_str(&line);
                    log.push('\n');
                });
            }
        });
        self.running = Some(Running { server, log });
        self.says("Server is ready").await;
    }

    /// Waits until it has logged this.
    pub(crate) async fn says(&mut self, text: &str) {
        let log = &mut self.running.as_mut().unwrap().log;
        let said = raw::soon(log.wait_for(|log| log.contains(text)))
            .await
            .map(|_| ());
        assert!(said.is_ok(), "it ended, saying\n{}", *log.borrow());
    }

    /// Ends it as a machine ends whose plug is pulled.
    pub(crate) async fn kill(&mut self) {
        let mut running = self.running.take().unwrap();
        running.server.kill().await.unwrap();
    }

    /// Tells it to do without new clients, and to send those away that it has.
    pub(crate) fn lame_duck(&self) {
        signal(&self.running.as_ref().unwrap().server, "USR2");
    }

    /// Gives it another configuration while it runs.
    pub(crate) async fn reload(&mut self, config: &str) {
        self.configure(config);
        signal(&self.running.as_ref().unwrap().server, "HUP");
        self.says("Reloaded server configuration").await;
    }

    /// Kills it and starts it with another configuration.
    pub(crate) async fn restart(&mut self, config: &str) {
        self.kill().await;
        self.configure(config);
        self.begin().await;
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection that has nothing to do with our crates.
    pub(crate) async fn client(&self) -> Client {
        async_nats::connect(self.url()).await.unwrap()
    }

    /// The connections of clients that the server has now.
    pub(crate) async fn connections(&self) -> Vec<Value> {
        let address = format!("127.0.0.1:{}", self.http);
        let answer = tokio::task::spawn_blocking(move || get(&address, "/connz?subs=0"));
        let (_, body) = answer
            .await
            .unwrap()
            .split_once("\r\n\r\n")
            .map(|(head, body)| (head.to_owned(), body.to_owned()))
            .unwrap();
        let connz: Value = serde_json::from_str(&body).unwrap();
        connz["connections"].as_array().unwrap().clone()
    }
}

/// As little of HTTP as the monitoring port needs.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(raw::PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
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

/// Three servers that are one.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
}

impl Cluster {
    /// A cluster whose servers have this configuration; nothing where there is no server to be had.
    pub(crate) async fn start(config: &str) -> Option<Self> {
        let folder = Arc::new(Folder::new());
        let routes: Vec<_> = (0..3).map(|_| free_port()).collect();
        let urls: Vec<_> = routes
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .collect();
        let mut nodes = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let config = format!(
                "server_name: node{number}\ncluster {{ name: test, listen: \"127.0.0.1:{route}\", \
                 routes: [{}] }}\n{config}",
                urls.join(", ")
            );
            nodes.push(Node::new(&folder, free_port(), &config)?);
        }
        for node in &mut nodes {
            node.begin().await;
        }
        let cluster = Self { nodes };
        cluster.settled().await;
        Some(cluster)
    }

    /// Waits until what is asked for at any server that runs is known at every other.
    pub(crate) async fn settled(&self) {
        let running = self.nodes.iter().filter(|node| node.running.is_some());
        let mut clients = Vec::new();
        for node in running {
            clients.push(node.client().await);
        }
        for here in &clients {
            let subject = here.new_inbox();
            let mut asked = here.subscribe(subject.clone()).await.unwrap();
            let answering = here.clone();
            let answers = tokio::spawn(async move {
                while let Some(request) = asked.next().await {
                    let reply = request.reply.unwrap();
                    answering.publish(reply, "".into()).await.unwrap();
                }
            });
            for there in &clients {
                raw::until("a cluster", async || {
                    raw::try_request(there, &subject, "").await.is_ok()
                })
                .await;
            }
            answers.abort();
        }
    }

    /// All servers, as one list.
    pub(crate) fn urls(&self) -> String {
        let urls: Vec<_> = self.nodes.iter().map(Node::url).collect();
        urls.join(",")
    }

    /// The number of the node that a client is on.
    pub(crate) fn node_of(client: &Client) -> usize {
        let name = client.server_info().server_name;
        name.trim_start_matches("node").parse().unwrap()
    }
}
