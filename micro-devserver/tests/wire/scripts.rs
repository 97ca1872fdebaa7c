//! Scripts of bytes, each a file in a folder of `tests/scripts`, played on the dev server and, when
//! `MICRO_TEST_NATS_SERVER` names a nats-server binary, on that too. One script, one expectation,
//! two servers: where they differ, the test fails.
//!
//! A script has one step a line, for connections that are called by a word and opened when they are
//! first named:
//!
//! ```text
//! # A comment.
//! a> PING          connection a sends this and a line end
//! a> PUB x \       without a line end, because of the backslash
//! a< PONG          connection a reads this line next
//! a!               the server has closed connection a, and nothing was left to read
//! a~               connection a asks, and is answered with nothing before it but INFO
//! dev: a< PONG     only on the dev server
//! nats: a!         only on nats-server
//! ```
//!
//! `\r`, `\n`, `\t`, `\0`, `\xff` and `\\` are themselves, and `\{ab*3}` is `ababab`. The INFO of a
//! new connection is read unseen; later ones are the line `INFO`. When a script ends, every
//! connection that is open answers a PING with nothing before it, twice, so that what one of them
//! caused for another is there too: a message too many is a failure. Scripts use subjects of their
//! own, because a real server plays all of them.
//!
//! What is for one server only is a difference, stands in the folder `differences`, and in the
//! crate's documentation.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::real::RealServer;
use crate::support::Raw;
use micro_devserver::DevServer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Dev,
    Nats,
}

#[derive(Debug, PartialEq)]
enum Step {
    Send(Vec<u8>),
    Expect(Vec<u8>),
    Closed,
    Settle,
}

/// The scripts by folder and name.
fn scripts() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts = BTreeMap::new();
    for folder in entries(&root) {
        for file in entries(&folder) {
            let name = file.strip_prefix(&root).unwrap().with_extension("");
            assert_eq!(file.extension().unwrap(), "script", "{}", file.display());
            scripts.insert(
                name.to_str().unwrap().to_owned(),
                fs::read_to_string(&file).unwrap(),
            );
        }
    }
    scripts
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// One line of a script: the connection and what it does, and for which server alone.
fn step(line: &str) -> Option<(Option<Server>, &str, Step)> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (server, line) = match line.split_once(": ") {
        Some(("dev", line)) => (Some(Server::Dev), line),
        Some(("nats", line)) => (Some(Server::Nats), line),
        _ => (None, line),
    };
    let at = line
        .find(['>', '<', '!', '~'])
        .unwrap_or_else(|| panic!("no step: {line}"));
    let (connection, rest) = line.split_at(at);
    let text = rest[1..].strip_prefix(' ').unwrap_or(&rest[1..]);
    let step = match &rest[..1] {
        ">" => Step::Send(
            match text.strip_suffix('\\').filter(|text| !text.ends_with('\\')) {
                Some(text) => unescaped(text),
                None => [&unescaped(text)[..], b"\r\n"].concat(),
            },
        ),
        "<" => Step::Expect(unescaped(text)),
        "!" => Step::Closed,
        _ => Step::Settle,
    };
    assert!(
        matches!(step, Step::Send(_) | Step::Expect(_)) || text.is_empty(),
        "no text here: {line}"
    );
    Some((server, connection, step))
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let mut letters = escape.chars();
        rest = match letters.next() {
            Some('x') => {
                out.push(u8::from_str_radix(&escape[1..3], 16).unwrap());
                &escape[3..]
            }
            Some('{') => {
                let (repeated, rest) = escape[1..].split_once('}').unwrap();
                let (text, count) = repeated.rsplit_once('*').unwrap();
                out.extend(unescaped(text).repeat(count.parse().unwrap()));
                rest
            }
            letter => {
                out.push(match letter {
                    Some('r') => b'\r',
                    Some('n') => b'\n',
                    Some('t') => b'\t',
                    Some('0') => 0,
                    Some('\\') => b'\\',
                    other => panic!("no escape: {other:?} in {text}"),
                });
                letters.as_str()
            }
        };
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

