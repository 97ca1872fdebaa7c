//! Replies to one request as they come, and when to stop waiting for more.

use std::time::Duration;

use bytes::Bytes;
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
}

/// Why no further replies were waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// As many as were asked for have come; there may be more.
    AtMost,
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
/// It holds a subscription, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Collection {
    replies: Replies,
    window: Window,
    started: Instant,
    last: Option<Instant>,
    count: usize,
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
        Ok(Some(Self {
            replies: replies?,
            window,
            started,
            last: None,
            count: 0,
        }))
    }

    /// The next reply, or why there is none.
    pub(crate) async fn next(&mut self) -> Result<Collected, Ended> {
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
