//! Replies to one request as they come, and when to stop waiting for more.
//!
//! They are read by a task of their own, which keeps to the [`Window`] whatever whoever takes them
//! does: who takes his time over each reply has no more of them in memory than he asked for, and the
//! subscription ends when the window does.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::wire::{
    Connection, Headers, Message, PublishError, Replies, Subject, says_no_responders,
};

/// When to stop waiting for further replies: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// For how long in all, from before the request is sent.
    pub(crate) within: Duration,
    /// How long no reply may come; counted from the first one on.
    pub(crate) silence: Option<Duration>,
    /// After how many replies.
    pub(crate) at_most: usize,
    /// Before how many bytes of replies together, subjects and headers included.
    pub(crate) at_most_bytes: usize,
}

/// Why no further replies were waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// As many as were asked for have come; there may be more.
    AtMost,
    /// The next one would have made them larger together than was asked for; it was dropped, and
    /// there may be more.
    AtMostBytes,
    /// None came for as long as was set, after the last one.
    Silence,
    /// The time for all of them is over.
    Within,
    /// Nobody serves the subject.
    NoResponders,
    /// The connection was closed.
    Closed,
}

/// A reply, and when it came.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) message: Message,
    /// Since before the request was sent.
    pub(crate) took: Duration,
}

/// A request that has been sent, and the replies to it.
///
/// It holds a subscription, which ends when this is dropped or has told why it has ended.
#[derive(Debug)]
pub(crate) struct Collection {
    coming: mpsc::UnboundedReceiver<Result<Collected, Ended>>,
    reading: AbortHandle,
}

impl Collection {
    /// Sends the request; `None` when that alone takes longer than all may.
    pub(crate) async fn open(
        connection: &Connection,
        window: Window,
        subject: Subject,
        headers: Option<Headers>,
        payload: Bytes,
    ) -> Result<Option<Self>, PublishError> {
        let started = Instant::now();
        let at_most = u64::try_from(window.at_most).unwrap_or(u64::MAX);
        let sent = connection.request_many(subject, headers, payload, at_most);
        let Ok(replies) = timeout(window.within, sent).await else {
            return Ok(None);
        };
        let reading = Reading {
            replies: replies?,
            window,
            started,
            last: None,
            count: 0,
            bytes: 0,
        };
        let (sender, coming) = mpsc::unbounded_channel();
        let reading = connection.runtime().spawn(reading.read(sender));
        Ok(Some(Self {
            coming,
            reading: reading.abort_handle(),
        }))
    }

    /// The next reply, or why there is none.
    pub(crate) async fn next(&mut self) -> Result<Collected, Ended> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Collected, Ended>> {
        let next = ready!(self.coming.poll_recv(cx));
        Poll::Ready(next.unwrap_or(Err(Ended::Closed)))
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// What the task does.
struct Reading {
    replies: Replies,
    window: Window,
    started: Instant,
    last: Option<Instant>,
    count: usize,
    bytes: usize,
}

impl Reading {
    async fn read(mut self, to: mpsc::UnboundedSender<Result<Collected, Ended>>) {
        let ended = loop {
            match self.next().await {
                Ok(reply) => {
                    if to.send(Ok(reply)).is_err() {
                        return;
                    }
                }
                Err(ended) => break ended,
            }
        };
        // Before it is told, so that nothing is subscribed for whoever knows of the end.
        drop(self);
        let _ = to.send(Err(ended));
    }

    async fn next(&mut self) -> Result<Collected, Ended> {
        if self.count >= self.window.at_most {
            return Err(Ended::AtMost);
        }
        let (patience, end) = self.patience();
        // What has arrived is taken even if the time is over: it came in time.
        let message = match timeout(patience, self.replies.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => return Err(Ended::Closed),
            Err(_) => return Err(end),
        };
        // The server says it instead of replies, never beside them.
        if self.count == 0 && says_no_responders(&message) {
            return Err(Ended::NoResponders);
        }
        self.bytes = self.bytes.saturating_add(message.length);
        if self.bytes > self.window.at_most_bytes {
            return Err(Ended::AtMostBytes);
        }
        self.count += 1;
        self.last = Some(Instant::now());
        Ok(Collected {
            message,
            took: self.started.elapsed(),
        })
    }

    /// How long to wait for the next reply, and what it means when none comes.
    fn patience(&self) -> (Duration, Ended) {
        let left = self.window.within.saturating_sub(self.started.elapsed());
        let quiet = self
            .window
            .silence
            .zip(self.last)
            .map(|(silence, last)| silence.saturating_sub(last.elapsed()));
        match quiet {
            Some(quiet) if quiet < left => (quiet, Ended::Silence),
            _ => (left, Ended::Within),
        }
    }
}
