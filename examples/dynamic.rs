//! Endpoints that come and go while the service runs: each topic that is opened is an endpoint of
//! its own, found in INFO and counted in STATS like any other.
//!
//! ```text
//! cargo run --example dynamic
//! cargo run --example dynamic -- call open '"rust"'
//! cargo run --example dynamic -- call topic.rust 'is loaded'
//! cargo run --example dynamic -- call close '"rust"'
//! ```

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use micro::prelude::*;
use micro::{Error, Request, RunningService};

/// Opens and closes topics.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    /// The service itself, once it runs.
    running: Arc<OnceLock<RunningService>>,
}

/// Topics to write to, and to read.
#[service(name = "topics", version = "1.0.0")]
impl Topics {
    /// Opens a topic. What is sent to `topic.{name}` is kept, and all of it is the reply.
    #[endpoint(group = "topics")]
    async fn open(&self, name: String) -> Result<String, Error> {
        let service = self.service()?;
        let subject = format!("topic.{name}");
        if service.endpoints().iter().any(|e| e.subject() == subject) {
            return Err(Error::new(409, format_args!("`{name}` is open already")));
        }
        let lines = Arc::new(Mutex::new(Vec::new()));
        let topic = service
            .add_endpoint(&subject, move |request: Request| {
                let line = String::from_utf8_lossy(request.payload()).into_owned();
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(line);
                std::future::ready(lines.join("\n"))
            })
            .await
            .map_err(|error| Error::new(400, error))?;
        Ok(topic.subject().to_owned())
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
        Ok(topic.stats().num_requests)
    }

    fn service(&self) -> Result<&RunningService, Error> {
        let running = self.running.get();
        running.ok_or_else(|| Error::new(503, "not started yet"))
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
        })
        .run()
        .await
}
