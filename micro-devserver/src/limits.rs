//! The bounds of the server, each with its reason. Where nats-server has a default, it is the same.

use std::time::Duration;

/// The longest line before a payload: subjects, numbers, CONNECT's JSON. A client that sends more
/// is broken.
pub(crate) const MAX_CONTROL_LINE_BYTES: usize = 4096;

/// The largest message unless the builder says otherwise.
const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// What may wait for one connection's socket: enough for a burst, little enough that a client that
/// stopped reading cannot take the process's memory.
const MAX_PENDING_BYTES: usize = 64 * 1024 * 1024;

/// How long a socket may take no byte at all before the connection counts as gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How often a silent client is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_mins(2);

/// Unanswered PINGs after which a client counts as gone.
pub(crate) const MAX_PINGS_OUT: u32 = 2;

/// Past this share of the pending bytes a connection is crowded, and those who publish to it are
/// slowed.
pub(crate) const CROWDED_QUARTERS: usize = 3;

/// The pause of a publisher whose messages crowd another connection, once for each read of its
/// socket: time for the reader to catch up, and short enough that nobody is held by one who never
/// reads.
pub(crate) const CROWDED_PAUSE: Duration = Duration::from_millis(5);

/// How long the last words to a connection (an `-ERR`) may take to leave, and how long the client's
/// remaining bytes are read and dropped, so that closing the socket does not reset it before the
/// client has read those words.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// The room made in the read buffer at a time; a payload that is under way gets all it needs.
pub(crate) const READ_CHUNK_BYTES: usize = 32 * 1024;

/// Buffers that grew past this in a burst are given back when they are empty.
pub(crate) const KEPT_BUFFER_BYTES: usize = 256 * 1024;

/// The pause after a failed accept: the usual cause, no free file descriptors, does not pass at
/// once.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The bounds that the builder can change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_payload_bytes: usize,
    pub(crate) max_pending_bytes: usize,
    pub(crate) write_deadline: Duration,
    pub(crate) ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload_bytes: MAX_PAYLOAD_BYTES,
            max_pending_bytes: MAX_PENDING_BYTES,
            write_deadline: WRITE_DEADLINE,
            ping_interval: PING_INTERVAL,
        }
    }
}
