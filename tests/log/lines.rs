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
    saying(&[&format!("service=\"{service}\"")])
}

/// The lines so far that say all of it.
pub(crate) fn saying(says: &[&str]) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    let lines = lines.iter().filter(|line| is_said(line, says));
    lines.cloned().collect()
}

fn is_said(line: &str, says: &[&str]) -> bool {
    says.iter().all(|part| line.contains(part))
}

/// The sum of a count in the lines that say all of it, once it is there.
pub(crate) async fn sum(says: &[&str], field: &str, expected: usize) {
    let mut came = CAME.subscribe();
    let field = format!(" {field}=");
    let so_far = || -> usize {
        let lines = saying(says);
        let counts = lines.iter().filter_map(|line| {
            let (_, after) = line.split_once(&field)?;
            after.split(' ').next()?.parse::<usize>().ok()
        });
        counts.sum()
    };
    let looking = async {
        while so_far() < expected {
            came.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(raw::PATIENCE, looking).await;
    assert!(found.is_ok(), "{:#?}", saying(says));
    assert_eq!(so_far(), expected, "{:#?}", saying(says));
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
    let mut looked_at = 0;
    // Most lines are of other tests, and there are many: each is looked at once.
    let mut look = || {
        let lines = LINES.lock().unwrap();
        let found = lines[looked_at..].iter().find(|line| is_said(line, says));
        looked_at = lines.len();
        found.cloned()
    };
    let looking = async {
        loop {
            if let Some(line) = look() {
                return line;
            }
            came.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(raw::PATIENCE, looking).await;
    found.unwrap_or_else(|_| {
        let ours: Vec<_> = all()
            .into_iter()
            .filter(|l| l.contains(" micro::"))
            .collect();
        panic!("nobody ever said {says:?}: {ours:#?}")
    })
}
