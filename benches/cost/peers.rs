//! The services that are measured: which there are here, and how each is started.

use std::env;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::go::{self, named};
use crate::service::READY;
use crate::{Part, again};

/// How long a service may take to serve.
const START_WITHIN: Duration = Duration::from_secs(20);

/// A service, by what it is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// This framework.
    Ours,
    /// The raw client of async-nats, answering in its loop.
    Raw,
    /// The same with a task for each request.
    RawTask,
    /// `async_nats::service`, answered in its loop.
    Service,
    /// The same with a task for each request.
    ServiceTask,
    /// Go's `micro`, answering in the callback.
    Go,
    /// The same with a goroutine for each request.
    GoTask,
    /// `@nats-io/services`.
    Javascript,
    /// `nats.micro`.
    Python,
}

/// How a service is run, if not as it runs by itself.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct How {
    pub(crate) one_core: bool,
    /// One, if it says none.
    pub(crate) connections: Option<usize>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::Raw => "raw",
            Self::RawTask => "raw-task",
            Self::Service => "service",
            Self::ServiceTask => "service-task",
            Self::Go => "go",
            Self::GoTask => "go-task",
            Self::Javascript => "javascript",
            Self::Python => "python",
        })
    }
}

impl Peer {
    fn command(self, url: &str, how: How) -> Result<Command, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scripts = here.join("benches/cost/peers");
        let mut command = match self {
            Self::Go | Self::GoTask => Command::new(go::built(&scripts.join("go"))?),
            Self::Javascript => {
                let packages = env::var_os("MICRO_TEST_NODE_MODULES")
                    .map_or_else(|| here.join(".ci/node_modules"), PathBuf::from);
                if !packages.join("@nats-io/services").exists() {
                    return Err(format!(
                        "{} has no @nats-io/services; MICRO_TEST_NODE_MODULES says where it is",
                        packages.display()
                    ));
                }
                let mut command = Command::new(named("MICRO_TEST_NODE", "node".into()));
                command.arg(scripts.join("serve.mjs"));
                command.env("MICRO_TEST_NODE_MODULES", packages);
                command
            }
            Self::Python => {
                let venv = here.join(".ci/venv/bin/python");
                let python = if venv.exists() {
                    venv
                } else {
                    "python3".into()
                };
                let mut command = Command::new(named("MICRO_TEST_PYTHON", python.into()));
                command.arg(scripts.join("serve.py"));
                command
            }
            _ => {
                return Ok(again(&Part::Serve {
                    peer: self,
                    url: url.to_owned(),
                    how,
                }));
            }
        };
        command.args([url, &self.to_string()]);
        Ok(command)
    }

    /// Starts a service that ends with this process; when this returns, it serves. Otherwise, why
    /// not.
    pub(crate) fn start(self, url: &str, how: How) -> Result<Running, String> {
        Running::start(self.command(url, how)?).map(|(running, _)| running)
    }
}

/// A process that has said that it is ready. Dropping it ends it.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts a process and waits until it says a line that begins with [`READY`]; the rest of that
    /// line comes with it. It ends when its standard input does.
    pub(crate) fn start(mut command: Command) -> Result<(Self, String), String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let out = child.stdout.take().unwrap();
        let mut log = child.stderr.take().unwrap();
        let running = Self { child };
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(rest) = line.strip_prefix(READY) {
                    let _ = ready.send(rest.trim().to_owned());
                }
            }
        });
        let log = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = log.read_to_end(&mut text);
            go::last_line(&String::from_utf8_lossy(&text))
        });
        if let Ok(said) = is_ready.recv_timeout(START_WITHIN) {
            return Ok((running, said));
        }
        drop(running);
        Err(format!("{name}: {}", log.join().unwrap()))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It asks the process to end; the broker ends its own server then.
        drop(self.child.stdin.take());
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
