//! What becomes of services when servers go: clusters, restarts, lost credentials. All of it needs
//! the `nats-server` that MICRO_TEST_NATS_SERVER names; without one, nothing is tested here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/held.rs"]
mod held;
#[path = "../support/identities.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod identities;
#[path = "../support/node.rs"]
mod node;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod process;
#[path = "../support/raw.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod raw;

mod away;
mod callers;
mod credentials;
mod events;
mod failover;
mod function;
mod lame_duck;
mod one_connection;
mod permissions;
mod round_trip;
