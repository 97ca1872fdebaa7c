//! An instance as a process of its own: this program again, told to serve.

use std::process::{ExitCode, Stdio};
use std::time::Duration;

use micro::{App, Connection, Request, ServiceBuilder};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::raw;

/// What a handler of `serial` takes, one at a time.
pub(crate) const WORK: Duration = Duration::from_millis(10);

const READY: &str = "ready";

/// Three endpoints: `work` waits a little, `serial` does one request at a time, `other` answers.
pub(crate) async fn serve(arguments: &[String]) -> ExitCode {
    let service = ServiceBuilder::new("soaked", "1.0.0")
        .endpoint("work", async |_: Request| {
            tokio::time::sleep(WORK).await;
            "ok"
        })
        .endpoint_with(
            "serial",
            async |_: Request| {
                tokio::time::sleep(WORK).await;
                "ok"
            },
            |endpoint| endpoint.concurrency(1),
        )
        .endpoint("other", async |_: Request| "ok");
    let connection = Connection::connect(&arguments[0]).await.unwrap();
    let client = connection.client().clone();
    let ran = App::with_client(&client)
        .builder(service)
        .on_start(|_| {
            println!("{READY}");
            async { Ok(()) }
        })
        .run()
        .await;
    ExitCode::from(u8::from(ran.is_err()))
}

/// A process that serves.
pub(crate) struct Instance {
    child: Child,
}

impl Instance {
    pub(crate) async fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", url])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        while raw::soon(out.next_line()).await.unwrap().expect("it ended") != READY {}
        // Nobody else reads, and it must not block on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = out.next_line().await {} });
        Self { child }
    }

    /// Its exit code after SIGTERM.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let kill = Command::new("kill")
            .args(["-s", "TERM", &id])
            .status()
            .await;
        assert!(kill.unwrap().success());
        raw::soon(self.child.wait()).await.unwrap().code()
    }

    /// The memory that it has, and the most that it has had, in KiB.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let id = self.child.id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.unwrap().trim().trim_end_matches(" kB").trim();
            number.parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}
