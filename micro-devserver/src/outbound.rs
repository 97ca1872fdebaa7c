//! The way out to one client: a bounded buffer that anybody fills and one writer empties.
//!
//! Filling never waits. A client that does not read fills its own buffer and is cut off when that
//! is full, and nobody else is held up by it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use crate::limits::{CROWDED_QUARTERS, KEPT_BUFFER_BYTES};

/// What became of something that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is in the buffer.
    Queued,
    /// It is in the buffer, and the buffer is filling up.
    Crowded,
    /// It was too much, and ended the connection.
    Overflowed,
    /// The connection is going away; it was dropped.
    Closed,
}

/// The buffer.
#[derive(Debug)]
pub(crate) struct Outbound {
    queue: Mutex<Queue>,
    max_pending_bytes: usize,
    /// There is something to write.
    filled: Notify,
    /// The buffer overflowed.
    overflowed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Taken by the writer and not yet taken by the socket.
    in_flight_bytes: usize,
    closed: bool,
}

impl Outbound {
    pub(crate) fn new(max_pending_bytes: usize) -> Self {
        Self {
            queue: Mutex::default(),
            max_pending_bytes,
            filled: Notify::new(),
            overflowed: Notify::new(),
        }
    }

    /// Appends what `write` writes, all or nothing.
    pub(crate) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) -> Pushed {
        let mut queue = self.lock();
        if queue.closed {
            return Pushed::Closed;
        }
        write(&mut queue.bytes);
        let pending = queue.bytes.len() + queue.in_flight_bytes;
        if pending > self.max_pending_bytes {
            queue.closed = true;
            queue.bytes = Vec::new();
            self.overflowed.notify_one();
            return Pushed::Overflowed;
        }
        self.filled.notify_one();
        if pending > self.max_pending_bytes / 4 * CROWDED_QUARTERS {
            Pushed::Crowded
        } else {
            Pushed::Queued
        }
    }

    /// What waits, in the buffer and on its way into the socket.
    pub(crate) fn pending_bytes(&self) -> usize {
        let queue = self.lock();
        queue.bytes.len() + queue.in_flight_bytes
    }

    /// Appends nothing from here on. What is in the buffer can still be written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // What is under the lock is whole between any two statements.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why writing ended.
#[derive(Debug)]
pub(crate) enum WriteEnd {
    /// The socket failed.
    Failed(io::Error),
    /// The client reads too slowly, or not at all.
    SlowConsumer,
}

/// The end that empties the buffer into a socket. It can be stopped at any await and asked to go on
/// later: a byte that was written is never written again.
#[derive(Debug)]
pub(crate) struct Writer<'a, W> {
    outbound: &'a Outbound,
    socket: W,
    deadline: Duration,
    batch: Vec<u8>,
    written: usize,
}

impl<'a, W: AsyncWrite + Unpin> Writer<'a, W> {
    pub(crate) fn new(outbound: &'a Outbound, socket: W, deadline: Duration) -> Self {
        Self {
            outbound,
            socket,
            deadline,
            batch: Vec::new(),
            written: 0,
        }
    }

    /// Writes whatever comes, until it cannot.
    pub(crate) async fn run(&mut self) -> WriteEnd {
        loop {
            if let Err(end) = self.flush().await {
                return end;
            }
            tokio::select! {
                () = self.outbound.filled.notified() => {}
                () = self.outbound.overflowed.notified() => return WriteEnd::SlowConsumer,
            }
        }
    }

    /// Writes what is there.
    pub(crate) async fn flush(&mut self) -> Result<(), WriteEnd> {
        loop {
            let rest = self.batch.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                if self.refill() {
                    continue;
                }
                return Ok(());
            }
            let taken = tokio::select! {
                written = tokio::time::timeout(self.deadline, self.socket.write(rest)) => match written {
                    Ok(Ok(0)) => return Err(WriteEnd::Failed(io::ErrorKind::WriteZero.into())),
                    Ok(Ok(taken)) => taken,
                    Ok(Err(error)) => return Err(WriteEnd::Failed(error)),
                    Err(_) => return Err(WriteEnd::SlowConsumer),
                },
                () = self.outbound.overflowed.notified() => return Err(WriteEnd::SlowConsumer),
            };
            self.written += taken;
            let mut queue = self.outbound.lock();
            queue.in_flight_bytes = queue.in_flight_bytes.saturating_sub(taken);
        }
    }

    /// Ends the stream: the client reads what was written, then its end.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.socket.shutdown().await
    }

    /// Swaps the written batch for the buffer. Whether there is something in it.
    fn refill(&mut self) -> bool {
        self.batch.clear();
        self.batch.shrink_to(KEPT_BUFFER_BYTES);
        self.written = 0;
        let mut queue = self.outbound.lock();
        std::mem::swap(&mut queue.bytes, &mut self.batch);
        queue.in_flight_bytes = self.batch.len();
        !self.batch.is_empty()
    }
}
