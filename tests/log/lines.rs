//! The log of this process, line by line.

use std::io;
use std::sync::{LazyLock, Mutex, Once};

use tokio::sync::watch;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::raw;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Told of each line.
static CAME: LazyLock<watch::Sender<()>> = LazyLock::new(|| watch::Sender::new(()));

struct Line;

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        LINES.lock().unwrap().push(text.trim_end().to_owned());
        CAME.send_replace(());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes down everything from now on, as `App` would print it but for the time. The client's
/// finest level is left out, as there.
pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let format = tracing_subscriber::fmt::layer()
            .with_writer(|| Line)
            .without_time()
            .with_ansi(false);
        let targets = Targets::new()
            .with_default(LevelFilter::TRACE)
            .with_target("async_nats", LevelFilter::DEBUG);
        tracing_subscriber::registry()
            .with(format)
            .with(targets)
            .init();
    });
}

/// All lines so far.
pub(crate) fn all() -> Vec<String> {
    LINES.lock().unwrap().clone()
}

/// The lines of one service.
pub(crate) fn of(service: &str) -> Vec<String> {
    let field = format!("service=\"{service}\"");
    let mut lines = all();
    lines.retain(|line| line.contains(&field));
    lines
}

/// The first line of a service that says all of it, once it is there.
pub(crate) async fn line(service: &str, says: &[&str]) -> String {
    let field = format!("service=\"{service}\"");
    let says: Vec<_> = std::iter::once(field.as_str())
        .chain(says.iter().copied())
        .collect();
    any(&says).await
}

/// The first line that says all of it.
pub(crate) async fn any(says: &[&str]) -> String {
    let mut came = CAME.subscribe();
    let looking = async {
        loop {
            let mut lines = all().into_iter();
            if let Some(line) = lines.find(|line| says.iter().all(|part| line.contains(part))) {
                return line;
            }
            came.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(raw::PATIENCE, looking).await;
    found.unwrap_or_else(|_| panic!("nobody ever said {says:?}: {:#?}", all()))
}
