//! Programs in other languages that do what a test tells them.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::broker::Broker;

/// Long enough for a flood of requests on a loaded machine: reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// In which language a peer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    JavaScript,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
        })
    }
}

impl Language {
    /// The languages that are there.
    pub(crate) fn all() -> Vec<Self> {
        let required = env::var_os("MICRO_TEST_INTEROP").is_some_and(|value| value == "required");
        let mut present = Vec::new();
        for language in [Self::Python, Self::JavaScript] {
            match language.missing() {
                None => present.push(language),
                Some(variable) if required => panic!("{variable} is not set"),
                Some(variable) => println!("not run with {language}: {variable} is not set"),
            }
        }
        present
    }

    /// The first variable that is not set.
    fn missing(self) -> Option<&'static str> {
        let variables: &[&str] = match self {
            Self::Python => &["MICRO_TEST_PYTHON"],
            Self::JavaScript => &["MICRO_TEST_NODE", "MICRO_TEST_NODE_MODULES"],
        };
        let mut variables = variables.iter().copied();
        variables.find(|variable| env::var_os(variable).is_none())
    }

    fn command(self) -> Command {
        let (program, script) = match self {
            Self::Python => ("MICRO_TEST_PYTHON", "peer.py"),
            Self::JavaScript => ("MICRO_TEST_NODE", "peer.mjs"),
        };
        let program: OsString = env::var_os(program).unwrap();
        let scripts: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/peers");
        let mut command = Command::new(program);
        command.arg(scripts.join(script));
        command
    }

    /// Starts a peer that is connected to the broker.
    pub(crate) async fn start(self, broker: &Broker) -> Peer {
        let mut child = self
            .command()
            .arg(broker.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{self}: {error}"));
        let mut peer = Peer {
            language: self,
            commands: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            _process: child,
        };
        assert_eq!(peer.answer().await, json!(self.to_string()));
        peer
    }
}

/// A running program. Dropping it ends it.
pub(crate) struct Peer {
    pub(crate) language: Language,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// A peer of each language that is there.
pub(crate) async fn each(broker: &Broker) -> Vec<Peer> {
    let mut peers = Vec::new();
    for language in Language::all() {
        peers.push(language.start(broker).await);
    }
    peers
}

/// What came of a peer's request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Map<String, Value>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The code and the text of a service error.
    pub(crate) fn error(&self) -> Option<(&str, &str)> {
        let header = |name: &str| self.headers.get(name)?.as_str();
        Some((
            header("Nats-Service-Error-Code")?,
            header("Nats-Service-Error")?,
        ))
    }
}

impl Peer {
    /// Has a command carried out. The commands are those of `peers/peer.py`.
    pub(crate) async fn tell(&mut self, what: &str, mut arguments: Value) -> Value {
        arguments["do"] = json!(what);
        let line = format!("{arguments}\n");
        self.commands.write_all(line.as_bytes()).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.answers.next_line());
        let line = line.await.unwrap_or_else(|_| panic!("{}", self.language));
        let line = line.unwrap().unwrap_or_else(|| panic!("{}", self.language));
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer.get("failed"), None, "{}", self.language);
        answer["ok"].take()
    }

    /// One request and its reply.
    pub(crate) async fn request(&mut self, subject: &str, body: &str) -> Answer {
        self.request_with(json!({"subject": subject, "body": body}))
            .await
            .unwrap()
    }

    /// The same, or why there is none: `no responders` or `timeout`.
    pub(crate) async fn request_with(&mut self, arguments: Value) -> Result<Answer, String> {
        let answer = self.tell("request", arguments).await;
        if let Some(error) = answer.get("error") {
            return Err(error.as_str().unwrap().to_owned());
        }
        Ok(Answer {
            body: bytes(answer["body"].as_str().unwrap()),
            headers: answer["headers"].as_object().cloned().unwrap_or_default(),
        })
    }

    /// Documents as the peer's own discovery finds them.
    pub(crate) async fn find(
        &mut self,
        verb: &str,
        name: Option<&str>,
        expected: usize,
    ) -> Vec<Value> {
        let arguments = json!({"verb": verb, "name": name, "expected": expected});
        let found = self.tell("find", arguments).await;
        found.as_array().unwrap().clone()
    }
}

/// Bytes as they go to a peer and come from it: a character for each.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    let byte = |c: char| u8::try_from(u32::from(c)).unwrap();
    text.chars().map(byte).collect()
}
