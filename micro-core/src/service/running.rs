//! A running service: its handle, and the stop that loses nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;

use crate::discovery::{Documents, Info, Stats};
use crate::endpoint::{Endpoint, Roster};
use crate::wire::{Connection, Event, Listener, Reader, Refused};

/// How long the server may take to confirm that nothing more will come. Past it the service stops
/// all the same; requests that were on their way then get no answer.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// A service that runs.
///
/// Cloning gives another handle of the same service. Dropping handles does not stop it: it runs
/// until [`stop`](Self::stop), or until its connection is closed.
#[derive(Clone, Debug)]
pub struct RunningService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    documents: Arc<Documents>,
    roster: Arc<Roster>,
    drain_timeout: Duration,
    /// Taken by the stop.
    tasks: Mutex<Option<Tasks>>,
    stopping: AtomicBool,
    stopped: watch::Sender<Option<StopReport>>,
}

/// What reads.
#[derive(Debug)]
struct Tasks {
    responder: Reader,
    readers: Vec<(Arc<Endpoint>, Reader)>,
}

/// What a service is made of.
pub(super) struct Parts {
    pub(super) connection: Connection,
    pub(super) documents: Arc<Documents>,
    pub(super) roster: Arc<Roster>,
    pub(super) responder: Reader,
    pub(super) readers: Vec<(Arc<Endpoint>, Reader)>,
    pub(super) drain_timeout: Duration,
    pub(super) subjects: Vec<String>,
    pub(super) events: Listener,
}

/// What a stop came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// How long it took.
    pub took: Duration,
    /// The endpoints whose handlers had not finished within the drain timeout; empty after a clean
    /// stop.
    pub abandoned: Vec<Abandoned>,
}

/// Requests that a stop did not wait for any longer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abandoned {
    /// The name of the endpoint.
    pub endpoint: String,
    /// How many.
    pub requests: usize,
}

impl RunningService {
    pub(super) fn new(parts: Parts) -> Self {
        let service = Self {
            inner: Arc::new(Inner {
                connection: parts.connection,
                documents: parts.documents,
                roster: parts.roster,
                drain_timeout: parts.drain_timeout,
                tasks: Mutex::new(Some(Tasks {
                    responder: parts.responder,
                    readers: parts.readers,
                })),
                stopping: AtomicBool::new(false),
                stopped: watch::Sender::new(None),
            }),
        };
        tokio::spawn(watch_connection(
            service.clone(),
            parts.events,
            parts.subjects,
        ));
        service
    }

    /// The name of the service.
    pub fn name(&self) -> &str {
        &self.inner.documents.instance().name
    }

    /// The id of this instance.
    pub fn id(&self) -> &str {
        &self.inner.documents.instance().id
    }

    /// The version of the service.
    pub fn version(&self) -> &str {
        &self.inner.documents.instance().version
    }

    /// What INFO answers.
    pub fn info(&self) -> Info {
        self.inner.documents.info()
    }

    /// What STATS answers now.
    pub fn stats(&self) -> Stats {
        self.inner.documents.stats()
    }

    /// A body that could be sent to an endpoint, if one is known.
    pub(crate) fn example_for(&self, endpoint: &str) -> Option<String> {
        let endpoints = self.inner.roster.all();
        let found = endpoints.iter().find(|e| e.definition.name == endpoint)?;
        found.definition.example.clone()
    }

    /// Sets all counters back to nothing, and `started` to now. Requests in flight count when they
    /// finish.
    pub fn reset(&self) {
        for endpoint in self.inner.roster.all() {
            endpoint.counters.reset();
        }
        self.inner.documents.start_now();
    }

    /// The connection that the service runs on.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// Stops the service without losing a request, and returns when it is done.
    ///
    /// Its endpoints leave their subjects, so that other instances take over; what had already been
    /// sent to this one is answered; handlers in flight finish, at most for the drain timeout;
    /// discovery goes last. The connection stays open. A second stop is the same stop: it waits for
    /// the first.
    pub async fn stop(&self) -> StopReport {
        if !self.inner.stopping.swap(true, Ordering::AcqRel) {
            let tasks = self
                .inner
                .tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let inner = Arc::clone(&self.inner);
            // In a task of its own: a stop goes on if nobody waits for it.
            tokio::spawn(async move {
                let report = match tasks {
                    Some(tasks) => inner.drain(tasks).await,
                    None => StopReport::default(),
                };
                inner.stopped.send_replace(Some(report));
            });
        }
        self.stopped().await
    }

    /// Waits until the service has stopped, for whatever reason.
    pub async fn stopped(&self) -> StopReport {
        let mut stopped = self.inner.stopped.subscribe();
        match stopped.wait_for(Option::is_some).await {
            Ok(report) => report.clone().unwrap_or_default(),
            Err(_) => StopReport::default(),
        }
    }
}

impl Inner {
    async fn drain(&self, tasks: Tasks) -> StopReport {
        let started = Instant::now();
        let Tasks { responder, readers } = tasks;

        join_all(readers.iter().map(|(_, reader)| reader.leave())).await;
        self.barrier().await;
        join_all(readers.iter().map(|(_, reader)| reader.finish())).await;

        let left = self.drain_timeout.saturating_sub(started.elapsed());
        let idle = join_all(readers.iter().map(|(endpoint, _)| endpoint.limits.idle()));
        let mut abandoned = Vec::new();
        if tokio::time::timeout(left, idle).await.is_err() {
            for (endpoint, _) in &readers {
                let requests = endpoint.limits.open();
                if requests > 0 {
                    let endpoint = endpoint.definition.name.clone();
                    tracing::warn!(service = %self.documents.instance().name, %endpoint, requests, "handlers did not finish within the drain timeout");
                    abandoned.push(Abandoned { endpoint, requests });
                }
            }
        }

        // Last, so that an operator can watch the drain.
        responder.leave().await;
        self.barrier().await;
        responder.finish().await;
        if self.connection.is_connected()
            && tokio::time::timeout(LEAVE_WITHIN, self.connection.flush())
                .await
                .is_err()
        {
            tracing::warn!("the last replies did not leave in time");
        }
        StopReport {
            took: started.elapsed(),
            abandoned,
        }
    }

    /// Waits until what the server had sent is here. Without a server there is nothing to wait for.
    async fn barrier(&self) {
        if !self.connection.is_connected() {
            return;
        }
        if let Err(error) = self.connection.barrier(LEAVE_WITHIN).await {
            tracing::warn!(%error, "stopping without the server's word that nothing more will come");
        }
    }
}

/// Sees what happens to the connection while the service runs.
async fn watch_connection(service: RunningService, mut events: Listener, subjects: Vec<String>) {
    loop {
        let event = tokio::select! {
            _ = service.stopped() => return,
            event = events.next() => event,
        };
        let name = service.name();
        match event {
            Event::Disconnected => tracing::warn!(service = %name, "connection to NATS lost"),
            Event::Connected => tracing::info!(service = %name, "connected to NATS"),
            Event::Refused(Refused::Subscription { subject }) if subjects.contains(&subject) => {
                tracing::error!(service = %name, %subject, "the NATS server does not permit this subscription any more");
            }
            Event::Closed => {
                tracing::warn!(service = %name, "connection to NATS closed");
                service.stop().await;
            }
            _ => {}
        }
    }
}
