//! Requests of strangers, over TCP through the dev server and async-nats into endpoints of every
//! kind: each is answered once, with headers that are what they seem, and the service lives.
//!
//! Over the wire and not by a door of its own, because what is answered is decided by all of the
//! way there and back, and nothing of it is known to be harmless. One server, one service and one
//! client for the life of the process, on one thread.
//!
//! An input is a line `<a letter for the endpoint><what follows in its subject>`, header lines, an
//! empty line and a body. What async-nats does not let through is left out of it: see `message`.
#![no_main]

mod message;

use std::cell::RefCell;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use micro::prelude::*;
use micro::{Bytes, Connection, DevServer, Error, IntoReply as _, Json, Reply, Request};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Nothing takes this long, on a machine that has other things to do: a request without an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    article: u64,
    #[serde(default)]
    notes: Vec<String>,
    price: Option<Price>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Price {
    Free,
    Fixed(f64),
    PerUnit { amount: i32, unit: char },
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[service_error(code = 422)]
pub enum OrderError {
    #[error("{0}")]
    Said(String),
    #[error("no {left}")]
    SoldOut { left: u64 },
}

pub struct User(String);

impl FromRequest for User {
    async fn from_request(request: &Request) -> Result<Self, Error> {
        match request.context().header("X-User") {
            Some("panic") => panic!("an extractor"),
            Some(user) => Ok(Self(user.to_owned())),
            None => Err(Error::new(401, "log in first")),
        }
    }
}

pub struct Fuzzed;

#[service(name = "fuzzed", version = "1.0.0")]
impl Fuzzed {
    #[endpoint(subject = "typed")]
    async fn typed(&self, ctx: &Context, mut order: Order) -> Result<Order, OrderError> {
        let _ = ctx.remaining();
        if let Some(note) = order.notes.pop() {
            return Err(OrderError::Said(note));
        }
        match order.article {
            0 => Err(OrderError::SoldOut {
                left: order.article,
            }),
            13 => panic!("a handler"),
            14 => {
                tokio::task::yield_now().await;
                Ok(order)
            }
            _ => Ok(order),
        }
    }

    #[endpoint(subject = "raw")]
    async fn raw(&self, #[payload(raw)] body: Bytes) -> Bytes {
        body
    }

    #[endpoint(subject = "item.{id}")]
    async fn item(&self, id: i32, #[header("X-Count")] count: Option<u8>) -> String {
        format!("{id} {count:?}")
    }

    #[endpoint(subject = "of.{name}.at.{day}")]
    async fn of(
        &self,
        ctx: &Context,
        name: String,
        day: String,
        #[extract] user: User,
    ) -> Result<String, Error> {
        ctx.set_header("X-Name", &name)?;
        ctx.set_header("X-User", &user.0)?;
        Ok(day)
    }
}

/// Takes what it gets for the headers and the text of its answer.
async fn mirror(request: Request) -> Result<Reply, Error> {
    let context = request.context();
    for (name, value) in context
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter())
    {
        let _ = context.set_header(name, value);
    }
    let _ = context.set_header("X-Subject", context.subject());
    let text = String::from_utf8_lossy(request.payload());
    let _ = context.set_header("X-Body", &text);
    let _ = context.set_header(&text, "x");
    match request.payload().first() {
        Some(b'E') => Err(Error::new(u16::from(request.payload()[0]), text)),
        Some(b'J') => Ok(Json(text.into_owned()).into_reply()),
        _ => Ok(Reply::bytes(request.payload().clone())),
    }
}

struct Harness {
    runtime: Runtime,
    caller: Caller,
    _server: DevServer,
}

/// A client that is made of a socket.
struct Caller {
    socket: TcpStream,
    read: Vec<u8>,
    requests: u64,
}

thread_local! {
    static HARNESS: RefCell<Option<Harness>> = const { RefCell::new(None) };
}

fn start() -> Harness {
    // The service's panics are caught by it; libFuzzer's hook would end the process.
    let of_the_fuzzer = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<&str>();
        if !text.is_some_and(|text| matches!(*text, "a handler" | "an extractor")) {
            of_the_fuzzer(panic);
        }
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (server, caller) = runtime.block_on(async {
        let server = DevServer::start().await.unwrap();
        let connection = Connection::connect(&server.url()).await.unwrap();
        ServiceBuilder::of(Fuzzed)
            .endpoint_with("tree.>", mirror, |endpoint| endpoint.name("tree"))
            .start(&connection)
            .await
            .unwrap();
        let mut socket = TcpStream::connect(("127.0.0.1", server.port()))
            .await
            .unwrap();
        socket.set_nodelay(true).unwrap();
        let hello = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\
            \"no_responders\":true,\"protocol\":0}\r\nSUB reply.* 1\r\n";
        socket.write_all(hello).await.unwrap();
        let caller = Caller {
            socket,
            read: Vec::new(),
            requests: 0,
        };
        (server, caller)
    });
    Harness {
        runtime,
        caller,
        _server: server,
    }
}

