//! Scripts of bytes, each a file in `tests/scripts`, played on the dev server and, when
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
//! ```
//!
//! `\r`, `\n`, `\t`, `\0` and `\\` are themselves. The INFO of a new connection is read unseen;
//! later ones are the line `INFO`. When a script ends, every connection that is open answers a PING
//! with nothing before it: a message too many is a failure. Scripts use subjects of their own,
//! because a real server plays all of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::Raw;
use micro_devserver::DevServer;

const REAL_SERVER: &str = "MICRO_TEST_NATS_SERVER";

#[derive(Debug, PartialEq)]
enum Step {
    Send(Vec<u8>),
    Expect(String),
    Closed,
}

/// The scripts by name.
fn scripts() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let scripts: BTreeMap<_, _> = files
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "script")
        })
        .map(|file| {
            (
                file.file_stem().unwrap().to_str().unwrap().to_owned(),
                fs::read_to_string(&file).unwrap(),
            )
        })
        .collect();
    assert!(!scripts.is_empty());
    scripts
}

/// One line of a script: the connection and what it does.
fn step(line: &str) -> Option<(&str, Step)> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let at = line
        .find(['>', '<', '!'])
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
        "<" => Step::Expect(String::from_utf8(unescaped(text)).unwrap()),
        _ => Step::Closed,
    };
    Some((connection, step))
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                other => panic!("no escape: {other:?} in {text}"),
            },
            byte => byte,
        });
    }
    out
}

async fn play(script: &str, port: u16) {
    let mut connections = BTreeMap::new();
    for (number, line) in (1..).zip(script.lines()) {
        let Some((name, step)) = step(line) else {
            continue;
        };
        if !connections.contains_key(name) {
            connections.insert(name, Raw::silent(port).await);
        }
        let connection = connections.get_mut(name).unwrap();
        match step {
            Step::Send(bytes) => connection.send_bytes(&bytes).await,
            Step::Expect(expected) => {
                let line = normal(connection.line().await);
                assert_eq!(line, expected, "line {number}: {name:?} reads");
            }
            Step::Closed => {
                assert_eq!(connection.rest().await, "", "line {number}: {name:?} reads");
                connections.remove(name);
            }
        }
    }
    for (name, mut connection) in connections {
        assert_eq!(
            connection.settle().await,
            Vec::<String>::new(),
            "{name:?} reads after the script"
        );
    }
}

fn normal(line: String) -> String {
    if line.starts_with("INFO {") {
        "INFO".to_owned()
    } else {
        line
    }
}

#[tokio::test]
async fn the_dev_server_plays_them() {
    for (name, script) in scripts() {
        println!("{name}");
        let server = DevServer::start().await.unwrap();
        play(&script, server.port()).await;
    }
}

#[tokio::test]
async fn the_real_server_plays_them_too() {
    let Some(binary) = std::env::var_os(REAL_SERVER) else {
        println!("skipped: {REAL_SERVER} does not name a nats-server");
        return;
    };
    let server = RealServer::start(Path::new(&binary));
    for (name, script) in scripts() {
        println!("{name}");
        play(&script, server.port).await;
    }
}

#[test]
fn steps_are_read() {
    assert_eq!(step("# no"), None);
    assert_eq!(
        step("a> PING"),
        Some(("a", Step::Send(b"PING\r\n".to_vec())))
    );
    assert_eq!(
        step(r"b> P\0\\x \"),
        Some(("b", Step::Send(b"P\0\\x ".to_vec())))
    );
    assert_eq!(step("a<"), Some(("a", Step::Expect(String::new()))));
    assert_eq!(
        step("a< -ERR 'x'"),
        Some(("a", Step::Expect("-ERR 'x'".to_owned())))
    );
    assert_eq!(step("a!"), Some(("a", Step::Closed)));
}

/// A nats-server on a free port of loopback, ended when this is dropped.
struct RealServer {
    process: Child,
    port: u16,
}

impl RealServer {
    fn start(binary: &Path) -> Self {
        let mut process = Command::new(binary)
            .args(["--addr", "127.0.0.1", "--port", "-1"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        let mut log = BufReader::new(process.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let port = log
            .find_map(|line| {
                line.split_once("client connections on 127.0.0.1:")?
                    .1
                    .parse()
                    .ok()
            })
            .expect("the server names its port");
        // Read on, so that the server never waits for its log.
        std::thread::spawn(move || log.for_each(drop));
        Self { process, port }
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
