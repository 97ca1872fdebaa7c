//! A program as a process, every line of which is kept: for those that say more than a banner, and for
//! those that are killed.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::PATIENCE;

/// A program that runs, and goes with its test.
pub(crate) struct Program {
    child: Child,
    /// What it has printed and logged so far.
    said: watch::Receiver<String>,
}

impl Program {
    /// Starts it, with nothing in its environment that would say where NATS is.
    pub(crate) fn start(path: impl AsRef<Path>, args: &[&str]) -> Self {
        let mut command = Command::new(path.as_ref());
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            if name.starts_with("NATS_") || name.starts_with("MICRO_") {
                command.env_remove(&variable);
            }
        }
        let mut child = command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (write, said) = watch::channel(String::new());
        keep(child.stdout.take().unwrap(), write.clone());
        keep(child.stderr.take().unwrap(), write);
        Self { child, said }
    }

    /// All that it has said so far.
    pub(crate) fn said(&self) -> String {
        self.said.borrow().clone()
    }

    /// Waits until it has said this.
    pub(crate) async fn says(&mut self, text: &str) {
        let said = self.said.wait_for(|said| said.contains(text));
        let said = tokio::time::timeout(PATIENCE, said).await;
        let said = said.map(|said| said.map(|_| ()));
        assert!(
            matches!(said, Ok(Ok(()))),
            "no `{text}` in\n{}",
            self.said()
        );
    }

    /// What stands in the first line that has `before`, up to a blank, once it is said.
    pub(crate) async fn word_after(&mut self, before: &str) -> String {
        self.says(before).await;
        let find = |said: &str| {
            let (_, rest) = said.split_once(before)?;
            let (word, _) = rest.split_once(|c: char| c.is_whitespace() || c == ',')?;
            Some(word.to_owned())
        };
        let said = self.said.wait_for(|said| find(said).is_some());
        let said = tokio::time::timeout(PATIENCE, said).await.unwrap().unwrap();
        find(&said).unwrap()
    }

    /// How many of its lines have this.
    pub(crate) fn count(&self, text: &str) -> usize {
        let said = self.said.borrow();
        said.lines().filter(|line| line.contains(text)).count()
    }

    /// Ends it as a machine ends whose plug is pulled.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end, and gives its exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let id = self.id().to_string();
        let status = std::process::Command::new("kill")
            .args(["-s", "TERM", &id])
            .status()
            .unwrap();
        assert!(status.success());
        self.ended().await
    }

    /// Its exit code, once it has ended by itself.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it has not ended").unwrap().code()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }
}

fn keep(from: impl AsyncRead + Unpin + Send + 'static, said: watch::Sender<String>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            said.send_modify(|said| {
                said.push_str(&line);
                said.push('\n');
            });
        }
    });
}
