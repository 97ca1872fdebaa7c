//! A tap in a connection: a proxy that writes down what each side says, frame by frame, and can
//! have the server say something that it did not.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_nats::Client;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::broker::Broker;

/// A line of the protocol with what belongs to it, and when it passed.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) at: SystemTime,
    /// The line, without its end.
    pub(crate) line: String,
    /// Headers and payload of a message, without their end.
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct Seen {
    from_client: Vec<Frame>,
    from_server: Vec<Frame>,
    to_client: Vec<mpsc::UnboundedSender<Vec<u8>>>,
    refused: Option<String>,
}

/// A proxy before a broker. It lives as long as the test.
pub(crate) struct Tap {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

impl Tap {
    pub(crate) async fn before(broker: &Broker) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let server = broker.url().trim_start_matches("nats://").to_owned();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let notes = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (up, down) = (writer(to_server), writer(to_client));
                notes.lock().unwrap().to_client.push(down.clone());
                let (one, other) = (Arc::clone(&notes), Arc::clone(&notes));
                let answer = down.clone();
                tokio::spawn(copy(from_client, up, move |frame| {
                    let mut seen = one.lock().unwrap();
                    if let Some((subject, group)) = subscription(&frame.line)
                        && seen.refused.as_deref() == Some(subject)
                    {
                        answer.send(refusal(subject, group)).unwrap();
                    }
                    seen.from_client.push(frame);
                }));
                tokio::spawn(copy(from_server, down, move |frame| {
                    other.lock().unwrap().from_server.push(frame);
                }));
            }
        });
        Self { url, seen }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn client(&self) -> Client {
        async_nats::connect(&self.url).await.unwrap()
    }

    /// What the clients have said, from the `from`th frame on.
    pub(crate) fn said_since(&self, from: usize) -> Vec<Frame> {
        self.seen.lock().unwrap().from_client[from..].to_vec()
    }

    /// How much the clients have said.
    pub(crate) fn mark(&self) -> usize {
        self.seen.lock().unwrap().from_client.len()
    }

    /// The subscriptions that were asked for: subject and queue group.
    pub(crate) fn subscriptions(&self) -> Vec<(String, Option<String>)> {
        let said = self.said_since(0);
        let subscriptions = said.iter().filter_map(|frame| {
            let (subject, group) = subscription(&frame.line)?;
            Some((subject.to_owned(), group.map(str::to_owned)))
        });
        subscriptions.collect()
    }

    /// The messages that the server has delivered, as they were on the wire.
    pub(crate) fn delivered(&self) -> Vec<Frame> {
        let seen = self.seen.lock().unwrap();
        let messages = seen
            .from_server
            .iter()
            .filter(|frame| has_body(&frame.line));
        messages.cloned().collect()
    }

    /// Has the server refuse subscriptions to a subject when they are asked for. It takes them all
    /// the same, so that what a client does not give up is seen.
    pub(crate) fn refuse(&self, subject: &str) {
        self.seen.lock().unwrap().refused = Some(subject.to_owned());
    }

    /// Has the server refuse a subscription that it has taken before.
    pub(crate) fn refuse_now(&self, subject: &str, group: Option<&str>) {
        for client in &self.seen.lock().unwrap().to_client {
            client.send(refusal(subject, group)).unwrap();
        }
    }

    /// Has the server say a line to every client.
    pub(crate) fn have_server_say(&self, line: &str) {
        for client in &self.seen.lock().unwrap().to_client {
            client.send(format!("{line}\r\n").into_bytes()).unwrap();
        }
    }
}

/// Subject and queue group of a line that asks for a subscription.
fn subscription(line: &str) -> Option<(&str, Option<&str>)> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["SUB", subject, _] => Some((subject, None)),
        ["SUB", subject, group, _] => Some((subject, Some(group))),
        _ => None,
    }
}

/// In the words of `nats-server`.
fn refusal(subject: &str, group: Option<&str>) -> Vec<u8> {
    let group = group.map_or(String::new(), |group| format!(" using queue \"{group}\""));
    format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"{group}'\r\n")
        .into_bytes()
}

/// Writes what it is sent, frame by frame, so that nothing comes between the parts of one.
fn writer(mut to: OwnedWriteHalf) -> mpsc::UnboundedSender<Vec<u8>> {
    let (sender, mut frames) = mpsc::unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move {
        while let Some(bytes) = frames.recv().await {
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    sender
}

async fn copy(
    from: impl AsyncRead + Unpin,
    to: mpsc::UnboundedSender<Vec<u8>>,
    mut note: impl FnMut(Frame),
) {
    let mut from = BufReader::new(from);
    loop {
        let mut bytes = Vec::new();
        if !matches!(from.read_until(b'\n', &mut bytes).await, Ok(1..)) {
            return;
        }
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        let mut body = Vec::new();
        if has_body(&line) {
            let length: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
            body.resize(length + 2, 0);
            if from.read_exact(&mut body).await.is_err() {
                return;
            }
            bytes.extend_from_slice(&body);
            body.truncate(length);
        }
        // Before the other side can act upon it.
        note(Frame {
            at: SystemTime::now(),
            line,
            body,
        });
        if to.send(bytes).is_err() {
            return;
        }
    }
}

fn has_body(line: &str) -> bool {
    ["PUB ", "HPUB ", "MSG ", "HMSG "]
        .iter()
        .any(|operation| line.starts_with(operation))
}
