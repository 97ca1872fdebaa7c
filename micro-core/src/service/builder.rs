//! A service put together by hand: what the macros expand to, and what serves where the endpoints
//! are known at run time only.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::group::{EndpointOptions, Group};
use super::observers::Observers;
use super::{
    EndpointDef, QueueGroup, RunningService, Service, ServiceDef, StopReport, SubscriberDef,
    SubscriberOptions,
};
use crate::context::Metadata;
use crate::endpoint::{EndpointStats, Example, StatsHandler, Ticket};
use crate::error::Incident;
use crate::handler::{EventHandler, Handler, HandlerFuture, Request, Room};

/// How long a stop waits for handlers in flight, unless told otherwise.
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A service before it runs.
///
/// Nothing is checked until `start`, which reports everything that is wrong at once.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example() -> Result<(), micro::Error> {
/// use micro::{Connection, Request, ServiceBuilder};
///
/// let connection = Connection::connect("nats://127.0.0.1:4222").await?;
/// let service = ServiceBuilder::new("EchoService", "1.0.0")
///     .description("answers what it is sent")
///     .endpoint("svc.echo", async |request: Request| request.payload().clone())
///     .group("numbers", |numbers| {
///         numbers
///             .queue_group("workers")
///             .endpoint("count", async |request: Request| request.payload().len().to_string())
///     })
///     .start(&connection)
///     .await?;
/// println!("{} answers", service.id());
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a service does not run until it is started"]
pub struct ServiceBuilder {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) metadata: Metadata,
    pub(super) timeout: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) stats_handler: Option<StatsHandler>,
    pub(super) observers: Observers,
    pub(super) drain_timeout: Duration,
    /// Of a function.
    pub(super) ticket: Option<Arc<Ticket>>,
    pub(super) root: Group,
}

