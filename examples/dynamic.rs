//! Endpoints that come and go while the service runs: each topic that is opened is an endpoint of
//! its own, found in INFO and counted in STATS like any other.
//!
//! ```text
//! cargo run --example dynamic
//! cargo run --example dynamic -- call open '"rust"'
//! cargo run --example dynamic -- call topic.rust 'is loaded'
//! cargo run --example dynamic -- call close '"rust"'
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use micro::prelude::*;
use micro::{Error, Handler, Request, RunningService};

/// How many topics may be open.
const TOPICS_MAX: usize = 100;

/// How many lines a topic keeps.
const LINES_MAX: usize = 10;

/// Opens and closes topics.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    /// The service itself, once it runs.
    running: Arc<OnceLock<RunningService>>,
    /// The names of the open ones.
    open: Arc<Mutex<BTreeSet<String>>>,
}

/// Topics to write to, and to read.
#[service(name = "topics", version = "1.0.0")]
impl Topics {
    /// Opens a topic. The last lines sent to `topic.{name}` are kept, and are the reply.
    #[endpoint(group = "topics")]
    async fn open(&self, name: String) -> Result<String, Error> {
        // What a caller says becomes a subject: nothing but letters, or it could be `>`.
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(Error::new(
                400,
                "a topic's name is made of letters and digits",
            ));
        }
        if self.names().len() >= TOPICS_MAX {
            return Err(Error::new(429, "too many topics are open: close one"));
        }
        if !self.names().insert(name.clone()) {
            return Err(Error::new(409, format_args!("`{name}` is open already")));
        }
        let subject = format!("topic.{name}");
        let added = self.service()?.add_endpoint(&subject, lines()).await;
        if added.is_err() {
            self.names().remove(&name);
        }
        Ok(added?.subject().to_owned())
    }

    /// Closes a topic. Whoever writes to it just now still has an answer.
    #[endpoint(group = "topics")]
    async fn close(&self, name: String) -> Result<u64, Error> {
        let subject = format!("topic.{name}");
        let open = self.service()?.endpoints();
        let Some(topic) = open.iter().find(|e| e.subject() == subject) else {
            return Err(Error::new(404, format_args!("`{name}` is not open")));
        };
        topic.remove().await;
        self.names().remove(&name);
        Ok(topic.stats().num_requests)
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn service(&self) -> Result<&RunningService, Error> {
        let running = self.running.get();
        running.ok_or_else(|| Error::new(503, "not started yet"))
    }
}

/// The handler of one topic.
fn lines() -> impl Handler {
    let lines = Mutex::new(VecDeque::new());
    move |request: Request| {
        let line = String::from_utf8_lossy(request.payload()).into_owned();
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
        let all: Vec<&str> = lines.iter().map(String::as_str).collect();
        std::future::ready(all.join("\n"))
    }
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let topics = Topics::default();
    let running = Arc::clone(&topics.running);
    App::from_args()
        .service(topics)
        .on_start(move |app| {
            if let Some(service) = app.services().first() {
                let _ = running.set(service.clone());
            }
            std::future::ready(Ok(()))
        })
        .run()
        .await
}
