//! Subscribers before they run: what can be said of one beside its subject and its handler.

use std::fmt;
use std::time::Duration;

use super::QueueGroup;
use super::group::EndpointOptions;
use crate::endpoint::EventOrder;
use crate::handler::Handler;

/// What can be said of a subscriber beside its subject and its handler.
#[must_use = "return the options from the closure"]
pub struct SubscriberOptions {
    /// A subscriber is an endpoint that answers nothing.
    pub(super) endpoint: EndpointOptions,
    pub(super) order: EventOrder,
}

impl SubscriberOptions {
    pub(super) fn new(subject: &str, handler: Box<dyn Handler>) -> Self {
        Self {
            endpoint: EndpointOptions::new(subject, handler),
            order: EventOrder::default(),
        }
    }

    /// The name in INFO and STATS, `[A-Za-z0-9_-]+`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.endpoint = self.endpoint.name(name);
        self
    }

    /// The queue group that shares the events; `<service>.<subscriber>` by default, behind the
    /// [`prefix`](crate::ServiceBuilder::prefix) of a service that has one, so that each
    /// subscriber gets each event once, however many instances there are. Queue groups of the service
    /// and of its groups are for requests, and mean nothing here.
    ///
    /// Name one where the name of the service or of the subscriber may change: while instances with the
    /// old name and with the new run side by side, each event is handled by one of either.
    ///
    /// A server gives a message to one subscription of a queue group, whichever of their subjects it is
    /// for: of two in one group whose subjects overlap, one gets what is for both. Within a service
    /// that is refused; of other services nobody knows.
    pub fn queue_group(mut self, group: impl Into<QueueGroup>) -> Self {
        self.endpoint = self.endpoint.queue_group(group);
        self
    }

    /// No queue group: every instance gets every event.
    pub fn no_queue_group(self) -> Self {
        self.queue_group(QueueGroup::Disabled)
    }

    /// What the subscriber does: `description` in its metadata.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.endpoint = self.endpoint.description(description);
        self
    }

    /// Adds one entry to the metadata.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.endpoint = self.endpoint.metadata(key, value);
        self
    }

    /// How long the handler may take; as long as it likes unless set, whatever the service says of its
    /// endpoints. What takes longer is dropped, and counts as an error. A thread that the handler blocks
    /// goes on all the same, beside the next event, whatever their order.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.endpoint = self.endpoint.timeout(timeout);
        self
    }

    /// How many events the subscriber works on at once; as the service has it, or 64, unless set.
    pub fn concurrency(mut self, events: usize) -> Self {
        self.endpoint = self.endpoint.concurrency(events);
        self
    }

    /// How many events may wait while the subscriber works on as many as it may, 65,536 unless set;
    /// with 0 none waits. However many they are, those that wait take no more than 64 MiB together, with
    /// what memory their headers need. With an order by keys, a quarter of them may be of one key.
    ///
    /// What has come and was not begun yet counts, beyond as many as may be worked on at once: leave room for
    /// what others publish in one go, though a handler takes next to no time.
    ///
    /// What comes on top is dropped: it is counted, logged, and told to the service's error handler
    /// ([`Incident::EventsDropped`](crate::Incident::EventsDropped)).
    pub fn pending(mut self, events: usize) -> Self {
        self.endpoint = self.endpoint.pending(events);
        self
    }

    /// In which order the events are handled; in none unless set. With [`EventOrder::OneAtATime`] the
    /// concurrency is 1.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::Error> {
    /// use micro::{EventOrder, Request, ServiceBuilder};
    ///
    /// ServiceBuilder::new("ledger", "1.0.0")
    ///     .subscriber_with(
    ///         "accounts.{account}.booked",
    ///         async |event: Request| println!("{:?}", event.context().placeholder("account")),
    ///         |subscriber| subscriber.order(EventOrder::per_placeholder("account")),
    ///     )
    ///     .start(&connection)
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn order(mut self, order: EventOrder) -> Self {
        self.order = order;
        self
    }

    /// A body that can be sent, shown to people when the service starts. Annotated subscribers have
    /// one made from their type.
    pub fn example(mut self, body: impl Into<String>) -> Self {
        self.endpoint = self.endpoint.example(body);
        self
    }
}

impl fmt::Debug for SubscriberOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriberOptions")
            .field("name", &self.endpoint.name)
            .field("subject", &self.endpoint.subject)
            .field("queue_group", &self.endpoint.queue_group)
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}
