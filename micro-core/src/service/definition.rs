//! The table that `#[service]` writes, and that everything is run from.

use std::sync::Arc;
use std::time::Duration;

use super::QueueGroup;
use crate::endpoint::EventOrder;
use crate::handler::{Request, Room, Shareable};

/// A type whose annotated `impl` block is a NATS service.
///
/// `#[service]` implements it; there is seldom a reason to do it by hand (see
/// [`ServiceBuilder`](super::ServiceBuilder) for endpoints that are known at run time only).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a NATS service",
    label = "missing `#[service]` on an `impl` block of this type",
    note = "annotate `impl {Self} {{ .. }}` with `#[service(..)]`",
    note = "it is one only if it is `Send + Sync + 'static`, whatever its type parameters are",
    note = "if it is a reference, a `Box` or an `Arc` of a service, give the service itself"
)]
pub trait Service: Shareable {
    /// What the service is.
    const INFO: ServiceDef;
    /// Its endpoints, in the order in which they are written.
    const ENDPOINTS: &'static [Endpoint<Self>];
    /// Its subscribers, in the order in which they are written.
    const SUBSCRIBERS: &'static [Subscriber<Self>] = &[];
}

/// One endpoint of a service, by its place in the table. Each is an item of its own, because of
/// several in one item that are wrong in the same way rustc reports the first. Every table is a type
/// of its own, so that of two `impl` blocks of one service only the two services are in conflict.
#[doc(hidden)]
pub trait EndpointAt<Table, const INDEX: usize>: Sized {
    /// The endpoint.
    const ENTRY: Endpoint<Self>;
}

/// The same of a subscriber.
#[doc(hidden)]
pub trait SubscriberAt<Table, const INDEX: usize>: Sized {
    /// The subscriber.
    const ENTRY: Subscriber<Self>;
}

/// What a service is, as its attributes say.
#[derive(Clone, Debug)]
pub struct ServiceDef {
    /// The name, `[A-Za-z0-9_-]+`.
    pub name: &'static str,
    /// The version, a semantic one.
    pub version: &'static str,
    /// What it is for; empty when nothing is said.
    pub description: &'static str,
    /// The prefix of all its subjects; empty when there is none.
    pub group: &'static str,
    /// The queue group of its endpoints.
    pub queue_group: QueueGroup,
    /// Text by key.
    pub metadata: &'static [(&'static str, &'static str)],
    /// How long an endpoint may take, unless it says otherwise.
    pub timeout: Option<Duration>,
    /// How many requests an endpoint works on at once, unless it says otherwise.
    pub concurrency: Option<usize>,
}

/// What an endpoint is, as its attributes say.
#[derive(Clone, Debug)]
pub struct EndpointDef {
    /// The name, `[A-Za-z0-9_-]+`.
    pub name: &'static str,
    /// The subject, with the endpoint's group and with its `{placeholders}`, without the service's
    /// group.
    pub subject: &'static str,
    /// The queue group.
    pub queue_group: QueueGroup,
    /// Text by key.
    pub metadata: &'static [(&'static str, &'static str)],
    /// The documentation of the method; empty when there is none.
    pub description: &'static str,
    /// How long the handler may take.
    pub timeout: Option<Duration>,
    /// How many requests the endpoint works on at once.
    pub concurrency: Option<usize>,
    /// A body that could be sent, for people to copy.
    pub example: fn() -> Option<String>,
}

impl EndpointDef {
    /// An endpoint that inherits everything that can be inherited, and has no metadata.
    #[doc(hidden)]
    pub const fn plain(
        name: &'static str,
        subject: &'static str,
        description: &'static str,
        example: fn() -> Option<String>,
    ) -> Self {
        Self {
            name,
            subject,
            queue_group: QueueGroup::Inherit,
            metadata: &[],
            description,
            timeout: None,
            concurrency: None,
            example,
        }
    }
}

/// An endpoint of a service of type `S`: what it is, and the method it calls.
#[derive(Debug)]
pub struct Endpoint<S> {
    /// What it is.
    pub def: EndpointDef,
    /// What it calls: puts the future of the reply into the room.
    pub call: fn(Arc<S>, Request, &mut Room),
}

/// What a subscriber is, as its attributes say.
#[derive(Clone, Debug)]
pub struct SubscriberDef {
    /// The name, `[A-Za-z0-9_-]+`.
    pub name: &'static str,
    /// The subject, with its `{placeholders}`. The service's group is no part of it.
    pub subject: &'static str,
    /// The queue group; one of its own, `<service>.<subscriber>` behind the service's prefix, where nothing
    /// is said.
    pub queue_group: QueueGroup,
    /// Text by key.
    pub metadata: &'static [(&'static str, &'static str)],
    /// The documentation of the method; empty when there is none.
    pub description: &'static str,
    /// How long the handler may take.
    pub timeout: Option<Duration>,
    /// How many events the subscriber works on at once.
    pub concurrency: Option<usize>,
    /// How many may wait.
    pub pending: Option<usize>,
    /// In which order they are handled.
    pub order: OrderDef,
    /// A body that could be sent, for people to copy.
    pub example: fn() -> Option<String>,
}

/// In which order the events of a subscriber are handled, as its attributes say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderDef {
    /// See [`EventOrder::Any`](crate::EventOrder::Any).
    #[default]
    Any,
    /// See [`EventOrder::OneAtATime`](crate::EventOrder::OneAtATime).
    OneAtATime,
    /// See [`EventKey::Placeholder`](crate::EventKey::Placeholder).
    PerPlaceholder(&'static str),
    /// See [`EventKey::Header`](crate::EventKey::Header).
    PerHeader(&'static str),
}

impl From<OrderDef> for EventOrder {
    fn from(order: OrderDef) -> Self {
        match order {
            OrderDef::Any => Self::Any,
            OrderDef::OneAtATime => Self::OneAtATime,
            OrderDef::PerPlaceholder(name) => Self::per_placeholder(name),
            OrderDef::PerHeader(name) => Self::per_header(name),
        }
    }
}

/// A subscriber of a service of type `S`: what it is, and the method it calls.
#[derive(Debug)]
pub struct Subscriber<S> {
    /// What it is.
    pub def: SubscriberDef,
    /// What it calls: puts the future of the outcome into the room.
    pub call: fn(Arc<S>, Request, &mut Room),
}
