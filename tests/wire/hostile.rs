//! What strangers can send: each request is answered once or told of, and the service serves the
//! next. `fuzz/` looks for what is not here.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use micro::prelude::*;
use micro::{Bytes, Connection, Error, Incident, Reply, Request, RunningService};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::broker::Broker;
use crate::raw;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    article: u32,
    price: f64,
    #[serde(default)]
    tags: Vec<String>,
}

struct Shop;

#[service(name = "hostile", version = "1.0.0")]
impl Shop {
    #[endpoint(subject = "order")]
    async fn order(&self, order: Order) -> Order {
        order
    }

    #[endpoint(subject = "item.{id}.of.{owner}")]
    async fn item(&self, id: String, owner: String) -> [String; 2] {
        [id, owner]
    }

    #[endpoint(subject = "number.{id}")]
    async fn number(&self, id: u8) -> u8 {
        id
    }
}

/// What the request said, as text.
async fn mirror(request: Request) -> Result<Reply, Error> {
    let context = request.context();
    let headers = context
        .headers()
        .map_or(0, |headers| headers.iter().count());
    context.set_header("X-Count", &headers.to_string())?;
    context.set_header("X-Name", context.header("X-Name").unwrap_or("none"))?;
    Ok(Reply::bytes(context.subject().to_owned()))
}

async fn echo(request: Request) -> Bytes {
    request.payload().clone()
}

/// Answers with an error whose text is the body.
async fn refuse(request: Request) -> Result<(), Error> {
    let text = String::from_utf8_lossy(request.payload()).into_owned();
    Err(Error::new(418, text))
}

/// Sets a header whose value is the body, in each way there is.
async fn set(request: Request) -> Result<Reply, Error> {
    let text = String::from_utf8_lossy(request.payload()).into_owned();
    let mut refused = 0;
    refused += u8::from(request.context().set_header("X-Set", &text).is_err());
    refused += u8::from(request.context().set_header(&text, "x").is_err());
    refused += u8::from(Reply::silence().with_header("X-Set", &text).is_err());
    refused += u8::from(
        micro::Fault::new(1, "x")
            .with_header("X-Set", &text)
            .is_err(),
    );
    Ok(Reply::bytes(refused.to_string()))
}

async fn start(
    connection: impl Into<Connection>,
) -> (RunningService, mpsc::UnboundedReceiver<Incident>) {
    let (sender, incidents) = mpsc::unbounded_channel();
    let service = ServiceBuilder::of(Shop)
        .endpoint_with("tree.>", mirror, |endpoint| endpoint.name("tree"))
        .endpoint("echo", echo)
        .endpoint("refuse", refuse)
        .endpoint("set", set)
        .on_error(move |_, incident| {
            let _ = sender.send(incident.clone());
        })
        .start(&connection.into())
        .await
        .unwrap();
    (service, incidents)
}

