//! Endpoints before they run: their options, and the groups they share.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use super::{QueueGroup, SubscriberOptions};
use crate::context::Metadata;
use crate::endpoint::{EndpointStats, Example, StatsHandler};
use crate::handler::{EventHandler, Handler};

/// Endpoints and subscribers that share a prefix of their subjects.
///
/// A group without a prefix (`""`) adds nothing to its subjects, and can still set a queue group.
#[derive(Debug)]
pub struct Group {
    pub(super) prefix: String,
    /// The prefix of its subscribers, where that is another one.
    pub(super) event_prefix: Option<String>,
    pub(super) queue: QueueGroup,
    pub(super) members: Vec<Member>,
}

/// What a group holds, in the order in which it was added.
#[derive(Debug)]
pub(super) enum Member {
    Endpoint(EndpointOptions),
    Subscriber(SubscriberOptions),
    Group(Group),
}

impl Group {
    pub(super) fn new(prefix: String) -> Self {
        Self {
            prefix,
            event_prefix: None,
            queue: QueueGroup::Inherit,
            members: Vec::new(),
        }
    }

    /// The queue group of its endpoints that name no other.
    #[must_use]
    pub fn queue_group(mut self, group: impl Into<QueueGroup>) -> Self {
        self.queue = group.into();
        self
    }

    /// No queue group: every instance answers every request.
    #[must_use]
    pub fn no_queue_group(self) -> Self {
        self.queue_group(QueueGroup::Disabled)
    }

    /// An endpoint. Its name is its subject with `-` for `.`.
    #[must_use]
    pub fn endpoint(self, subject: &str, handler: impl Handler) -> Self {
        self.endpoint_with(subject, handler, |endpoint| endpoint)
    }

    /// An endpoint with options.
    #[must_use]
    pub fn endpoint_with(
        mut self,
        subject: &str,
        handler: impl Handler,
        options: impl FnOnce(EndpointOptions) -> EndpointOptions,
    ) -> Self {
        self.add(options(EndpointOptions::new(subject, Box::new(handler))));
        self
    }

    pub(super) fn add(&mut self, endpoint: EndpointOptions) {
        self.members.push(Member::Endpoint(endpoint));
    }

    /// A subscriber: `handler` gets the events of the subject, and answers nothing. Its name is its
    /// subject with `-` for `.`, without the group's prefix, and its queue group that of
    /// [`SubscriberOptions::queue_group`].
    #[must_use]
    pub fn subscriber(self, subject: &str, handler: impl EventHandler) -> Self {
        self.subscriber_with(subject, handler, |subscriber| subscriber)
    }

    /// A subscriber with options.
    #[must_use]
    pub fn subscriber_with(
        mut self,
        subject: &str,
        handler: impl EventHandler,
        options: impl FnOnce(SubscriberOptions) -> SubscriberOptions,
    ) -> Self {
        self.subscribe(options(SubscriberOptions::new(subject, Box::new(handler))));
        self
    }

    pub(super) fn subscribe(&mut self, subscriber: SubscriberOptions) {
        self.members.push(Member::Subscriber(subscriber));
    }

    /// A group within this one.
    #[must_use]
    pub fn group(mut self, prefix: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        self.members
            .push(Member::Group(fill(Self::new(prefix.to_owned()))));
        self
    }
}

/// What can be said of an endpoint beside its subject and its handler.
#[must_use = "return the options from the closure"]
pub struct EndpointOptions {
    pub(super) name: Option<String>,
    pub(super) subject: String,
    pub(super) queue_group: QueueGroup,
    pub(super) description: String,
    pub(super) metadata: Metadata,
    pub(super) timeout: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) pending: Option<usize>,
    pub(super) stats_handler: Option<StatsHandler>,
    pub(super) example: Option<Example>,
    pub(super) handler: Box<dyn Handler>,
}

impl EndpointOptions {
    pub(super) fn new(subject: &str, handler: Box<dyn Handler>) -> Self {
        Self {
            name: None,
            subject: subject.to_owned(),
            queue_group: QueueGroup::Inherit,
            description: String::new(),
            metadata: Metadata::new(),
            timeout: None,
            concurrency: None,
            pending: None,
            stats_handler: None,
            example: None,
            handler,
        }
    }

    /// The name in INFO and STATS, `[A-Za-z0-9_-]+`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The queue group of this endpoint.
    pub fn queue_group(mut self, group: impl Into<QueueGroup>) -> Self {
        self.queue_group = group.into();
        self
    }

    /// No queue group: every instance answers every request.
    pub fn no_queue_group(self) -> Self {
        self.queue_group(QueueGroup::Disabled)
    }

    /// What the endpoint does: `description` in its metadata.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds one entry to the metadata.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// How long the handler may take. What takes longer is dropped, and its caller gets code 504.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many requests the endpoint works on at once; sixteen times as many may wait unless
    /// [`pending`](Self::pending) says otherwise, and what comes on top is answered with code 503 at
    /// once, and told in the header `Micro-Retry-After` in how many milliseconds the endpoint can have
    /// worked off what waits.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// How many requests may wait while the endpoint works on as many as it may; with 0 none waits.
    /// However many they are, those that wait are no more than 64 MiB together. Each can hold on to
    /// up to 64 KiB of read buffer beside its own bytes.
    pub fn pending(mut self, requests: usize) -> Self {
        self.pending = Some(requests);
        self
    }

    /// Adds `data` to the endpoint's entry in STATS: whatever the function returns, as JSON.
    ///
    /// It is called for each STATS request and for each
    /// [`RunningService::stats`](super::RunningService::stats), with the counters as they are then,
    /// on a thread that may block and that only STATS waits for. No lock is held, and it may ask for
    /// the service's stats itself, which then have no `data`. If it panics, STATS is answered
    /// without `data`.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::Error> {
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use micro::{Request, ServiceBuilder};
    ///
    /// let bytes = Arc::new(AtomicU64::new(0));
    /// let seen = Arc::clone(&bytes);
    /// let count = move |request: Request| {
    ///     seen.fetch_add(request.payload().len() as u64, Ordering::Relaxed);
    ///     async {}
    /// };
    /// ServiceBuilder::new("sink", "1.0.0")
    ///     .endpoint_with("sink", count, |endpoint| {
    ///         endpoint.stats_handler(move |_| bytes.load(Ordering::Relaxed))
    ///     })
    ///     .start(&connection)
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn stats_handler<T, F>(mut self, handler: F) -> Self
    where
        T: Serialize,
        F: Fn(&EndpointStats) -> T + Send + Sync + 'static,
    {
        self.stats_handler = Some(StatsHandler::new(handler));
        self
    }

    /// As [`stats_handler`](Self::stats_handler), for one that may fail: STATS is then answered
    /// without `data`, and the service's error handler is told.
    pub fn try_stats_handler<T, E, F>(mut self, handler: F) -> Self
    where
        T: Serialize,
        E: Display,
        F: Fn(&EndpointStats) -> Result<T, E> + Send + Sync + 'static,
    {
        self.stats_handler = Some(StatsHandler::fallible(handler));
        self
    }

    /// A body that can be sent, shown to people when the service starts. Annotated endpoints have
    /// one made from their type.
    pub fn example(mut self, body: impl Into<String>) -> Self {
        self.example = Some(Example::Given(body.into()));
        self
    }
}

impl std::fmt::Debug for EndpointOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointOptions")
            .field("name", &self.name)
            .field("subject", &self.subject)
            .field("queue_group", &self.queue_group)
            .finish_non_exhaustive()
    }
}
