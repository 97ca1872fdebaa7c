//! A service: what it is before it runs, its start, and what it is while it runs.
//!
//! - `definition`: the table that `#[service]` writes;
//! - `builder`, `group` and `subscriber`: the same by hand; all end in one `plan`;
//! - `sharing`: which members of one service would take each other's messages;
//! - `start`: from a plan to a running service, all or nothing;
//! - `running`: its handle, and its stop;
//! - `member`: how endpoints join, and how they leave without losing a request;
//! - `change`: endpoints that come and go while it runs;
//! - `watch`: what happens to its connection;
//! - `observers`: the user's error handler and done handler;
//! - `unread`: endpoints without subscriptions, for programs that hand requests over themselves.

mod builder;
mod change;
mod definition;
mod error;
mod function;
mod group;
mod member;
mod observers;
mod plan;
mod queue_group;
mod running;
mod sharing;
mod start;
mod story;
mod subscriber;
#[cfg(fuzzing)]
mod unread;
mod watch;

pub use builder::ServiceBuilder;
pub use change::{RunningEndpoint, RunningSubscriber};
pub use definition::{
    Endpoint, EndpointAt, EndpointDef, OrderDef, Service, ServiceDef, Subscriber, SubscriberAt,
    SubscriberDef,
};
pub use error::{AddError, StartError};
pub use group::{EndpointOptions, Group};
pub use member::Abandoned;
pub use queue_group::QueueGroup;
pub use running::{RunningService, StopReport};
pub use subscriber::SubscriberOptions;
