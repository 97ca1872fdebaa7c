//! The words of the log. docs/operations.md shows every line; people filter and count by them, so
//! they do not follow the names of modules.
//!
//! Targets are those below. Fields are `service`, `instance`, `version`, `endpoint`, `subscriber`,
//! `subject`, `outcome`, `code`, `error`, `duration_us`, and counts with names of their own. What a stranger
//! wrote is a field, never the message, and of bounded length. Payloads, headers and credentials
//! are not logged at any level.
//!
//! What anybody can cause by the thousand goes through a [`Flood`].

mod flood;

use micro_names::Shown;

pub(crate) use flood::{Flood, Pause};

/// The life of a service: start, ready, drain, stop, and the handlers of its owner.
pub(crate) const SERVICE: &str = "micro::service";

/// Requests: each one at debug, and what went wrong with them.
pub(crate) const REQUEST: &str = "micro::request";

/// Events: each one at debug, and what went wrong with them.
pub(crate) const EVENT: &str = "micro::event";

/// The connection to NATS.
pub(crate) const CONNECTION: &str = "micro::connection";

/// How much of a text is logged, in bytes: an error and its causes, and not a body in its place.
const TEXT_MAX_BYTES: usize = 1024;

/// A program's own text, as one harmless line.
pub(crate) fn line(text: &str) -> String {
    format!("{:.TEXT_MAX_BYTES$}", Shown(text))
}

/// A duration as a field.
pub(crate) fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