async fn counted(client: &Client, service: &RunningService, name: &str) -> (u64, u64, String) {
    let stats = raw::stats(client, "hostile", service.id()).await;
    let all = stats["endpoints"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name).unwrap();
    (
        one["num_requests"].as_u64().unwrap(),
        one["num_errors"].as_u64().unwrap(),
        one["last_error"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn each_body_that_is_no_value_is_answered_400_once() {
    let broker = Broker::start().await;
    let (service, _incidents) = start(broker.client().await).await;
    let mut socket = Socket::connect(&broker).await;
    let good = br#"{"article":7,"price":1.5,"tags":["a"]}"#;
    let mut bodies: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    bodies.extend([
        b"\xff\xfe".to_vec(),
        b"{\"article\":7,\"price\":1,\"tags\":[\"\xff\"]}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\0".to_vec(),
        vec![b'['; 1_000_000],
        b"{\"tags\":".repeat(100_000),
        [b"[".repeat(400_000), b"]".repeat(400_000)].concat(),
        [good.as_slice(), b"}"].concat(),
        [good.as_slice(), good.as_slice()].concat(),
        br#"{"article":7,"article":8,"price":1}"#.to_vec(),
        br#"{"article":4294967296,"price":1}"#.to_vec(),
        br#"{"article":-1,"price":1}"#.to_vec(),
        br#"{"article":7,"price":1e999}"#.to_vec(),
        [
            b"{\"price\":1,\"article\":".as_slice(),
            &b"9".repeat(900_000),
            b"}",
        ]
        .concat(),
        br#"{"article":7,"price":NaN}"#.to_vec(),
        br#"{"article":7,"price":1,"tags":["\ud800"]}"#.to_vec(),
        [b"{\"article\":\"".as_slice(), &b"x".repeat(900_000), b"\"}"].concat(),
    ]);
    for (number, body) in bodies.iter().enumerate() {
        let answers = socket.request("order", b"", body).await;
        let start = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(answers.len(), 1, "body {number}, {start}");
        let (code, text) = answers[0].error().expect(&start);
        assert_eq!(code, 400, "{start}: {text}");
        assert!(text.starts_with("cannot decode the request: "), "{text}");
        assert!(text.len() <= 1_024);
    }
    let sent = u64::try_from(bodies.len()).unwrap();
    let client = broker.client().await;
    let (requests, errors, _) = counted(&client, &service, "order").await;
    assert_eq!((requests, errors), (sent, sent));
    // What nobody reads may be as deep as it likes.
    let ignored = [
        b"{\"article\":7,\"price\":1,\"more\":".as_slice(),
        &b"[".repeat(400_000),
        &b"]".repeat(400_000),
        b"}",
    ];
    for body in [good.to_vec(), ignored.concat()] {
        let answers = socket.request("order", b"", &body).await;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].error(), None);
    }
}

#[tokio::test]
async fn as_many_and_as_large_headers_as_the_server_takes_are_read() {
    let broker = Broker::start().await;
    let (_service, _incidents) = start(broker.client().await).await;
    let mut socket = Socket::connect(&broker).await;
    let many: Vec<String> = (0..10_000).map(|n| format!("H{n}: {n}\r\n")).collect();
    let many = many.concat();
    let same = "X-Name: x\r\n".repeat(10_000);
    let large = format!("X-Name: {}\r\n", "v".repeat(1_000_000));
    let name = format!("{}: v\r\n", "N".repeat(1_000_000));
    let folded = "X-Name: a\r\n  b\r\n".to_owned();
    let odd = "X-Name: \u{e9}\u{1f375}\u{202e}\u{1}\0\r\nx-name: other\r\nX-Name:\r\n".to_owned();
    for (headers, count, first) in [
        (many, "10000", "none"),
        (same, "10000", "x"),
        (name, "1", "none"),
    ] {
        let answers = socket.request("tree.a", headers.as_bytes(), b"").await;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].header("X-Count"), Some(count));
        assert_eq!(answers[0].header("X-Name"), Some(first));
    }
    let answers = socket.request("tree.a", folded.as_bytes(), b"").await;
    assert_eq!(answers[0].header("X-Count"), Some("1"));
    // A value that cannot be sent back is the handler's error, and is hidden from the caller.
    let answers = socket.request("tree.a", odd.as_bytes(), b"").await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].error(), Some((500, "internal error".to_owned())));
    // One that leaves no room for the answer is that.
    let answers = socket.request("tree.a", large.as_bytes(), b"").await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].header("X-Name").map(str::len), Some(1_000_000));
    let answers = socket.request("echo", b"", b"still here").await;
    assert_eq!(answers[0].body, b"still here");
}

#[tokio::test]
async fn odd_tokens_are_tokens() {
    let broker = Broker::start().await;
    let (service, _incidents) = start(broker.client().await).await;
    let mut socket = Socket::connect(&broker).await;
    let long = "n".repeat(1_500);
    let tokens = [
        "$SRV",
        "*",
        ">",
        "{id}",
        "%00",
        "a*b>",
        "\u{e9}\u{65e5}",
        "\u{1}\u{1b}[2J",
        "\"",
        "\\",
        "\u{202e}",
        &long,
        "\u{fffd}",
        "';--",
        "\0",
    ];
    for token in tokens {
        let answers = socket
            .request(&format!("item.{token}.of.{token}"), b"", b"")
            .await;
        assert_eq!(answers.len(), 1, "{token:?}");
        let said: [String; 2] = serde_json::from_slice(&answers[0].body).unwrap();
        assert_eq!(said, [token, token]);
        let subject = format!("tree.{token}.x");
        let answers = socket.request(&subject, b"", b"").await;
        assert_eq!(answers[0].body, subject.as_bytes());
        // One that is no number is a fault of the caller, in one line.
        let answers = socket.request(&format!("number.{token}"), b"", b"").await;
        assert_eq!(answers[0].error().unwrap().0, 400);
    }
    let client = broker.client().await;
    let (_, _, last) = counted(&client, &service, "number").await;
    assert_eq!(last, "400:cannot read `id` from the subject");
}

