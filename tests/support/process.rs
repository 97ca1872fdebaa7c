//! The examples as processes.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::raw;

/// An example, built by the same `cargo test`.
pub(crate) fn example(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    let mut command = Command::new(path);
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("NATS_") || name.starts_with("MICRO_") {
            command.env_remove(&variable);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A running example, and the banner it printed.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) banner: String,
    out: Lines<BufReader<ChildStdout>>,
}

pub(crate) async fn run(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut banner = String::new();
    loop {
        let line = tokio::time::timeout(raw::PATIENCE, out.next_line())
            .await
            .unwrap()
            .unwrap();
        let Some(line) = line else {
            let ended = child.wait_with_output().await.unwrap();
            let stderr = String::from_utf8_lossy(&ended.stderr);
            panic!("{}, after\n{banner}\nand saying\n{stderr}", ended.status);
        };
        banner.push_str(&line);
        banner.push('\n');
        if line.starts_with("Ctrl-C") {
            break;
        }
    }
    Running { child, banner, out }
}

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Its exit code, and all that it has printed and logged.
    pub(crate) async fn ended(mut self) -> (Option<i32>, String) {
        let mut said = self.banner;
        let rest = async {
            while let Some(line) = self.out.next_line().await.unwrap() {
                said.push_str(&line);
                said.push('\n');
            }
        };
        let (ended, ()) =
            raw::soon(async { tokio::join!(self.child.wait_with_output(), rest) }).await;
        let ended = ended.unwrap();
        said.push_str(text(&ended.stderr));
        (ended.status.code(), said)
    }

    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        tokio::time::timeout(raw::PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
            .code()
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    let status = std::process::Command::new("kill")
        .args(["-s", name, &id])
        .status()
        .unwrap();
    assert!(status.success());
}

pub(crate) async fn output(command: &mut Command) -> Output {
    tokio::time::timeout(raw::PATIENCE, command.output())
        .await
        .unwrap()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
