//! A running service: its handle.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::member::{Abandoned, Ground, Member};
use super::observers::{Audience, Ending};
use super::plan::Inherited;
use super::story;
use crate::discovery::{self, Documents, Info, Responder, Stats};
use crate::endpoint::{Endpoint, EndpointStats, Roster, SubscriberStats, Ticket};
use crate::error::{Incident, panic_text};
use crate::log::{SERVICE, line};
use crate::task;
use crate::wire::{self, Connection, LEAVE_WITHIN, Listener};

/// A service that runs.
///
/// Cloning gives another handle of the same service. Dropping handles does not stop it: it runs
/// until [`stop`](Self::stop), or until its connection is closed.
#[derive(Clone, Debug)]
pub struct RunningService {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) ground: Ground,
    pub(super) documents: Arc<Documents>,
    pub(super) roster: Arc<Roster>,
    pub(super) drain_timeout: Duration,
    /// Of a function.
    pub(super) ticket: Option<Arc<Ticket>>,
    /// Taken by the stop: whoever finds nothing here comes too late.
    live: Mutex<Option<Live>>,
    /// How many additions and removals are under way, so that a stop can wait for them.
    changes: watch::Sender<usize>,
    /// What removals did not wait for while a stop waited for them.
    left_behind: Mutex<Vec<Abandoned>>,
    /// Where the service was started: what it does goes on there, whoever asks for it.
    pub(super) runtime: Handle,
    stopped: watch::Sender<Option<StopReport>>,
    /// Something has come to pass that ends it.
    ends: AtomicBool,
}

/// What a service has while it is not being stopped.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) members: Vec<Member>,
    /// What endpoints have that are added. It ends with the service, since it may hold a handle of
    /// it.
    inherited: Inherited,
    responder: Responder,
    ending: Ending,
}

/// What a service is made of.
pub(super) struct Parts {
    pub(super) ground: Ground,
    pub(super) documents: Arc<Documents>,
    pub(super) roster: Arc<Roster>,
    pub(super) inherited: Inherited,
    pub(super) drain_timeout: Duration,
    pub(super) responder: Responder,
    pub(super) members: Vec<Member>,
    pub(super) audience: Audience,
    pub(super) events: Vec<Listener>,
}

/// What a stop came to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StopReport {
    /// How long it took.
    pub took: Duration,
    /// The endpoints and subscribers whose handlers had not finished within the drain timeout; empty
    /// after a clean stop.
    pub abandoned: Vec<Abandoned>,
    /// Why the service stopped without being asked to; `None` if it was asked.
    pub cause: Option<String>,
    /// The counters of its endpoints at the end, without the `data` of stats handlers.
    pub endpoints: Vec<EndpointStats>,
    /// The counters of its subscribers at the end.
    pub subscribers: Vec<SubscriberStats>,
}

impl RunningService {
    pub(super) fn new(parts: Parts) -> Self {
        let ended = parts.responder.ended();
        let service = Self {
            inner: Arc::new(Inner {
                ground: parts.ground,
                documents: parts.documents,
                roster: parts.roster,
                drain_timeout: parts.drain_timeout,
                ticket: parts.inherited.ticket.clone(),
                live: Mutex::new(None),
                changes: watch::Sender::new(0),
                left_behind: Mutex::default(),
                runtime: Handle::current(),
                stopped: watch::Sender::new(None),
                ends: AtomicBool::new(false),
            }),
        };
        let ending = parts.audience.attend(service.clone());
        *service.inner.live() = Some(Live {
            members: parts.members,
            inherited: parts.inherited,
            responder: parts.responder,
            ending,
        });
        let mut ended = Some(ended);
        for events in parts.events {
            // Discovery is read from the first of them.
            let ended = ended.take().unwrap_or_else(|| Box::pin(pending()));
            task::spawn(Box::pin(super::watch::watch(
                service.clone(),
                ended,
                events,
            )));
        }
        service.end_with_first_request();
        service
    }

    /// The name of the service.
    pub fn name(&self) -> &str {
        &self.inner.ground.instance.name
    }

    /// The id of this instance.
    pub fn id(&self) -> &str {
        &self.inner.ground.instance.id
    }

    /// The version of the service.
    pub fn version(&self) -> &str {
        &self.inner.ground.instance.version
    }

    /// What INFO answers. A service that has stopped lists no endpoints.
    pub fn info(&self) -> Info {
        self.inner.documents.info()
    }

    /// What STATS answers now. A service that has stopped lists no endpoints: see
    /// [`StopReport::endpoints`].
    pub fn stats(&self) -> Stats {
        self.inner.documents.stats()
    }

    /// A body that could be sent to an endpoint, if one is known.
    pub(crate) fn example_for(&self, endpoint: &str) -> Option<String> {
        example(&self.inner.roster.by_role().0, endpoint)
    }

