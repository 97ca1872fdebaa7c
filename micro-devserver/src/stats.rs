//! What a server holds at one moment.

/// Counts of a running server, from [`DevServer::stats`](crate::DevServer::stats): for tests that
/// look whether something stays behind, and for people who wonder what a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Clients whose sockets are open. One that broke the protocol is not counted while it reads
    /// its last words.
    pub connections: usize,
    /// Subscriptions of all clients.
    pub subscriptions: usize,
    /// Clients that were cut off because they did not read, since the start.
    pub slow_consumers: u64,
    /// Bytes that wait for the sockets of all clients. Of one client there are never more than
    /// [`Builder::max_pending`](crate::Builder::max_pending).
    pub pending_bytes: usize,
}
