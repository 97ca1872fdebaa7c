//! Behaviour over the wire: a real broker, and raw clients beside ours, so that our server and our
//! client never vouch for each other.
//!
//! The broker is the dev server, or the `nats-server` that MICRO_TEST_NATS_SERVER names; each test
//! has its own. Tests wait for events, never for time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/broker.rs"]
mod broker;
#[path = "../support/identities.rs"]
mod identities;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/raw.rs"]
mod raw;

mod builder;
mod calls;
mod changes;
mod connecting;
mod connections;
mod counters;
mod deadline;
mod discovery;
mod discovery_client;
mod events;
mod events_bounds;
mod examples;
mod faults;
mod first;
mod function;
mod gather;
mod grammar;
mod hostile;
mod lengths;
mod lifecycle;
mod observers;
mod panics;
mod parts;
mod program;
mod pubsub;
mod queue_groups;
mod renewal;
mod replies;
mod threads;
mod typed;
#[cfg(feature = "websockets")]
mod websockets;
