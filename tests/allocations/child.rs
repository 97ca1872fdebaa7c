//! This program again, as another process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use crate::broker::Broker;

/// A process that does what it is told on its standard input, and ends with it.
pub(crate) struct Child {
    process: std::process::Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            orders: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// What it says next.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "it ended, saying {line:?}");
        line.trim_end().to_owned()
    }

    /// Has it do this much, and waits until it is done.
    pub(crate) fn does(&mut self, requests: u32) {
        let orders = self.orders.as_mut().unwrap();
        writeln!(orders, "{requests}").unwrap();
        assert_eq!(self.line(), "done");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.process.wait();
    }
}

/// A broker until standard input ends.
pub(crate) fn broker() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = runtime.block_on(Broker::start());
    println!("{}", broker.url());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    // Its process, if it is one, is ended from within the runtime.
    let _entered = runtime.enter();
    drop(broker);
}
