//! From bytes to operations, however the bytes were cut into packets.
//!
//! The parser takes from the front of the read buffer what it has understood and leaves the rest
//! for the next time. It judges form only; what is allowed (payload size, headers) is for the
//! connection, which is why a publication comes in two operations: its line, which can be refused
//! before the payload is there, and its payload.

use bytes::{Buf, Bytes, BytesMut};

use super::violation::Violation;
use crate::limits::MAX_CONTROL_LINE_BYTES;

/// One thing that a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// `CONNECT`, with its JSON.
    Connect(Bytes),
    /// `INFO`, which a client has no reason to send.
    Info(Bytes),
    Ping,
    Pong,
    /// `+OK`.
    Okay,
    /// `-ERR`: the client gives up.
    Error,
    /// `PUB` or `HPUB`. The next operation is its [`Op::Payload`].
    Publish(Publication),
    /// The bytes of the [`Op::Publish`] before, without the line end.
    Payload(Bytes),
    /// `SUB`.
    Subscribe {
        subject: Bytes,
        queue_group: Option<Bytes>,
        sid: Bytes,
    },
    /// `UNSUB`. Without a `max` the interest ends now.
    Unsubscribe {
        sid: Bytes,
        max: Option<u64>,
    },
}

/// The line of a `PUB` or `HPUB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) subject: Bytes,
    pub(crate) reply: Option<Bytes>,
    /// How much of the payload is headers; `None` for `PUB`.
    pub(crate) headers: Option<Number>,
    /// The whole payload, headers included.
    pub(crate) payload: Number,
}

/// A number of bytes, and the digits that it was given in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) bytes: usize,
    pub(crate) text: Bytes,
}

impl Number {
    fn read(text: Bytes) -> Option<Self> {
        let bytes = size(&text)?;
        Some(Self { bytes, text })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Connect,
    Info,
    Ping,
    Pong,
    Okay,
    Error,
    Pub,
    Hpub,
    Sub,
    Unsub,
}

impl Verb {
    /// Every verb as it is written; case does not matter.
    const ALL: [(&'static [u8], Self); 10] = [
        (b"PUB", Self::Pub),
        (b"HPUB", Self::Hpub),
        (b"PING", Self::Ping),
        (b"PONG", Self::Pong),
        (b"SUB", Self::Sub),
        (b"UNSUB", Self::Unsub),
        (b"CONNECT", Self::Connect),
        (b"INFO", Self::Info),
        (b"+OK", Self::Okay),
        (b"-ERR", Self::Error),
    ];

    /// Whether a blank must follow: where arguments do, except before JSON.
    fn needs_blank(self) -> bool {
        matches!(
            self,
            Self::Pub | Self::Hpub | Self::Sub | Self::Unsub | Self::Error
        )
    }

    /// The operation of a verb without arguments.
    fn alone(self) -> Option<Op> {
        match self {
            Self::Ping => Some(Op::Ping),
            Self::Pong => Some(Op::Pong),
            Self::Okay => Some(Op::Okay),
            _ => None,
        }
    }
}

/// Where in an operation the parser is.
#[derive(Debug, Default)]
enum State {
    #[default]
    Verb,
    /// The verb is read and gone from the buffer; its arguments come.
    Arguments(Verb),
    /// The rest of this line says nothing; the operation is due at its end.
    RestOfLine(Op),
    /// A payload of this many bytes comes.
    Payload(usize),
}

/// The state between two reads.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    state: State,
}

impl Parser {
    /// The next operation in `input`, or `None` when it takes more bytes. After a violation there
    /// is no next.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Op>, Violation> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Verb => {
                    let Some(verb) = verb(input)? else {
                        return Ok(None);
                    };
                    self.state = verb
                        .alone()
                        .map_or(State::Arguments(verb), State::RestOfLine);
                }
                State::RestOfLine(op) => {
                    if let Some(end) = line_end(input) {
                        input.advance(end + 1);
                        return Ok(Some(op));
                    }
                    input.clear();
                    self.state = State::RestOfLine(op);
                    return Ok(None);
                }
                State::Arguments(verb) => {
                    let Some(line) = arguments(input)? else {
                        self.state = State::Arguments(verb);
                        return Ok(None);
                    };
                    let op = operation(verb, &line)?;
                    if let Op::Publish(publication) = &op {
                        self.state = State::Payload(publication.payload.bytes);
                    }
                    return Ok(Some(op));
                }
                State::Payload(size) => {
                    let payload = payload(input, size)?;
                    if payload.is_none() {
                        self.state = State::Payload(size);
                    }
                    return Ok(payload.map(Op::Payload));
                }
            }
        }
    }

    /// How many bytes the payload that is under way still takes; zero when none is.
    pub(crate) fn missing(&self, input: &BytesMut) -> usize {
        match self.state {
            State::Payload(size) => (size + LINE_END.len()).saturating_sub(input.len()),
            _ => 0,
        }
    }
}

