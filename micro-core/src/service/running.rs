//! A running service: its handle, and the stop that loses nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all, select_all};
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
    /// Why the service stopped without being asked to; `None` if it was asked.
    pub cause: Option<String>,
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
        let readers = parts.readers.iter().map(|(_, reader)| reader);
        let ended = readers
            .chain([&parts.responder])
            .map(|reader| reader.ended().boxed())
            .collect();
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
            ended,
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
        found.definition.example.as_ref()?.body()
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
    /// requests that still wait then are answered with code 503; discovery goes last. The connection
    /// stays open. A second stop is the same stop: it waits for the first.
    ///
    /// A handler must not await the stop of its own service: each would wait for the other, until
    /// the drain timeout.
    pub async fn stop(&self) -> StopReport {
        self.begin_stop(None);
        self.stopped().await
    }

    /// A stop that nobody asked for.
    async fn stop_because(&self, cause: impl Into<String>) {
        self.begin_stop(Some(cause.into()));
        self.stopped().await;
    }

    fn begin_stop(&self, cause: Option<String>) {
        if self.inner.stopping.swap(true, Ordering::AcqRel) {
            return;
        }
        let tasks = self
            .inner
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let inner = Arc::clone(&self.inner);
        // In a task of its own: a stop goes on if nobody waits for it.
        tokio::spawn(async move {
            let mut report = match tasks {
                Some(tasks) => inner.drain(tasks).await,
                None => StopReport::default(),
            };
            report.cause = cause;
            inner.stopped.send_replace(Some(report));
        });
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
    /// Every step is bounded: nothing that the network does keeps a service from stopping.
    async fn drain(&self, tasks: Tasks) -> StopReport {
        let started = Instant::now();
        let Tasks { responder, readers } = tasks;

        self.retire(readers.iter().map(|(_, reader)| reader)).await;

        let left = self.drain_timeout.saturating_sub(started.elapsed());
        let idle = join_all(readers.iter().map(|(endpoint, _)| endpoint.limits.idle()));
        let mut abandoned = Vec::new();
        if tokio::time::timeout(left, idle).await.is_err() {
            for (endpoint, _) in &readers {
                let answering = endpoint.turn_away_pending();
                // The connection may be down, and its queue full.
                let _ = tokio::time::timeout(LEAVE_WITHIN, answering).await;
                let requests = endpoint.limits.open();
                if requests > 0 {
                    let endpoint = endpoint.definition.name.clone();
                    tracing::warn!(service = %self.documents.instance().name, %endpoint, requests, "handlers did not finish within the drain timeout");
                    abandoned.push(Abandoned { endpoint, requests });
                }
            }
        }

        // Last, so that an operator can watch the drain.
        self.retire(std::iter::once(&responder)).await;
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
            cause: None,
        }
    }

    /// Leaves subjects without losing what is under way: tells the server, waits for its word that
    /// nothing more will come, then reads to the end.
    async fn retire(&self, readers: impl Iterator<Item = &Reader> + Clone) {
        let leaving = join_all(readers.clone().map(Reader::leave));
        let left = tokio::time::timeout(LEAVE_WITHIN, leaving).await;
        if left.is_ok() {
            self.barrier().await;
        }
        let finishing = join_all(readers.map(Reader::finish));
        if tokio::time::timeout(LEAVE_WITHIN, finishing).await.is_err() {
            tracing::warn!("stopping without having read to the end: the connection takes nothing");
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
async fn watch_connection(
    service: RunningService,
    ended: Vec<BoxFuture<'static, ()>>,
    mut events: Listener,
    subjects: Vec<String>,
) {
    // A subscription that ends by itself is a connection that is closed for good: not every way
    // there is announced.
    let mut ended = select_all(ended);
    loop {
        let event = tokio::select! {
            _ = service.stopped() => return,
            _ = &mut ended => Event::Closed,
            event = events.next() => event,
        };
        if service.inner.stopping.load(Ordering::Acquire) {
            // What ends now was asked to.
            service.stopped().await;
            return;
        }
        let name = service.name();
        match event {
            Event::Disconnected => {
                tracing::warn!(service = %name, "connection to NATS lost, trying to get it back");
            }
            Event::Connected => tracing::info!(service = %name, "connected to NATS"),
            Event::Closed => {
                tracing::error!(service = %name, "connection to NATS closed");
                service
                    .stop_because("its connection to NATS is closed")
                    .await;
                return;
            }
            Event::Refused(Refused::Subscription { subject }) if subjects.contains(&subject) => {
                tracing::error!(service = %name, %subject, "the NATS server does not permit this subscription");
                let cause =
                    format!("the NATS server does not permit a subscription to `{subject}`");
                service.stop_because(cause).await;
                return;
            }
            Event::Refused(refused) => {
                tracing::warn!(
                    subject = refused.subject(),
                    "the NATS server refused something on the connection of this service"
                );
            }
            Event::SlowConsumer => {
                tracing::error!("messages came faster than they were read, and some were dropped");
            }
            Event::Other(text) => tracing::debug!(text, "event of the connection"),
        }
    }
}
