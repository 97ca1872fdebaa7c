//! PING, INFO and STATS (ADR-32): how a service is found and watched.
//!
//! - `documents`: what is answered;
//! - `responder`: the nine subscriptions and the task that answers them, which no handler can hold
//!   up.

mod documents;
mod responder;

pub(crate) use documents::{Documents, Profile};
pub use documents::{Info, Ping, Stats};
pub(crate) use responder::{Responder, subjects, subscribe};