const LINE_END: &[u8] = b"\r\n";

/// Takes the verb off the front, with the blank after it if it needs one. An unknown one is refused
/// at its first wrong byte: who sends no NATS may never send a line end.
fn verb(input: &mut BytesMut) -> Result<Option<Verb>, Violation> {
    for (name, verb) in Verb::ALL {
        let given = input.get(..name.len()).unwrap_or(input);
        let matches = name
            .get(..given.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(given));
        if !matches {
            continue;
        }
        if given.len() < name.len() {
            return Ok(None);
        }
        if verb.needs_blank() {
            match input.get(name.len()) {
                None => return Ok(None),
                Some(b' ' | b'\t') => {}
                Some(_) => return Err(Violation::UnknownOperation),
            }
        }
        input.advance(name.len());
        return Ok(Some(verb));
    }
    Err(Violation::UnknownOperation)
}

/// Takes the rest of the line off the front, without the blanks around it.
fn arguments(input: &mut BytesMut) -> Result<Option<Bytes>, Violation> {
    let blanks = input.iter().take_while(|byte| is_blank(**byte)).count();
    input.advance(blanks);
    let Some(end) = line_end(input) else {
        // The end may be half there.
        return if without_return(input).len() > MAX_CONTROL_LINE_BYTES {
            Err(Violation::ControlLineTooLong)
        } else {
            Ok(None)
        };
    };
    let mut line = input.split_to(end + 1).freeze();
    line.truncate(without_return(line.get(..end).unwrap_or_default()).len());
    if line.len() > MAX_CONTROL_LINE_BYTES {
        return Err(Violation::ControlLineTooLong);
    }
    Ok(Some(line))
}

/// Takes the payload and its line end off the front.
fn payload(input: &mut BytesMut, size: usize) -> Result<Option<Bytes>, Violation> {
    let end = input.get(size..).unwrap_or_default();
    let end = end.get(..LINE_END.len()).unwrap_or(end);
    if !LINE_END.starts_with(end) {
        return Err(Violation::UnknownOperation);
    }
    if end.len() < LINE_END.len() {
        return Ok(None);
    }
    let payload = input.split_to(size).freeze();
    input.advance(LINE_END.len());
    Ok(Some(payload))
}