fuzz_target!(|input: &[u8]| {
    let (lines, body) = message::parts(input);
    let Some(([letter, rest @ ..], lines)) = lines.split_first() else {
        return;
    };
    let rest = token(rest);
    let (subject, want) = match letter {
        b'r' => ("raw".to_owned(), Want::Body(body)),
        b't' => (format!("tree.{rest}"), Want::Any),
        b'i' | b'o' if rest.contains('.') => (format!("item.{rest}"), Want::NoResponders),
        b'i' => (format!("item.{rest}"), Want::Any),
        b'o' => (format!("of.{rest}.at.{rest}"), Want::Any),
        b's' => (format!("$SRV.STATS.{}", rest.len() % 2), Want::NoResponders),
        _ => ("typed".to_owned(), Want::Any),
    };
    let mut headers = b"NATS/1.0\r\n".to_vec();
    for (name, value) in lines.iter().filter_map(|line| message::header(line)) {
        headers.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    headers.extend_from_slice(b"\r\n");
    HARNESS.with_borrow_mut(|harness| {
        let harness = harness.get_or_insert_with(start);
        let caller = &mut harness.caller;
        let answered = harness.runtime.block_on(async {
            let asked = caller.ask(&subject, &headers, body);
            tokio::time::timeout(ANSWER_WITHIN, asked).await
        });
        let answer = answered.unwrap_or_else(|_| panic!("no answer from {subject:?}"));
        answer.judge(&want);
    });
});

/// Made fit for the middle of a subject, by what the server and async-nats take for its end. Dots
/// stay: the subject then has more tokens.
fn token(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .take(200)
        .map(|c| if c.is_whitespace() { '_' } else { c })
        .collect();
    if text.split('.').any(str::is_empty) {
        return "x".to_owned();
    }
    text
}

enum Want<'a> {
    Any,
    Body(&'a [u8]),
    NoResponders,
}

struct Answer {
    headers: Option<String>,
    body: Vec<u8>,
}

impl Caller {
    /// One request and its one answer. An answer to another request is one too many.
    async fn ask(&mut self, subject: &str, headers: &[u8], body: &[u8]) -> Answer {
        self.requests += 1;
        let reply = format!("reply.{}", self.requests);
        let sizes = (headers.len(), headers.len() + body.len());
        let line = format!("HPUB {subject} {reply} {} {}\r\n", sizes.0, sizes.1);
        let message = [line.as_bytes(), headers, body, b"\r\n"].concat();
        self.socket.write_all(&message).await.unwrap();
        loop {
            if let Some((to, answer)) = self.next() {
                assert_eq!(to, reply, "answered twice");
                return answer;
            }
            let read = self.socket.read_buf(&mut self.read).await.unwrap();
            assert!(read > 0, "the server ended the connection");
        }
    }

    /// The next message that has been read as a whole.
    fn next(&mut self) -> Option<(String, Answer)> {
        loop {
            let end = self.read.windows(2).position(|two| two == b"\r\n")?;
            let line = String::from_utf8(self.read[..end].to_vec()).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: &str| word.parse::<usize>().unwrap();
            let (headers, size) = match words.as_slice() {
                ["MSG", _, "1", size] => (0, number(size)),
                ["HMSG", _, "1", headers, size] => (number(headers), number(size)),
                ["INFO", ..] => {
                    self.read.drain(..end + 2);
                    continue;
                }
                _ => panic!("{line:?}"),
            };
            let whole = end + 2 + size + 2;
            if self.read.len() < whole {
                return None;
            }
            let payload = &self.read[end + 2..end + 2 + size];
            let (block, body) = payload.split_at(headers);
            let answer = Answer {
                headers: (headers > 0).then(|| String::from_utf8(block.to_vec()).unwrap()),
                body: body.to_vec(),
            };
            let to = words[1].to_owned();
            self.read.drain(..whole);
            return Some((to, answer));
        }
    }
}

impl Answer {
    fn judge(&self, want: &Want<'_>) {
        let headers = self.headers.as_deref().unwrap_or("NATS/1.0\r\n\r\n");
        if let Want::NoResponders = want {
            assert!(headers.starts_with("NATS/1.0 503\r\n"), "{headers:?}");
            return;
        }
        let block = headers.strip_prefix("NATS/1.0\r\n").unwrap();
        let block = block.strip_suffix("\r\n").unwrap();
        let (mut code, mut text) = (None, None);
        for line in block.split_terminator("\r\n") {
            let (name, value) = line.split_once(": ").unwrap();
            let printable = |c: char| !c.is_control() || c == '\t';
            assert!(value.chars().all(printable), "{line:?}");
            let known = [
                "Nats-Service-Error",
                "Nats-Service-Error-Code",
                "Micro-Instance",
            ];
            let own = known.contains(&name) || name.bytes().all(|b| b.is_ascii_graphic());
            assert!(own && !name.contains(':'), "{line:?}");
            match name {
                "Nats-Service-Error" => assert_eq!(text.replace(value), None),
                "Nats-Service-Error-Code" => {
                    assert_eq!(code.replace(value.parse::<u16>().unwrap()), None);
                }
                _ => {}
            }
        }
        assert_eq!(code.is_some(), text.is_some(), "{headers:?}");
        assert!(text.is_none_or(|text| !text.is_empty() && text.len() <= 1_024));
        if let Want::Body(body) = want {
            assert_eq!(code, None);
            assert_eq!(&self.body, body);
        }
    }
}
