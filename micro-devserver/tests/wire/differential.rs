//! Lines that nobody wrote by hand, sent to the dev server and to nats-server, and the answers
//! compared. Without a nats-server they still must not end the dev server.
//!
//! `MICRO_TEST_SEED` starts the random lines elsewhere; a failure names the seed of its sequence.

use crate::answers::{answers, serves};
use crate::panics::Panics;
use crate::real::RealServer;
use crate::support::Numbers;
use micro_devserver::DevServer;

const SEQUENCES: u64 = 1000;

const HELLO: &str =
    r#"CONNECT {"verbose":true,"pedantic":false,"headers":true,"no_responders":true}"#;

/// Sends the same packets to both servers, if there are two.
struct Both {
    dev: DevServer,
    nats: Option<RealServer>,
    panics: Panics,
}

impl Both {
    async fn start() -> Self {
        Self {
            dev: DevServer::start().await.unwrap(),
            nats: RealServer::start(),
            panics: Panics::watch(),
        }
    }

    async fn compare(&self, packets: &[&[u8]], what: &str) {
        let dev = answers(self.dev.port(), packets).await;
        self.panics.none(what);
        if let Some(nats) = &self.nats {
            let nats = answers(nats.port, packets).await;
            let sent = packets.concat();
            assert_eq!(dev, nats, "{what}: {}", sent.escape_ascii());
        }
    }
}

#[tokio::test]
async fn a_conversation_is_the_same_wherever_it_is_cut() {
    let both = Both::start().await;
    let conversation = format!(
        "{HELLO}\r\nsub cut.> 1\r\nPUB cut.a cut.r 4\r\n\r\nhi\r\nHPUB cut.b 12 14\r\nNATS/1.0\r\n\r\nhi\r\n\
         UNSUB 1 3\r\nPUB no cut.r 0\r\n\r\nPING\r\nPUB cut. 1\r\nx\r\nSUB ..\t1\r\nPUB cut.c 2\r\nhix"
    );
    for at in 0..=conversation.len() {
        let (before, after) = conversation.as_bytes().split_at(at);
        both.compare(&[before, after], &format!("cut at {at}"))
            .await;
    }
    serves(&both.dev).await;
}

#[tokio::test]
async fn every_verb_with_every_number_of_arguments() {
    let both = Both::start().await;
    let verbs = [
        "PUB", "HPUB", "SUB", "UNSUB", "CONNECT", "INFO", "PING", "PONG", "+OK", "-ERR",
    ];
    for verb in verbs {
        for argument in ["1", "a", "{}"] {
            for count in 1..7 {
                let line = format!(
                    "{HELLO}\r\n{verb}{}\r\nPING\r\n",
                    format!(" {argument}").repeat(count)
                );
                both.compare(&[line.as_bytes()], &line).await;
            }
        }
    }
    serves(&both.dev).await;
}

