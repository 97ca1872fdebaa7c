//! The bare protocol over TCP: what a request looks like, and how replies are read.
//!
//! No client library: it must not be what is measured.

use std::io::{Error, Read as _, Result, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a reply may be away before it counts as lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

const BUFFER_BYTES: usize = 256 * 1024;
/// Eight hexadecimal digits.
const TICKET_BYTES: usize = 8;

/// What is sent, and what must come back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Body {
    /// So many bytes, which differ from request to request and come back unchanged.
    Echo(usize),
    /// Always the same text, and the replies that are right: any, if none is named.
    Fixed { send: String, expect: Vec<String> },
}

impl Body {
    fn render(&self, ticket: u32) -> Vec<u8> {
        match self {
            Self::Echo(bytes) => {
                let mut body = format!("{ticket:08x}").into_bytes();
                body.resize(*bytes, b'.');
                body
            }
            Self::Fixed { send, .. } => send.clone().into_bytes(),
        }
    }
}

/// Requests, which differ in their ticket: it is the last token of the reply subject.
pub(crate) struct Requests {
    body: Body,
    rendered: Vec<u8>,
    ticket_at: usize,
    body_at: usize,
}

impl Requests {
    pub(crate) fn new(subject: &str, inbox: &str, body: Body) -> Self {
        let payload = body.render(0);
        let mut rendered = format!("PUB {subject} {inbox}.").into_bytes();
        let ticket_at = rendered.len();
        rendered.extend_from_slice(format!("00000000 {}\r\n", payload.len()).as_bytes());
        let body_at = rendered.len();
        rendered.extend_from_slice(&payload);
        rendered.extend_from_slice(b"\r\n");
        Self {
            body,
            rendered,
            ticket_at,
            body_at,
        }
    }

    pub(crate) fn write(&self, ticket: u32, out: &mut Vec<u8>) {
        let digits = digits(ticket);
        let start = out.len();
        out.extend_from_slice(&self.rendered);
        let mut place = |at: usize| {
            out[start + at..start + at + TICKET_BYTES].copy_from_slice(&digits);
        };
        place(self.ticket_at);
        if let Body::Echo(_) = self.body {
            place(self.body_at);
        }
    }

    /// Whether this is the reply to the request with the ticket.
    pub(crate) fn is_right(&self, ticket: u32, reply: &[u8]) -> bool {
        match &self.body {
            Body::Echo(bytes) => {
                let filler = self.body_at + TICKET_BYTES..self.body_at + bytes;
                reply.len() == *bytes
                    && reply[..TICKET_BYTES] == digits(ticket)
                    && reply[TICKET_BYTES..] == self.rendered[filler]
            }
            Body::Fixed { expect, .. } => {
                expect.is_empty() || expect.iter().any(|right| right.as_bytes() == reply)
            }
        }
    }
}

fn digits(ticket: u32) -> [u8; TICKET_BYTES] {
    let mut digits = [0; TICKET_BYTES];
    let mut rest = ticket;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    digits
}

fn ticket(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What the server has sent.
pub(crate) enum Event<'a> {
    Reply(Reply<'a>),
    /// To be answered with [`PONG`].
    Ping,
    /// The answer to ours.
    Pong,
}

pub(crate) const PONG: &[u8] = b"PONG\r\n";

pub(crate) struct Reply<'a> {
    /// Nothing, if the subject is none of ours.
    pub(crate) ticket: Option<u32>,
    /// The headers, if they say that it is an error.
    pub(crate) error: Option<&'a [u8]>,
    pub(crate) body: &'a [u8],
    /// Where to answer, if it is a request.
    pub(crate) answer_to: Option<&'a [u8]>,
}

/// A connection that has one subscription: the replies.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Connects to `nats://HOST:PORT`; what the server says of itself comes with it.
    pub(crate) fn open(url: &str) -> Result<(Self, serde_json::Value)> {
        let stream = TcpStream::connect(url.trim_start_matches("nats://"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut connection = Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
            filled: 0,
        };
        let mut line = Vec::new();
        let mut byte = [0];
        while byte != *b"\n" {
            connection.stream.read_exact(&mut byte)?;
            line.extend_from_slice(&byte);
        }
        let info = line.strip_prefix(b"INFO ").unwrap_or(&line);
        let info = serde_json::from_slice(info).map_err(Error::other)?;
        connection.write(
            b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true,\"lang\":\"bare\",\"version\":\"0\"}\r\n",
        )?;
        Ok((connection, info))
    }

    /// Replies on `inbox.*` come from now on.
    pub(crate) fn subscribe(&mut self, inbox: &str) -> Result<()> {
        self.write(format!("SUB {inbox}.* 1\r\n").as_bytes())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    /// The half that writes, for another thread.
    pub(crate) fn writer(&self) -> Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Waits for something to come and gives all of it that is complete.
    pub(crate) fn read(&mut self, mut each: impl FnMut(Event<'_>)) -> Result<()> {
        let read = self.stream.read(&mut self.buffer[self.filled..])?;
        if read == 0 {
            return Err(Error::other("the server has closed the connection"));
        }
        self.filled += read;
        let mut done = 0;
        while let Some((event, length)) = next(&self.buffer[done..self.filled])? {
            event.into_iter().for_each(&mut each);
            done += length;
        }
        self.buffer.copy_within(done..self.filled, 0);
        self.filled -= done;
        Ok(())
    }
}

/// The first protocol message and its length, if all of it is there.
fn next(bytes: &[u8]) -> Result<Option<(Option<Event<'_>>, usize)>> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return Ok(None);
    };
    let line = bytes[..end].trim_ascii_end();
    let body_at = end + 1;
    let has_headers = line.starts_with(b"HMSG ");
    if !has_headers && !line.starts_with(b"MSG ") {
        return match line {
            b"PING" => Ok(Some((Some(Event::Ping), body_at))),
            b"PONG" => Ok(Some((Some(Event::Pong), body_at))),
            error if error.starts_with(b"-ERR") => {
                Err(Error::other(String::from_utf8_lossy(error)))
            }
            _ => Ok(Some((None, body_at))),
        };
    }
    let mut words = line.split(|&byte| byte == b' ');
    let subject = words.nth(1).unwrap_or_default();
    let length = number(words.next_back());
    let headers = if has_headers {
        number(words.next_back())
    } else {
        0
    };
    if bytes.len() < body_at + length + 2 {
        return Ok(None);
    }
    let (headers, body) = bytes[body_at..body_at + length].split_at(headers);
    let digits = &subject[subject.len().saturating_sub(TICKET_BYTES)..];
    let reply = Reply {
        ticket: ticket(digits),
        error: Some(headers).filter(|headers| is_error(headers)),
        body,
        // Behind the number of the subscription.
        answer_to: words.nth(1),
    };
    Ok(Some((Some(Event::Reply(reply)), body_at + length + 2)))
}

fn number(word: Option<&[u8]>) -> usize {
    let digits = word.unwrap_or_default().iter();
    digits.fold(0, |number, digit| {
        number * 10 + usize::from(digit.wrapping_sub(b'0'))
    })
}

/// A service error, or a status of the server such as 503: nobody answers.
fn is_error(headers: &[u8]) -> bool {
    let name = b"Nats-Service-Error";
    headers.starts_with(b"NATS/1.0 ") || headers.windows(name.len()).any(|part| part == name)
}