fn operation(verb: Verb, line: &Bytes) -> Result<Op, Violation> {
    let mut words = line
        .split(|byte| is_blank(*byte))
        .filter(|word| !word.is_empty())
        .map(|word| line.slice_ref(word));
    let mut word = || words.next();
    let words = (word(), word(), word(), word(), word());
    match (verb, words) {
        (Verb::Pub, (Some(subject), Some(size), None, ..)) => {
            publication(subject, None, None, size)
        }
        (Verb::Pub, (Some(subject), reply, Some(size), None, _)) => {
            publication(subject, reply, None, size)
        }
        (Verb::Hpub, (Some(subject), Some(headers), Some(size), None, _)) => {
            publication(subject, None, Some(headers), size)
        }
        (Verb::Hpub, (Some(subject), reply, Some(headers), Some(size), None)) => {
            publication(subject, reply, Some(headers), size)
        }
        (Verb::Sub, (Some(subject), Some(sid), None, ..)) => Ok(Op::Subscribe {
            subject,
            queue_group: None,
            sid,
        }),
        (Verb::Sub, (Some(subject), queue_group, Some(sid), None, _)) => Ok(Op::Subscribe {
            subject,
            queue_group,
            sid,
        }),
        (Verb::Unsub, (Some(sid), None, ..)) => Ok(Op::Unsubscribe { sid, max: None }),
        (Verb::Unsub, (Some(sid), Some(max), None, ..)) => Ok(Op::Unsubscribe {
            sid,
            max: size(&max).filter(|max| *max > 0).map(|max| max as u64),
        }),
        (Verb::Connect, _) => Ok(Op::Connect(line.clone())),
        (Verb::Info, _) => Ok(Op::Info(line.clone())),
        (Verb::Error, _) => Ok(Op::Error),
        _ => Err(Violation::BadArguments),
    }
}

fn publication(
    subject: Bytes,
    reply: Option<Bytes>,
    headers: Option<Bytes>,
    payload: Bytes,
) -> Result<Op, Violation> {
    let number = |text| Number::read(text).ok_or(Violation::BadArguments);
    let (payload, headers) = (number(payload)?, headers.map(number).transpose()?);
    if headers
        .as_ref()
        .is_some_and(|headers| headers.bytes > payload.bytes)
    {
        return Err(Violation::BadArguments);
    }
    Ok(Op::Publish(Publication {
        subject,
        reply,
        headers,
        payload,
    }))
}

