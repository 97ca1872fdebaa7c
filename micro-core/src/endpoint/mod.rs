//! One endpoint of a running service: its subscription, its limits, its counters.
//!
//! A request goes one way: the reader of the subscription hands it to the `intake`, `limits` admits or
//! refuses it, `work` calls the handler and keeps it in bounds (`abandon` ends it, where the endpoint
//! leaves before it is done), `dispatch` sends the reply, and `counters` has it counted before the
//! caller can know; `pace` has seen what it cost, and so where the next one runs; `report` tells of it
//! in INFO and STATS, `log` in the log.
//!
//! A subscriber is an endpoint whose messages are events: nothing is answered, so what goes wrong with
//! one is told to the service's owner (`event`, `event_log`), and events may have an order (`turns`).
//!
//! Of the endpoints of a function, a `ticket` says which message is served; `surplus` hands the others on.

mod abandon;
mod counters;
mod dispatch;
mod event;
mod event_log;
mod intake;
mod limits;
mod log;
mod pace;
mod recent;
mod report;
mod roster;
mod surplus;
mod ticket;
mod turns;
mod work;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::context::{Metadata, Place};
use crate::handler::Handler;
use crate::wire::{Connection, Message};

pub(crate) use counters::Counters;
pub(crate) use intake::Intake;
pub(crate) use limits::{DEFAULT_CONCURRENCY, Limits};
pub(crate) use recent::{Recent, Recents, Refusal};
pub use report::{EndpointInfo, EndpointStats, SubscriberInfo, SubscriberStats};
pub(crate) use report::{StatsHandler, or_default};
pub(crate) use roster::Roster;
pub(crate) use ticket::Ticket;
pub use turns::{EventKey, EventOrder};

/// What comes to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Requests: each is answered.
    Request,
    /// Events: nobody waits for an answer. The endpoint is a subscriber.
    Event,
}

impl fmt::Display for Role {
    /// What an endpoint of this role is called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "endpoint",
            Self::Event => "subscriber",
        })
    }
}

/// What an endpoint is, decided before it starts.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) role: Role,
    pub(crate) name: String,
    /// The subject to subscribe to, every prefix included.
    pub(crate) subject: String,
    pub(crate) queue_group: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: usize,
    /// How many requests may wait; as the concurrency has it, when nothing is said.
    pub(crate) pending: Option<usize>,
    /// Of events.
    pub(crate) order: EventOrder,
    pub(crate) stats_handler: Option<StatsHandler>,
    /// A body that could be sent, for people to copy.
    pub(crate) example: Option<Example>,
}

/// A body that could be sent.
#[derive(Clone, Debug)]
pub(crate) enum Example {
    /// Said by the user.
    Given(String),
    /// Made from the payload's type, when it is asked for.
    Made(fn() -> Option<String>),
}

impl Example {
    pub(crate) fn body(&self) -> Option<String> {
        match self {
            Self::Given(body) => Some(body.clone()),
            Self::Made(make) => make(),
        }
    }
}

/// An endpoint and its state, shared by its intake, its handlers and the discovery.
pub(crate) struct Endpoint {
    pub(crate) definition: Definition,
    pub(crate) counters: Counters,
    pub(crate) limits: Limits,
    place: Arc<Place>,
    handler: Box<dyn Handler>,
    pace: pace::Pace,
    log: log::Log,
    abandonment: abandon::Abandonment,
    /// Of a function.
    once: Option<surplus::Once>,
    /// Where the events have an order by keys.
    keys: Option<turns::Keys>,
    /// Whether the stats handler failed when it was last called.
    stats_fail: AtomicBool,
}

impl Endpoint {
    pub(crate) fn new(
        definition: Definition,
        place: Arc<Place>,
        handler: Box<dyn Handler>,
        ticket: Option<Arc<Ticket>>,
    ) -> Self {
        Self {
            limits: Limits::new(definition.role, definition.concurrency, definition.pending),
            keys: turns::Keys::of(&definition.order, &place.placeholders),
            counters: Counters::default(),
            pace: pace::Pace::default(),
            log: log::Log::new(Arc::clone(&place)),
            abandonment: abandon::Abandonment::default(),
            once: ticket.map(surplus::Once::new),
            stats_fail: AtomicBool::new(false),
            definition,
            place,
            handler,
        }
    }

    /// Has the next handler run where its request is read, however slow a tool made the last.
    #[cfg(fuzzing)]
    pub(crate) fn assume_cheap(&self) {
        self.pace.assume_cheap();
    }

    pub(crate) fn is_subscriber(&self) -> bool {
        self.definition.role == Role::Event
    }

    /// Whether an event that comes now has come too late to be begun. A request is told so as it is begun.
    fn is_too_late(&self) -> bool {
        self.is_subscriber() && self.abandonment.has_begun()
    }

    /// Whether a message may be none for it, have to wait for another one, or come too late to be begun.
    /// What requests are seldom subject to, they do not pay for.
    fn has_rules(&self) -> bool {
        self.once.is_some() || self.is_subscriber()
    }

    /// What a message may have to wait for.
    fn turn_of(&self, message: &Message) -> Option<turns::Turn> {
        self.keys.as_ref().map(|keys| keys.turn(message))
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.place.connection
    }

    /// An answer that does not hold its handler's place until it has left: one of several connections
    /// that takes nothing is not to keep those beside it from theirs. Given back, where there is one
    /// connection or where there are many such answers already.
    fn apart(
        self: &Arc<Self>,
        rest: BoxFuture<'static, ()>,
    ) -> Result<BoxFuture<'static, ()>, BoxFuture<'static, ()>> {
        if !self.connection().has_others() || !self.limits.is_unsent() {
            return Err(rest);
        }
        let endpoint = Arc::clone(self);
        Ok(Box::pin(async move {
            rest.await;
            endpoint.limits.was_sent();
        }))
    }

    /// Hears that the server has refused a reply: whether it was of this endpoint, which is counted
    /// then.
    pub(crate) fn was_refused(&self, refusal: &Refusal, text: &str) -> bool {
        let is_own = self.place.recent.is_of(refusal);
        if is_own && !refusal.counted {
            self.counters.error(text.to_owned());
        }
        is_own
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("definition", &self.definition)
            .finish_non_exhaustive()
    }
}
