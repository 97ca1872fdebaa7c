//! PING, INFO and STATS (ADR-32): how a service is found and watched.
//!
//! - `documents`: what is answered, and read;
//! - `responder`: the nine subscriptions and the tasks that answer them, which no handler can hold
//!   up;
//! - `client`: the asking side;
//! - `answers`: what it makes of the answers, of any implementation.

mod answers;
mod client;
mod documents;
mod responder;

#[cfg(fuzzing)]
pub(crate) use answers::read as read_document;
pub use answers::{Found, Seen, Unreadable};
pub use client::{Discovery, DiscoveryError};
pub(crate) use documents::{Documents, Profile};
pub use documents::{Info, Ping, Stats};
pub(crate) use responder::{Responder, subjects, subscribe};