/// A number as nats-server reads it: one to nine digits. Clients lean on what happens to longer
/// ones: as the `max` of an `UNSUB` they are no number, which means now.
fn size(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + usize::from(digit - b'0'))
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn line_end(input: &[u8]) -> Option<usize> {
    input.iter().position(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a parser says about these packets, and the violation that ended it.
    fn parse(packets: &[&[u8]]) -> (Vec<Op>, Option<Violation>) {
        let (mut parser, mut input, mut ops) = (Parser::default(), BytesMut::new(), Vec::new());
        for packet in packets {
            input.extend_from_slice(packet);
            loop {
                match parser.next(&mut input) {
                    Ok(Some(op)) => ops.push(op),
                    Ok(None) => break,
                    Err(violation) => return (ops, Some(violation)),
                }
            }
        }
        (ops, None)
    }

    fn violation(input: &[u8]) -> Option<Violation> {
        parse(&[input]).1
    }

    const CONVERSATION: &[u8] = b"CONNECT {\"verbose\":false}\r\nPING\r\nSUB a.* 1\r\nsub\ta.b  q   2 \r\n\
        PUB a.b 5\r\nhe\r\no\r\nPUB a reply 0\r\n\r\nHPUB h r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB 1\r\nUNSUB 2 7\r\n\
        UNSUB 3 18446744073709551615\r\n+OK\r\npong\r\nPING and more\nINFO {}\r\n-ERR 'no'\r\n";

    fn conversation() -> Vec<Op> {
        let number = |bytes: usize| Number {
            bytes,
            text: bytes.to_string().into(),
        };
        let publication = |subject, reply, headers: Option<usize>, payload| {
            Op::Publish(Publication {
                subject,
                reply,
                headers: headers.map(number),
                payload: number(payload),
            })
        };
        let text = Bytes::from_static;
        vec![
            Op::Connect(text(b"{\"verbose\":false}")),
            Op::Ping,
            Op::Subscribe {
                subject: text(b"a.*"),
                queue_group: None,
                sid: text(b"1"),
            },
            Op::Subscribe {
                subject: text(b"a.b"),
                queue_group: Some(text(b"q")),
                sid: text(b"2"),
            },
            publication(text(b"a.b"), None, None, 5),
            Op::Payload(text(b"he\r\no")),
            publication(text(b"a"), Some(text(b"reply")), None, 0),
            Op::Payload(text(b"")),
            publication(text(b"h"), Some(text(b"r")), Some(12), 14),
            Op::Payload(text(b"NATS/1.0\r\n\r\nhi")),
            Op::Unsubscribe {
                sid: text(b"1"),
                max: None,
            },
            Op::Unsubscribe {
                sid: text(b"2"),
                max: Some(7),
            },
            Op::Unsubscribe {
                sid: text(b"3"),
                max: None,
            },
            Op::Okay,
            Op::Pong,
            Op::Ping,
            Op::Info(text(b"{}")),
            Op::Error,
        ]
    }

    #[test]
    fn the_packets_do_not_matter() {
        assert_eq!(parse(&[CONVERSATION]), (conversation(), None));
        for cut in 0..CONVERSATION.len() {
            let (head, tail) = CONVERSATION.split_at(cut);
            assert_eq!(parse(&[head, tail]), (conversation(), None), "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = CONVERSATION.chunks(1).collect();
        assert_eq!(parse(&bytes), (conversation(), None));
    }

    #[test]
    fn an_unknown_verb_is_refused_at_its_first_wrong_byte() {
        for input in [
            "X",
            "GET / HTTP/1.1",
            "PUX",
            "PUBx",
            "SUB\r\n",
            "UNSUB\r\n",
            "MSG",
            "HMSG",
            " PING",
            "\r\n",
            "\0",
        ] {
            assert_eq!(
                violation(input.as_bytes()),
                Some(Violation::UnknownOperation),
                "{input:?}"
            );
        }
    }

    #[test]
    fn a_payload_must_end_where_it_said() {
        assert_eq!(
            violation(b"PUB a 2\r\nabc"),
            Some(Violation::UnknownOperation)
        );
        assert_eq!(
            violation(b"PUB a 2\r\nab\rx"),
            Some(Violation::UnknownOperation)
        );
        assert_eq!(violation(b"PUB a 2\r\nab\r"), None);
    }

    #[test]
    fn arguments_are_counted_and_numbers_read() {
        for line in [
            "PUB a",
            "PUB a x",
            "PUB a -1",
            "PUB a 1 2 3",
            "PUB a 1234567890",
            "PUB ",
            "SUB a",
            "SUB a b c d",
            "UNSUB ",
            "UNSUB 1 2 3",
            "HPUB a 1",
            "HPUB a 5 3",
            "HPUB a b c 1",
            "HPUB a b 1 2 3",
        ] {
            assert_eq!(
                violation(format!("{line}\r\n").as_bytes()),
                Some(Violation::BadArguments),
                "{line}"
            );
        }
    }

    #[test]
    fn a_line_has_a_limit_with_and_without_an_end() {
        let longest = "a".repeat(MAX_CONTROL_LINE_BYTES - 2);
        assert_eq!(violation(format!("SUB {longest} 1\r\n").as_bytes()), None);
        assert_eq!(
            violation(format!("SUB {longest}b 1\r\n").as_bytes()),
            Some(Violation::ControlLineTooLong)
        );
        assert_eq!(violation(format!("SUB {longest} 1\r").as_bytes()), None);
        assert_eq!(
            violation(format!("SUB {longest}bcd").as_bytes()),
            Some(Violation::ControlLineTooLong)
        );
    }

    #[test]
    fn what_says_nothing_takes_no_memory() {
        let (mut parser, mut input) = (Parser::default(), BytesMut::from("PING"));
        for filler in [&b" "[..], b"x"] {
            input.extend_from_slice(&filler.repeat(MAX_CONTROL_LINE_BYTES * 2));
            assert_eq!(parser.next(&mut input), Ok(None));
            assert!(input.is_empty());
        }
        input.extend_from_slice(b"\n");
        assert_eq!(parser.next(&mut input), Ok(Some(Op::Ping)));
    }
}