#[tokio::test]
async fn random_lines() {
    let both = Both::start().await;
    let first = std::env::var("MICRO_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    for seed in first..first + SEQUENCES {
        let sequence = sequence(&mut Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        both.compare(&[&sequence], &format!("MICRO_TEST_SEED={seed}"))
            .await;
    }
    serves(&both.dev).await;
}

/// A conversation, mostly sensible.
fn sequence(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = Vec::new();
    let hello = [
        HELLO.to_owned(),
        HELLO.replace("true,\"pedantic\"", "false,\"echo\":false,\"pedantic\""),
        HELLO.replace("true,\"pedantic\"", "false,\"pedantic\""),
    ];
    if let Some(hello) = hello.get(numbers.below(4)) {
        bytes.extend_from_slice(hello.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    for number in 0..=numbers.below(24) {
        let line = loop {
            let mut line = line(numbers, number);
            if numbers.below(24) == 0 {
                break_one(&mut line, numbers);
            }
            if !is_known_difference(&line) {
                break line;
            }
        };
        bytes.extend(line);
    }
    bytes.extend_from_slice(b"PING\r\n");
    bytes
}

fn line(numbers: &mut Numbers, number: usize) -> Vec<u8> {
    fn one<'a>(numbers: &mut Numbers, all: &[&'a str]) -> &'a str {
        all[numbers.below(all.len())]
    }
    // Few of them, so that publications find subscriptions, and the odd ones now and then.
    let usual = ["a", "a.b", "a.*", ">"];
    let odd = [
        "a.b.c", "b", "a.>", "*", "*.b", "a*", "a..b", ".a", "a.", ">.a", "$SYS.x", "a.b>",
    ];
    let subject = if numbers.below(3) > 0 {
        one(numbers, &usual)
    } else {
        one(numbers, &odd)
    };
    let reply = one(numbers, &["", "", "r.1 ", "r.2 ", "a.b ", "a.* "]);
    let sid = one(numbers, &["1", "2", "3", "x"]);
    let blank = one(numbers, &[" ", " ", " ", "\t", "  ", " \t "]);
    let body = format!("{number:02}");
    match numbers.below(16) {
        0 | 1 => {
            let field = one(
                numbers,
                &[
                    "verbose",
                    "pedantic",
                    "echo",
                    "headers",
                    "no_responders",
                    "Headers",
                    "name",
                    "protocol",
                ],
            );
            let value = one(
                numbers,
                &[
                    "true", "true", "false", "false", "null", "0", "1", "\"x\"", "{}",
                ],
            );
            let more = one(
                numbers,
                &[
                    "",
                    "\"headers\":true,",
                    "\"verbose\":false,",
                    "\"lang\":\"x\",",
                ],
            );
            format!("CONNECT{blank}{{{more}\"{field}\":{value}}}\r\n").into()
        }
        2..=5 => format!("SUB{blank}{subject} {sid}\r\n").into(),
        6 => format!("SUB {subject} group{sid}{blank}{sid}\r\n").into(),
        7 => {
            let max = one(
                numbers,
                &["", " 1", " 2", " 0", " 01", " x", " -1", " 1234567890"],
            );
            format!("UNSUB{blank}{sid}{max}\r\n").into()
        }
        8..=11 => {
            let size = one(
                numbers,
                &[
                    "2", "2", "2", "2", "2", "2", "2", "2", "2", "2", "002", "02", "1", "3", "-2",
                ],
            );
            format!("PUB{blank}{subject} {reply}{size}\r\n{body}\r\n").into()
        }
        12 | 13 => {
            let (headers, size) = [
                ("12", "14"),
                ("12", "14"),
                ("0", "14"),
                ("14", "14"),
                ("5", "014"),
                ("15", "14"),
                ("12", "12"),
            ][numbers.below(7)];
            format!("HPUB {subject}{blank}{reply}{headers} {size}\r\nNATS/1.0\r\n\r\n{body}\r\n")
                .into()
        }
        14 => one(
            numbers,
            &["PING\r\n", "pong\r\n", "+OK\r\n", "INFO {}\r\n", "ping x\n"],
        )
        .into(),
        _ => format!("{HELLO}\r\n").into(),
    }
}

/// Changes a byte, or takes one out, or puts one in.
fn break_one(line: &mut Vec<u8>, numbers: &mut Numbers) {
    let bytes = b" \t\n.*>{}\"0\0\xffPxX";
    let at = numbers.below(line.len());
    let byte = bytes[numbers.below(bytes.len())];
    match numbers.below(3) {
        0 => line[at] = byte,
        1 => line.insert(at, byte),
        _ => drop(line.remove(at)),
    }
}

/// Whether a line has what is listed as different, and shown by the scripts: a carriage return
/// inside a line, no arguments where some must come, and HMSG.
fn is_known_difference(line: &[u8]) -> bool {
    let text = line.to_ascii_uppercase();
    let starts = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    let bare_return = line
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'\r' && line.get(at + 1) != Some(&b'\n'));
    let no_arguments = text.split(|byte| *byte == b'\n').any(|part| {
        let part = part.strip_suffix(b"\r").unwrap_or(part).trim_ascii_end();
        [
            &b"PUB"[..],
            b"HPUB",
            b"SUB",
            b"UNSUB",
            b"CONNECT",
            b"INFO",
            b"-ERR",
        ]
        .contains(&part)
    });
    bare_return || no_arguments || starts(b"HM")
}
