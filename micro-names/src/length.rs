//! How long a subject and what becomes part of one may be. nats-server ends a connection whose line
//! before a payload is longer than 4096 bytes, and whatever else goes over that connection ends with
//! it; the parts are bounded so that no line made of them is.

use crate::Problem;

/// The longest line that nats-server takes before a payload, in bytes (`max_control_line`).
pub const CONTROL_LINE_MAX_BYTES: usize = 4096;

/// The longest subject. Beside it, a line has a queue group or the subject of a reply, and numbers.
pub(crate) const SUBJECT_MAX_BYTES: usize = 3072;

/// The longest queue group.
pub(crate) const QUEUE_GROUP_MAX_BYTES: usize = 512;

/// The longest name: it is a token of the subjects of discovery.
pub(crate) const NAME_MAX_BYTES: usize = 512;

pub(crate) fn check(key: &str, bytes: usize, at_most: usize) -> Result<(), Problem> {
    if bytes <= at_most {
        return Ok(());
    }
    Err(Problem::new(format!(
        "`{key}` has {bytes} bytes, at most {at_most} are allowed"
    ))
    .note("nats-server ends a connection whose lines are too long"))
}