impl ServiceBuilder {
    /// A service without endpoints.
    ///
    /// The name is `[A-Za-z0-9_-]+`, the version a semantic one such as `1.0.0` (ADR-32).
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            description: String::new(),
            metadata: Metadata::new(),
            timeout: None,
            concurrency: None,
            stats_handler: None,
            observers: Observers::default(),
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            ticket: None,
            root: Group::new(String::new()),
        }
    }

    /// The service of an annotated type, for what its attributes cannot say.
    pub fn of<S: Service>(service: S) -> Self {
        let mut builder = Self::of_def(&S::INFO);
        let service = Arc::new(service);
        for endpoint in S::ENDPOINTS {
            let handler = Method {
                service: Arc::clone(&service),
                call: endpoint.call,
            };
            builder.add_def(&endpoint.def, Box::new(handler));
        }
        for subscriber in S::SUBSCRIBERS {
            let handler = Method {
                service: Arc::clone(&service),
                call: subscriber.call,
            };
            builder.add_subscriber_def(&subscriber.def, Box::new(handler));
        }
        builder
    }

    fn of_def(def: &ServiceDef) -> Self {
        let mut builder = Self::new(def.name, def.version).description(def.description);
        builder.metadata = metadata(def.metadata);
        builder.timeout = def.timeout;
        builder.concurrency = def.concurrency;
        // An event is named by what has happened, wherever it is that somebody hears of it.
        builder.root.event_prefix = Some(String::new());
        def.group.clone_into(&mut builder.root.prefix);
        builder.root.queue = def.queue_group.clone();
        builder
    }

    fn add_def(&mut self, def: &EndpointDef, handler: Box<dyn Handler>) {
        let options = EndpointOptions::new(def.subject, handler);
        let mut options = options.name(def.name).queue_group(def.queue_group.clone());
        options.metadata = metadata(def.metadata);
        options.timeout = def.timeout;
        options.concurrency = def.concurrency;
        options.example = Some(Example::Made(def.example));
        self.root.add(options.description(def.description));
    }

    fn add_subscriber_def(&mut self, def: &SubscriberDef, handler: Box<dyn Handler>) {
        let options = SubscriberOptions::new(def.subject, handler);
        let mut options = options.name(def.name).queue_group(def.queue_group.clone());
        options.order = def.order.into();
        let endpoint = &mut options.endpoint;
        endpoint.metadata = metadata(def.metadata);
        endpoint.timeout = def.timeout;
        endpoint.concurrency = def.concurrency;
        endpoint.pending = def.pending;
        endpoint.example = Some(Example::Made(def.example));
        self.root.subscribe(options.description(def.description));
    }

    /// What the service is for, for people who look at INFO.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds one entry to the metadata.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The queue group of all endpoints that name no other; `q` by default.
    pub fn queue_group(mut self, group: impl Into<QueueGroup>) -> Self {
        self.root = self.root.queue_group(group);
        self
    }

    /// No queue group: every instance answers every request.
    pub fn no_queue_group(self) -> Self {
        self.queue_group(QueueGroup::Disabled)
    }

    /// How long the handlers of endpoints may take, unless one says otherwise; no bound by default.
    /// What takes longer is dropped, and its caller gets code 504. Subscribers, whose events nobody
    /// waits for, have their own ([`SubscriberOptions::timeout`](super::SubscriberOptions::timeout)) or
    /// none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many requests each endpoint works on at once, and each subscriber how many events, unless
    /// it says otherwise; 64 by default.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// Adds `data` in STATS to all endpoints that have no stats handler of their own: see
    /// [`EndpointOptions::stats_handler`]. Subscribers have none: what is listed of them has no `data`.
    pub fn stats_handler<T, F>(mut self, handler: F) -> Self
    where
        T: Serialize,
        F: Fn(&EndpointStats) -> T + Send + Sync + 'static,
    {
        self.stats_handler = Some(StatsHandler::new(handler));
        self
    }

    /// As [`stats_handler`](Self::stats_handler), for one that may fail: see
    /// [`EndpointOptions::try_stats_handler`].
    pub fn try_stats_handler<T, E, F>(mut self, handler: F) -> Self
    where
        T: Serialize,
        E: Display,
        F: Fn(&EndpointStats) -> Result<T, E> + Send + Sync + 'static,
    {
        self.stats_handler = Some(StatsHandler::fallible(handler));
        self
    }

    /// Calls `handler` with what goes wrong while the service runs, beside the errors that callers
    /// are told: a subscription that the server no longer permits, messages that were dropped, a
    /// reply that was not sent, an event that failed.
    ///
    /// Incidents come one at a time, on a thread that nothing else waits for and that may block:
    /// those that matter to the whole service first, else in their order. While a slow handler is at
    /// work 256 more can wait; those that come on top are only logged. A handler that panics is
    /// called again for the next one.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::Error> {
    /// use micro::{Request, ServiceBuilder};
    ///
    /// ServiceBuilder::new("echo", "1.0.0")
    ///     .endpoint("echo", async |request: Request| request.payload().clone())
    ///     .on_error(|service, incident| eprintln!("{}: {incident}", service.name()))
    ///     .on_done(|service, report| eprintln!("{} ended after {:?}", service.id(), report.took))
    ///     .start(&connection)
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn on_error(
        mut self,
        handler: impl Fn(&RunningService, &Incident) + Send + Sync + 'static,
    ) -> Self {
        self.observers.on_error(handler);
        self
    }

    /// Calls `handler` once, when the service has stopped for whatever reason: after the last
    /// reply, and before [`RunningService::stop`] and [`RunningService::stopped`] return. They wait
    /// for it no longer than two seconds.
    pub fn on_done(
        mut self,
        handler: impl Fn(&RunningService, &StopReport) + Send + Sync + 'static,
    ) -> Self {
        self.observers.on_done(handler);
        self
    }

    /// How long a stop waits for handlers in flight; 30 s by default.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// A prefix for all subjects, before those that are there already: to run a second copy of a
    /// service apart from the first. Queue groups that subscribers have of their own begin with it too;
    /// those that are named are shared with the first.
    pub fn prefix(mut self, prefix: &str) -> Self {
        let event_prefix = self.root.event_prefix.as_deref();
        let event_prefix = micro_names::join([prefix, event_prefix.unwrap_or(&self.root.prefix)]);
        self.root.event_prefix = Some(event_prefix);
        self.root.prefix = micro_names::join([prefix, &self.root.prefix]);
        self
    }

    /// The one endpoint of a service that has only one: it is named `default`, as Go's `micro` has
    /// it.
    pub fn base_endpoint(self, subject: &str, handler: impl Handler) -> Self {
        self.endpoint_with(subject, handler, |endpoint| endpoint.name("default"))
    }

    /// An endpoint. Its name is its subject with `-` for `.`.
    pub fn endpoint(mut self, subject: &str, handler: impl Handler) -> Self {
        self.root = self.root.endpoint(subject, handler);
        self
    }

    /// An endpoint with options.
    pub fn endpoint_with(
        mut self,
        subject: &str,
        handler: impl Handler,
        options: impl FnOnce(EndpointOptions) -> EndpointOptions,
    ) -> Self {
        self.root = self.root.endpoint_with(subject, handler, options);
        self
    }

    /// A subscriber: `handler` gets the events of the subject, and answers nothing. Its name is its
    /// subject with `-` for `.`.
    ///
    /// The instances of the service share the events: each is handled once, by one of them. See
    /// [`SubscriberOptions`] for what else is possible. A subject may have wildcards and
    /// `{placeholders}`; the group of an annotated service is no part of it, and
    /// [`prefix`](Self::prefix) is. What is wrong with an event is counted, logged, and told to
    /// [`on_error`](Self::on_error).
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::Error> {
    /// use micro::{Error, Request, ServiceBuilder};
    ///
    /// ServiceBuilder::new("shipping", "1.0.0")
    ///     .subscriber("orders.{region}.created", async |event: Request| {
    ///         let order: u64 = event.json()?;
    ///         println!("order {order} in {:?}", event.context().placeholder("region"));
    ///         Ok::<_, Error>(())
    ///     })
    ///     .start(&connection)
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn subscriber(mut self, subject: &str, handler: impl EventHandler) -> Self {
        self.root = self.root.subscriber(subject, handler);
        self
    }

    /// A subscriber with options.
    pub fn subscriber_with(
        mut self,
        subject: &str,
        handler: impl EventHandler,
        options: impl FnOnce(SubscriberOptions) -> SubscriberOptions,
    ) -> Self {
        self.root = self.root.subscriber_with(subject, handler, options);
        self
    }

    /// Endpoints that share a prefix of their subjects, and perhaps a queue group.
    pub fn group(mut self, prefix: &str, fill: impl FnOnce(Group) -> Group) -> Self {
        self.root = self.root.group(prefix, fill);
        self
    }

    /// The name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, as it was given.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn description_text(&self) -> &str {
        &self.description
    }
}

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in entries {
        metadata.insert((*key).to_owned(), (*value).to_owned());
    }
    metadata
}

/// A method of a service as a handler.
struct Method<S> {
    service: Arc<S>,
    call: fn(Arc<S>, Request, &mut Room),
}

impl<S: Service> Handler for Method<S> {
    fn call(&self, request: Request) -> HandlerFuture {
        let mut room = Room::default();
        self.call_in(request, &mut room);
        Box::pin(std::future::poll_fn(move |cx| room.poll(cx)))
    }

    fn call_in(&self, request: Request, room: &mut Room) {
        (self.call)(Arc::clone(&self.service), request, room);
    }
}