/// What async-nats cannot read it takes for a broken connection, and connects again. That cannot be
/// kept from happening here: what has to hold is that the service comes back, as itself.
#[tokio::test]
async fn a_message_that_the_client_cannot_read_leaves_the_service_as_it_was() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let (service, _incidents) = start(&connection).await;
    let id = service.id().to_owned();
    let client = broker.client().await;
    raw::request(&client, "echo", "before").await;
    let mut socket = Socket::connect(&broker).await;
    let bad: [(&[u8], &[u8], &[u8]); 9] = [
        (b"tree.x", b"reply.x", b"NATS/1.0\r\nno colon\r\n\r\n"),
        (b"tree.x", b"reply.x", b"NATS/1.0\r\nX-\xc3\xa9: a\r\n\r\n"),
        (b"tree.x", b"reply.x", b"NATS/1.0\r\nX Y: a\r\n\r\n"),
        (b"tree.x", b"reply.x", b"NATS/1.0\r\nX: \xff\r\n\r\n"),
        (b"tree.x", b"reply.x", b"NATS/1.0 abc\r\n\r\n"),
        (b"tree.x", b"reply.x", b"HTTP/1.1\r\n\r\n"),
        (b"tree.a\xc2\xa0b", b"reply.x", b"NATS/1.0\r\n\r\n"),
        (b"tree.\xff", b"reply.x", b""),
        (b"tree.x", b"reply.\xff", b""),
    ];
    for (subject, reply, headers) in bad {
        let statistics = connection.client().statistics();
        let connects = || statistics.connects.load(Ordering::Relaxed);
        let before = connects();
        socket.publish(subject, reply, headers, b"").await;
        let what = format!("a new connection after {}", headers.escape_ascii());
        raw::until(&what, async || connects() > before).await;
        // A request on its way into the old connection is lost with it: it is not waited for.
        raw::until("an answer", async || {
            let request = async_nats::Request::new().timeout(Some(Duration::from_secs(1)));
            client.send_request("echo", request).await.is_ok()
        })
        .await;
    }
    assert_eq!(service.id(), id);
    assert!(counted(&client, &service, "echo").await.0 >= 10);
    let stopped = service.stop().await;
    assert_eq!(stopped.cause, None);
}

#[tokio::test]
async fn reserved_and_impossible_reply_subjects_are_not_answered() {
    let broker = Broker::start().await;
    let (service, mut incidents) = start(broker.client().await).await;
    let client = broker.client().await;
    let mut everything = Socket::connect(&broker).await;
    everything.subscribe(">").await;
    let id = service.id().to_owned();
    let mut sent = 0;
    for (reply, reserved) in [
        ("$SRV.PING", true),
        (format!("$SRV.STATS.hostile.{id}").as_str(), true),
        ("$SYS.REQ.USER.INFO", true),
        ("$JS.API.STREAM.NAMES", true),
        ("$KV.bucket.key", true),
        ("$", true),
        ("foo.*", false),
        ("foo.>", false),
        ("*", false),
        (">", false),
        ("a..b", false),
        (".", false),
    ] {
        let reason = if reserved {
            "is reserved for NATS"
        } else {
            "has a wildcard or an empty token"
        };
        let text = format!("the reply subject `{reply}` {reason}: nothing is sent there");
        for (subject, body) in [("echo", "answer"), ("refuse", "answer"), ("$SRV.PING", "")] {
            let mut socket = Socket::connect(&broker).await;
            socket
                .publish(subject.as_bytes(), reply.as_bytes(), b"", body.as_bytes())
                .await;
            let told = raw::soon(incidents.recv()).await.unwrap();
            let Incident::ReplyNotSent {
                subject: of,
                reason,
                ..
            } = told
            else {
                panic!("{told}");
            };
            assert_eq!((of.as_str(), &reason), (subject, &text));
        }
        sent += 1;
        assert_eq!(counted(&client, &service, "echo").await, (sent, sent, text));
        assert_eq!(
            counted(&client, &service, "refuse").await,
            (sent, sent, "418:answer".to_owned())
        );
    }
    // The requests themselves, and not one answer beside.
    client.publish("end", "".into()).await.unwrap();
    let mut seen = 0;
    loop {
        let message = everything.next().await;
        if message.to == "end" {
            break;
        }
        if message.to.starts_with("$SRV.STATS.hostile") || message.to.starts_with("_INBOX") {
            continue;
        }
        assert!(
            message.reply.is_some(),
            "{} {:?}",
            message.to,
            message.headers
        );
        seen += 1;
    }
    assert_eq!(seen, sent * 3);
    assert_eq!(raw::text(&raw::request(&client, "echo", "x").await), "x");
}