    /// The same for a subscriber.
    pub(crate) fn example_event_for(&self, subscriber: &str) -> Option<String> {
        example(&self.inner.roster.by_role().1, subscriber)
    }

    /// Sets all counters back to nothing, and `started` to now. Requests in flight count when they
    /// finish.
    ///
    /// Returns the counters as they were, without the `data` of stats handlers. A request is counted
    /// there or from now on, and never in both: what resets return adds up to all that there was.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(service: micro::RunningService) {
    /// let mut hour = tokio::time::interval(std::time::Duration::from_secs(3600));
    /// loop {
    ///     hour.tick().await;
    ///     let last = service.reset();
    ///     for endpoint in last.endpoints {
    ///         println!("{}: {} since {}", endpoint.name, endpoint.num_requests, last.started);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn reset(&self) -> Stats {
        self.inner.documents.reset()
    }

    /// The connection that the service runs on.
    pub fn connection(&self) -> &Connection {
        &self.inner.ground.connection
    }

    /// Stops the service without losing a request, and returns when it is done.
    ///
    /// Its endpoints leave their subjects, so that other instances take over; what had already been
    /// sent to this one is answered; handlers in flight finish, at most for the drain timeout. Past
    /// it they are dropped where they wait, and their callers and those of requests that had not
    /// been begun are answered with code 503. Subscribers leave in the same way, and what had been sent
    /// to them is handled; what is not done in time is counted as abandoned. Discovery goes last. The connection stays open. A
    /// second stop is the same stop: it waits for the first.
    ///
    /// A handler that blocks its thread instead of waiting cannot be dropped: the stop goes on
    /// without it, and its caller hears nothing until it is done.
    ///
    /// A handler must not await the stop of its own service: each would wait for the other, until
    /// the drain timeout.
    pub async fn stop(&self) -> StopReport {
        self.begin_stop(None);
        self.end().await
    }

    /// Whether nobody else has seen the end of it: each of its connections may tell of the same.
    pub(super) fn ends_first(&self) -> bool {
        !self.inner.ends.swap(true, Ordering::AcqRel)
    }

    /// A stop that nobody asked for.
    pub(super) fn stop_because(&self, cause: impl Into<String>) {
        self.begin_stop(Some(cause.into()));
    }

    /// Begins a stop, of itself or for the `cause` that is given, and does not wait for it.
    pub(crate) fn begin_stop(&self, cause: Option<String>) {
        let Some(live) = self.inner.live().take() else {
            return;
        };
        let end = End(Arc::clone(&self.inner));
        story::draining(&self.inner.ground.instance, cause.as_deref());
        // In a task of its own: a stop goes on if nobody waits for it.
        let stop: BoxFuture<'static, ()> = Box::pin(async move {
            let mut report = end.0.drain(live.members, &live.responder).await;
            report.cause = cause;
            live.ending.tell(&report).await;
            story::stopped(&end.0.ground.instance, &report);
            end.0.stopped.send_replace(Some(report));
        });
        self.inner.runtime.spawn(stop);
    }

    /// Waits until the service has stopped, for whatever reason.
    pub async fn stopped(&self) -> StopReport {
        self.end().await
    }

    fn end(&self) -> BoxFuture<'_, StopReport> {
        Box::pin(async move {
            let mut stopped = self.inner.stopped.subscribe();
            match stopped.wait_for(Option::is_some).await {
                Ok(report) => report.clone().unwrap_or_default(),
                Err(_) => StopReport::default(),
            }
        })
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.inner.live().is_none()
    }

    pub(super) fn report(&self, incident: Incident) {
        self.inner.ground.incidents.report(incident);
    }

    /// Whether the service cannot do without this subscription.
    pub(super) fn needs(&self, subject: &str, queue_group: Option<&str>) -> bool {
        let discovery = discovery::subjects(&self.inner.ground.instance);
        queue_group.is_none() && discovery.iter().any(|own| own == subject)
            || !self.inner.roster.on(subject, queue_group).is_empty()
    }

    /// Counts an error on the endpoints with this subscription, and returns the first of them.
    pub(super) fn count_error(
        &self,
        subject: &str,
        queue_group: Option<&str>,
        text: &str,
    ) -> Option<Arc<Endpoint>> {
        let endpoints = self.inner.roster.on(subject, queue_group);
        for endpoint in &endpoints {
            endpoint.counters.error(text.to_owned());
        }
        endpoints.into_iter().next()
    }

    /// The endpoint whose reply the server has refused, which counts it as an error.
    pub(super) fn whose_reply(&self, subject: &str, text: &str) -> Option<Arc<Endpoint>> {
        let refusal = self.inner.ground.recents.take(subject)?;
        let mut endpoints = self.inner.roster.all().into_iter();
        endpoints.find(|endpoint| endpoint.was_refused(&refusal, text))
    }
}

