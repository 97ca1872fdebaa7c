//! A service: what it is before it runs, its start, and what it is while it runs.
//!
//! - `definition`: the table that `#[service]` writes;
//! - `builder`: the same by hand, with groups; both end in one `plan`;
//! - `start`: from a plan to a running service, all or nothing;
//! - `running`: its handle, and the stop that loses nothing.

mod builder;
mod definition;
mod error;
mod plan;
mod queue_group;
mod running;
mod start;

pub use builder::{EndpointOptions, Group, ServiceBuilder};
pub use definition::{Endpoint, EndpointDef, Service, ServiceDef};
pub use error::StartError;
pub use queue_group::QueueGroup;
pub use running::{Abandoned, RunningService, StopReport};
