//! Endpoints that come and go while the service runs: each topic that is opened is an endpoint of
//! its own, found in INFO and counted in STATS like any other.
//!
//! ```text
//! cargo run --example dynamic
//! cargo run --example dynamic -- call open '"rust"'
//! cargo run --example dynamic -- call topic.rust 'is loaded'
//! cargo run --example dynamic -- call close '"rust"'
//! ```

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use micro::prelude::*;
use micro::{Error, Handler, Request, RunningEndpoint, RunningService};

/// How many topics may be open.
const TOPICS_MAX: usize = 100;

/// How long the name of a topic may be.
const NAME_MAX: usize = 32;

/// How many lines a topic keeps.
const LINES_MAX: usize = 10;

/// Opens and closes topics.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    /// The service itself, once it runs.
    running: Arc<OnceLock<RunningService>>,
    /// By name. One without its endpoint is just being opened or closed: its name is taken, so that
    /// no two endpoints are ever on one subject.
    topics: Arc<Mutex<BTreeMap<String, Option<RunningEndpoint>>>>,
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
        if name.len() > NAME_MAX {
            let text = format_args!("a topic's name has at most {NAME_MAX} letters");
            return Err(Error::new(400, text));
        }
        let service = self.service()?;
        self.reserve(&name)?;
        let subject = format!("topic.{name}");
        let added = service.add_endpoint(&subject, lines()).await;
        match added {
            Ok(topic) => {
                self.topics().insert(name, Some(topic));
                Ok(subject)
            }
            Err(error) => {
                self.topics().remove(&name);
                Err(error.into())
            }
        }
    }

    /// Closes a topic. Whoever writes to it just now still has an answer.
    #[endpoint(group = "topics")]
    async fn close(&self, name: String) -> Result<u64, Error> {
        let topic = match self.topics().get_mut(&name) {
            Some(topic) => topic.take().ok_or_else(busy)?,
            None => return Err(Error::new(404, "this topic is not open")),
        };
        topic.remove().await;
        self.topics().remove(&name);
        Ok(topic.stats().num_requests)
    }

    /// Takes a name, if it is free and there is room for another topic.
    fn reserve(&self, name: &str) -> Result<(), Error> {
        let mut topics = self.topics();
        let count = topics.len();
        match topics.entry(name.to_owned()) {
            Entry::Occupied(topic) if topic.get().is_none() => Err(busy()),
            Entry::Occupied(_) => Err(Error::new(409, format_args!("`{name}` is open already"))),
            Entry::Vacant(_) if count >= TOPICS_MAX => {
                Err(Error::new(429, "too many topics are open: close one"))
            }
            Entry::Vacant(free) => {
                free.insert(None);
                Ok(())
            }
        }
    }

    fn topics(&self) -> MutexGuard<'_, BTreeMap<String, Option<RunningEndpoint>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn service(&self) -> Result<&RunningService, Error> {
        let running = self.running.get();
        running.ok_or_else(|| Error::new(503, "not started yet"))
    }
}

fn busy() -> Error {
    Error::new(409, "this topic is just being opened or closed")
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