#[tokio::test]
async fn an_answer_into_a_subject_of_the_service_ends_there() {
    let broker = Broker::start().await;
    let (service, mut incidents) = start(broker.client().await).await;
    let client = broker.client().await;
    let mut socket = Socket::connect(&broker).await;
    // Its answer is a request without a reply subject, whose answer is dropped.
    socket.publish(b"echo", b"echo", b"", b"round").await;
    let told = raw::soon(incidents.recv()).await.unwrap();
    assert!(
        matches!(&told, Incident::NoReplySubject { subject, .. } if subject == "echo"),
        "{told}"
    );
    raw::request(&client, "echo", "").await;
    let text = "the request has no reply subject, its reply was dropped".to_owned();
    assert_eq!(counted(&client, &service, "echo").await, (3, 1, text));
    // From the discovery into an endpoint: a body like any other, and the end of it.
    socket.publish(b"$SRV.PING", b"order", b"", b"").await;
    let once = async || counted(&client, &service, "order").await.0 == 1;
    raw::until("the document in the endpoint", once).await;
    raw::request(&client, "order", "").await;
    assert_eq!(counted(&client, &service, "order").await.0, 2);
    assert!(incidents.try_recv().is_err());
}

#[tokio::test]
async fn no_text_of_an_error_is_more_than_one_bounded_line() {
    let broker = Broker::start().await;
    let (_service, _incidents) = start(broker.client().await).await;
    let mut socket = Socket::connect(&broker).await;
    let long = "x\r\nX-Injected: yes\r\n\r\n".repeat(1_000);
    for (text, said) in [
        ("a\r\nX-Injected: yes", "a  X-Injected: yes"),
        ("a\rb\nc\0d\u{1b}e\u{85}f", "a b c d e f"),
        ("\u{1f375} tea", "\u{1f375} tea"),
        ("\r\n\r\n", "unspecified error"),
        ("", "unspecified error"),
        (&"\u{1f375}".repeat(5_000), &"\u{1f375}".repeat(256)),
        (&"x".repeat(20_000), &"x".repeat(1_024)),
        (&long, long.replace(['\r', '\n'], " ")[..1_024].trim_end()),
    ] {
        let answers = socket.request("refuse", b"", text.as_bytes()).await;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].error(), Some((418, said.to_owned())));
        // Both of the headers that there are, in any order, and nothing else.
        let names: BTreeSet<&str> = answers[0].lines().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            BTreeSet::from(["Nats-Service-Error", "Nats-Service-Error-Code"])
        );
        assert_eq!(answers[0].lines().count(), 2);
    }
    for text in ["a\r\nX-Injected: yes", "a\rb", "a\nb", "\0", "a: b\u{85}"] {
        let answers = socket.request("set", b"", text.as_bytes()).await;
        assert_eq!(answers[0].body, b"4", "{text:?}");
        assert_eq!(answers[0].headers, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_error_tells_of_its_own_request_alone() {
    let broker = Broker::start().await;
    let (service, _incidents) = start(broker.client().await).await;
    let mut callers = JoinSet::new();
    for caller in 0..64 {
        let client = broker.client().await;
        callers.spawn(async move {
            for round in 0..20 {
                let own = format!("token-{caller}-{round}-");
                let body = format!(r#"{{"article":"{own}"}}"#);
                let reply = raw::request(&client, "order", &body).await;
                let (code, text) = raw::error_of(&reply).unwrap();
                assert_eq!(code, 400);
                assert_eq!(text.matches("token-").count(), 1, "{text}");
                assert!(text.contains(&own), "{text}");
                assert_eq!(reply.payload, "");
                let subject = format!("item.{own}.of.{own}");
                let reply = raw::request(&client, &subject, "").await;
                assert_eq!(raw::text(&reply), format!(r#"["{own}","{own}"]"#));
            }
        });
    }
    callers.join_all().await;
    let client = broker.client().await;
    let (requests, errors, _) = counted(&client, &service, "order").await;
    assert_eq!((requests, errors), (64 * 20, 64 * 20));
}

/// A client that is made of a socket: it sends what a decent one does not.
struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
    requests: u32,
}

/// A message as it came.
struct Delivered {
    to: String,
    reply: Option<String>,
    headers: Option<String>,
    body: Vec<u8>,
}

impl Socket {
    async fn connect(broker: &Broker) -> Self {
        let address = broker.url().trim_start_matches("nats://");
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut socket = Self {
            stream,
            read: Vec::new(),
            requests: 0,
        };
        let hello = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n";
        socket.send(hello.as_bytes()).await;
        socket.subscribe("reply.*").await;
        socket
    }

    async fn send(&mut self, bytes: &[u8]) {
        raw::soon(self.stream.write_all(bytes)).await.unwrap();
    }

    async fn subscribe(&mut self, subject: &str) {
        self.send(format!("SUB {subject} {}\r\nPING\r\n", subject.len()).as_bytes())
            .await;
        self.until(b"PONG\r\n").await;
    }

    /// Returns when the server has it. `headers` is the whole block, or empty.
    pub(crate) async fn publish(
        &mut self,
        subject: &[u8],
        reply: &[u8],
        headers: &[u8],
        body: &[u8],
    ) {
        let (verb, sizes) = match headers.len() {
            0 => ("PUB", body.len().to_string()),
            size => ("HPUB", format!("{size} {}", size + body.len())),
        };
        let line = [
            verb.as_bytes(),
            b" ",
            subject,
            b" ",
            reply,
            b" ",
            sizes.as_bytes(),
        ]
        .concat();
        let message = [line.as_slice(), b"\r\n", headers, body, b"\r\nPING\r\n"].concat();
        self.send(&message).await;
        self.until(b"PONG\r\n").await;
    }

    /// Every answer to a request: those that come before a message to ourselves that follows the
    /// first of them.
    async fn request(&mut self, subject: &str, headers: &[u8], body: &[u8]) -> Vec<Delivered> {
        self.requests += 1;
        let reply = format!("reply.{}", self.requests);
        let block = match headers {
            [] => Vec::new(),
            headers => [b"NATS/1.0\r\n", headers, b"\r\n"].concat(),
        };
        self.publish(subject.as_bytes(), reply.as_bytes(), &block, body)
            .await;
        let mut answers = vec![self.next().await];
        self.publish(b"reply.end", b"", b"", b"").await;
        loop {
            let message = self.next().await;
            if message.to == "reply.end" {
                break;
            }
            answers.push(message);
        }
        for answer in &answers {
            assert_eq!(answer.to, reply);
        }
        answers
    }

    async fn until(&mut self, word: &[u8]) {
        // Messages that come meanwhile stay to be read.
        loop {
            let found = self.read.windows(word.len()).rposition(|part| part == word);
            if let Some(at) = found {
                self.read.drain(at..at + word.len());
                return;
            }
            self.more().await;
        }
    }

    async fn more(&mut self) {
        let read = raw::soon(self.stream.read_buf(&mut self.read))
            .await
            .unwrap();
        assert!(read > 0, "the server ended the connection");
    }

    async fn next(&mut self) -> Delivered {
        loop {
            if let Some(message) = self.take() {
                return message;
            }
            self.more().await;
        }
    }

    fn take(&mut self) -> Option<Delivered> {
        loop {
            let end = self.read.windows(2).position(|two| two == b"\r\n")?;
            let line = String::from_utf8(self.read[..end].to_vec()).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let size = |word: &str| word.parse::<usize>().unwrap();
            let (reply, headers, all) = match words.as_slice() {
                ["MSG", _, _, all] => (None, 0, size(all)),
                ["MSG", _, _, reply, all] => (Some((*reply).to_owned()), 0, size(all)),
                ["HMSG", _, _, headers, all] => (None, size(headers), size(all)),
                ["HMSG", _, _, reply, headers, all] => {
                    (Some((*reply).to_owned()), size(headers), size(all))
                }
                ["INFO", ..] | ["PING" | "PONG"] => {
                    self.read.drain(..end + 2);
                    continue;
                }
                _ => panic!("{line:?}"),
            };
            let body = end + 2;
            if self.read.len() < body + all + 2 {
                return None;
            }
            let to = words[1].to_owned();
            let (block, rest) = self.read[body..body + all].split_at(headers);
            let message = Delivered {
                to,
                reply,
                headers: (headers > 0).then(|| String::from_utf8(block.to_vec()).unwrap()),
                body: rest.to_vec(),
            };
            self.read.drain(..body + all + 2);
            return Some(message);
        }
    }
}

impl Delivered {
    /// Names and values, as they stand in the lines.
    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let block = self.headers.as_deref().unwrap_or("NATS/1.0\r\n\r\n");
        let block = block.strip_prefix("NATS/1.0\r\n").unwrap();
        let lines = block.strip_suffix("\r\n").unwrap();
        let lines = lines.split_terminator("\r\n");
        lines.map(|line| line.split_once(": ").unwrap())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.lines()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    fn error(&self) -> Option<(u16, String)> {
        let code = self.header("Nats-Service-Error-Code")?.parse().unwrap();
        Some((code, self.header("Nats-Service-Error")?.to_owned()))
    }
}
