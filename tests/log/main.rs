//! What an operator reads: the lines of the log, and docs/operations.md, which shows them.
//!
//! A target of its own, because a process has one log. Each test has services of its own names and
//! looks for their lines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/broker.rs"]
mod broker;
#[path = "../support/proxy.rs"]
#[allow(dead_code, reason = "shared with other suites")]
mod proxy;
#[path = "../support/raw.rs"]
#[allow(dead_code, reason = "shared with other suites")]
mod raw;

mod floods;
mod lines;
mod page;
mod secrets;
mod spans;
