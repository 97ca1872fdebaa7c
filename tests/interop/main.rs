//! Interop with the official clients of other languages, both ways: they call our services, our
//! client calls theirs, each finds the other, and they share queue groups.
//!
//! Python (nats-py and its `nats.micro`) takes part where MICRO_TEST_PYTHON names an interpreter
//! that has it, JavaScript (`@nats-io/transport-node`, `@nats-io/services`) where MICRO_TEST_NODE
//! names node and MICRO_TEST_NODE_MODULES the folder with the packages. Who is not there is named
//! and left out, unless MICRO_TEST_INTEROP is `required`. async-nats' own services take part always.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../support/broker.rs"]
mod broker;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../support/raw.rs"]
mod raw;

mod calc;
mod peer;

mod called;
mod calling;
mod discovered;
mod discovering;
mod documents;
mod events;
mod fleet;
mod plain;
