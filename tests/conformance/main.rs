//! The NATS Services API, rule by rule: how any other implementation sees a service of this one.
//!
//! A module is a section, a test is a rule; `README.md` beside this file has the table. Each test
//! speaks to a broker of its own, the dev server or the `nats-server` that MICRO_TEST_NATS_SERVER
//! names, and judges with a client that is not ours. Tests wait for events, never for time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[allow(dead_code, reason = "shared with the tests over the wire")]
#[path = "../support/broker.rs"]
mod broker;
#[allow(dead_code, reason = "shared with the tests over the wire")]
#[path = "../support/raw.rs"]
mod raw;

mod documents;
mod rules;
mod schema;
mod tap;

mod s01_subjects;
mod s02_ping;
mod s03_info;
mod s04_stats;
mod s05_reset;
mod s06_validation;
mod s07_groups;
mod s08_queue_groups;
mod s09_errors;
mod s10_lifecycle;
mod s11_limits;
mod s12_nats_command;