/// Whatever happens to a stop, it comes to an end: nobody waits for it in vain.
struct End(Arc<Inner>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.stopped.send_if_modified(|report| {
            let missing = report.is_none();
            report.get_or_insert_default();
            missing
        });
    }
}

/// An addition or a removal that is under way.
pub(super) struct Change(Arc<Inner>);

impl Drop for Change {
    fn drop(&mut self) {
        self.0.changes.send_modify(|changes| *changes -= 1);
    }
}

impl Inner {
    /// Begins an addition or a removal, unless the service is being stopped. A stop waits for its
    /// end, and nothing that it waits for waits for a stop: handlers may change their service.
    pub(super) fn begin_change(self: &Arc<Self>) -> Option<Change> {
        let live = self.live();
        live.as_ref()?;
        self.changes.send_modify(|changes| *changes += 1);
        Some(Change(Arc::clone(self)))
    }

    /// Keeps what a removal did not wait for, for the report of a stop.
    pub(super) fn leave_behind(&self, abandoned: &[Abandoned]) {
        if self.live().is_none() {
            self.left_behind().extend_from_slice(abandoned);
        }
    }

    fn left_behind(&self) -> MutexGuard<'_, Vec<Abandoned>> {
        self.left_behind
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What endpoints have that are added, unless the service is being stopped.
    pub(super) fn inherited(&self) -> Option<Inherited> {
        self.live().as_ref().map(|live| live.inherited.clone())
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no addition and no removal is under way.
    async fn no_changes(&self) {
        let _ = self
            .changes
            .subscribe()
            .wait_for(|changes| *changes == 0)
            .await;
    }

    /// Lists endpoints in INFO and STATS.
    pub(super) fn list(&self, endpoints: &[Arc<Endpoint>]) {
        self.roster.add(endpoints.iter().cloned());
        self.documents.forget_info();
    }

    /// Takes an endpoint out of INFO and STATS.
    pub(super) fn unlist(&self, endpoint: &Arc<Endpoint>) {
        self.roster.remove(endpoint);
        self.documents.forget_info();
    }

    /// Every step is bounded: nothing that the network does keeps a service from stopping.
    async fn drain(&self, members: Vec<Member>, responder: &Responder) -> StopReport {
        let started = Instant::now();
        // Endpoints that come or go just now have requests too.
        let changes_within = self.drain_timeout.max(LEAVE_WITHIN);
        let mut abandoned = Vec::new();
        let dismissing: BoxFuture<'_, ()> = Box::pin(async {
            abandoned = self.ground.dismiss(members, self.drain_timeout).await;
        });
        let settling: BoxFuture<'_, ()> = Box::pin(async {
            let _ = tokio::time::timeout(changes_within, self.no_changes()).await;
        });
        task::all([dismissing, settling].into_iter()).await;
        abandoned.append(&mut self.left_behind());

        // Last, so that an operator can watch the drain.
        let connection = &self.ground.connection;
        wire::leave(std::iter::once(connection), responder.readers()).await;
        let lanes = connection.lanes().map(|(_, connection)| connection);
        let connected = lanes.filter(|connection| connection.is_connected());
        let flushing = task::all(connected.map(|connection| {
            let flushing: BoxFuture<'_, ()> = Box::pin(async {
                let _ = connection.written().await;
            });
            flushing
        }));
        if tokio::time::timeout(LEAVE_WITHIN, flushing).await.is_err() {
            tracing::warn!(target: SERVICE, service = self.ground.instance.name, "the last replies did not leave in time");
        }
        let unlisted = self.roster.take();
        let (mut endpoints, mut subscribers) = (Vec::new(), Vec::new());
        for endpoint in &unlisted {
            if endpoint.is_subscriber() {
                subscribers.push(endpoint.subscriber_stats());
            } else {
                endpoints.push(endpoint.counted());
            }
        }
        self.documents.forget_info();
        release(unlisted).await;
        StopReport {
            took: started.elapsed(),
            abandoned,
            cause: None,
            endpoints,
            subscribers,
        }
    }
}

fn example(endpoints: &[Arc<Endpoint>], name: &str) -> Option<String> {
    let found = endpoints.iter().find(|e| e.definition.name == name)?;
    found.definition.example.as_ref()?.body()
}

/// Drops endpoints, and with them what their handlers hold: code of the user's, which may block,
/// panic, or ask this service about itself.
pub(super) fn release(endpoints: Vec<Arc<Endpoint>>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let releasing = task::spawn_blocking(Box::new(move || {
            for endpoint in endpoints {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(endpoint))) {
                    let error = line(&panic_text(panic));
                    tracing::error!(target: SERVICE, error, "a handler panicked when it was dropped");
                }
            }
        }));
        if tokio::time::timeout(LEAVE_WITHIN, releasing).await.is_err() {
            tracing::warn!(target: SERVICE, "what handlers hold takes long to drop, the stop goes on without it");
        }
    })
}