async fn play(script: &str, server: Server, port: u16) {
    let mut connections = BTreeMap::new();
    for (number, line) in (1..).zip(script.lines()) {
        let Some((only, name, step)) = step(line) else {
            continue;
        };
        if only.is_some_and(|only| only != server) {
            continue;
        }
        if !connections.contains_key(name) {
            connections.insert(name, Raw::silent(port).await);
        }
        let connection = connections.get_mut(name).unwrap();
        match step {
            Step::Send(bytes) => connection.send_bytes(&bytes).await,
            Step::Expect(expected) => {
                let line = loop {
                    match connection.next_line().await {
                        // A machine that is slow enough sees nats-server measure the round trip.
                        Some(line) if line == b"PING" => {}
                        line => break line.map_or("the end".into(), |line| shown(&line)),
                    }
                };
                assert_eq!(line, shown(&expected), "line {number}: {name:?} reads");
            }
            Step::Closed => {
                let rest = connection.rest_bytes().await;
                assert_eq!(shown(&rest), "", "line {number}: {name:?} reads");
                connections.remove(name);
            }
            Step::Settle => {
                let lines = settle(connection).await;
                assert_eq!(lines, [""; 0], "line {number}: {name:?} reads");
            }
        }
    }
    for _ in 0..2 {
        for (name, connection) in &mut connections {
            let lines = settle(connection).await;
            assert_eq!(lines, [""; 0], "{name:?} reads after the script");
        }
    }
}

/// What a connection reads that no script says: no INFO, which follows the first answer to a PING,
/// and no PING.
async fn settle(connection: &mut Raw) -> Vec<String> {
    let mut lines = connection.settle().await;
    lines.retain(|line| !line.starts_with("INFO {") && line != "PING");
    lines
}

fn shown(bytes: &[u8]) -> String {
    if bytes.starts_with(b"INFO {") {
        "INFO".to_owned()
    } else {
        bytes.escape_ascii().to_string()
    }
}

/// Plays every script, and then fails for those that failed.
async fn play_all(server: Server, port: impl AsyncFn() -> (u16, Option<DevServer>)) {
    let mut failed = Vec::new();
    for (name, script) in scripts() {
        println!("{name}");
        let (port, _running) = port().await;
        let playing = tokio::spawn(async move { play(&script, server, port).await });
        if playing.await.is_err() {
            failed.push(name);
        }
    }
    assert_eq!(failed, [""; 0]);
}

#[tokio::test]
async fn the_dev_server_plays_them() {
    play_all(Server::Dev, async || {
        let server = DevServer::start().await.unwrap();
        (server.port(), Some(server))
    })
    .await;
}

#[tokio::test]
async fn the_real_server_plays_them_too() {
    if let Some(server) = RealServer::start() {
        play_all(Server::Nats, async || (server.port, None)).await;
    }
}

#[test]
fn what_differs_is_called_so() {
    let scripts = scripts();
    assert!(scripts.len() > 80, "{} scripts", scripts.len());
    for (name, script) in scripts {
        let servers: Vec<_> = script
            .lines()
            .filter_map(step)
            .filter_map(|(server, ..)| server)
            .collect();
        let differs = name.starts_with("differences/");
        assert_eq!(!servers.is_empty(), differs, "{name}");
    }
}

#[test]
fn steps_are_read() {
    assert_eq!(step("# no"), None);
    for (line, server, connection, expected) in [
        ("a> PING", None, "a", Step::Send(b"PING\r\n".to_vec())),
        (
            r"b> P\0\\x \xfe\{a\t*2}\",
            None,
            "b",
            Step::Send(b"P\0\\x \xfea\ta\t".to_vec()),
        ),
        ("a<", None, "a", Step::Expect(Vec::new())),
        ("a< -ERR 'x'", None, "a", Step::Expect(b"-ERR 'x'".to_vec())),
        ("dev: a!", Some(Server::Dev), "a", Step::Closed),
        ("nats: a~", Some(Server::Nats), "a", Step::Settle),
    ] {
        assert_eq!(step(line), Some((server, connection, expected)), "{line}");
    }
}
