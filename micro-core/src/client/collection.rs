//! Replies to one request as they come, and when to stop waiting for more.
//!
//! They are anybody's. What they have in memory together is bounded, by what has arrived and not by
//! what is made of it; a flood of them neither keeps others on the same task from their turn nor the
//! end from coming.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::INSTANCE_HEADER;
use super::deadline::end;
use crate::wire::{
    Connection, HEADER_BYTES, Headers, MESSAGE_BYTES, Message, PublishError, Replies, Subject,
    apart, says_no_responders, weight,
};

/// What may be in memory beside the room for bodies, of replies that have none: a thousand of them, or two.
/// There is no end to those that do not fit in.
const BODILESS_BYTES: usize = 1024 * 1024;

/// What is read at a time, by weight, before others on the same task have their turn.
const TURN_BYTES: usize = 64 * 1024;

/// What is read of what has come before the end and not been read by then, by weight: enough for a
/// whole fleet's replies of the usual size, and read in a few milliseconds.
const AT_THE_END_BYTES: usize = 256 * 1024;

/// How long the id of an instance may be to be kept of a reply of which nothing else is.
const INSTANCE_MAX_BYTES: usize = 256;

/// When to stop waiting for further replies: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// For how long in all, from before the request is sent.
    pub(crate) within: Duration,
    /// Not beyond this moment, whenever it is sent.
    pub(crate) until: Option<Instant>,
    /// How long no reply may come; counted from the first one on.
    pub(crate) silence: Option<Duration>,
    /// After how many replies.
    pub(crate) at_most: usize,
    /// What replies may weigh together; one that does not fit in loses its body.
    pub(crate) at_most_bytes: usize,
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
    /// The connection was closed or lost.
    Closed,
}

/// A reply, and when it came.
#[derive(Debug)]
pub(crate) struct Collected {
    /// Of one without a body, at most the instance that it is from.
    pub(crate) headers: Option<Headers>,
    pub(crate) content: Content,
    /// Since before the request was sent.
    pub(crate) took: Duration,
    /// What it takes of the room, until that is given back.
    pub(crate) weight: usize,
}

/// What is in a reply.
#[derive(Debug)]
pub(crate) enum Content {
    Body(Bytes),
    /// It weighs so much, and there was less room.
    TooLarge(usize),
    /// It says that it is the server's and no service's: with this code.
    Status(u16),
}

/// The room that replies take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room(Arc<AtomicUsize>);

impl Room {
    /// Whether there was room for so much; if so, it is taken.
    fn take(&self, weight: usize, of: usize) -> bool {
        let more = |taken: usize| taken.checked_add(weight).filter(|all| *all <= of);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok()
    }

    /// Takes what has to be taken.
    fn charge(&self, weight: usize) {
        self.0.fetch_add(weight, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, weight: usize) {
        self.0.fetch_sub(weight, Ordering::Relaxed);
    }

    /// Whether so much is taken.
    fn is_full(&self, of: usize) -> bool {
        self.0.load(Ordering::Relaxed) >= of
    }
}

/// A request that several may answer, and for how long to wait for their replies.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) connection: Connection,
    pub(crate) window: Window,
    pub(crate) subject: Subject,
    pub(crate) headers: Option<Headers>,
    pub(crate) payload: Bytes,
}

impl Question {
    /// Sends the request; `None` when that alone takes longer than all may.
    pub(crate) async fn ask(self) -> Result<Option<Collection>, PublishError> {
        let window = self.window;
        let started = Instant::now();
        let end = end(window.within, window.until);
        let at_most = u64::try_from(window.at_most).unwrap_or(u64::MAX);
        let sent = self
            .connection
            .request_many(self.subject, self.headers, self.payload, at_most);
        let Ok(replies) = timeout_at(end, sent).await else {
            return Ok(None);
        };
        Ok(Some(Collection {
            replies: replies?,
            window,
            started,
            end,
            alarm: Box::pin(sleep_until(end)),
            last: None,
            count: 0,
            room: Room::default(),
            misses: false,
            missed: 0,
            in_turn: 0,
            at_the_end: 0,
        }))
    }
}

/// A request that has been sent, and the replies to it.
///
/// It holds a subscription, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Collection {
    replies: Replies,
    window: Window,
    started: Instant,
    end: Instant,
    /// Set to when there is an end, or to before.
    alarm: Pin<Box<Sleep>>,
    last: Option<Instant>,
    count: usize,
    room: Room,
    /// Whether it lets go of replies for which there is no room at all.
    misses: bool,
    /// How many those were.
    missed: u64,
    /// What was read since others had their turn.
    in_turn: usize,
    /// What was read since the end.
    at_the_end: usize,
}

impl Collection {
    /// For whoever keeps replies only until they are taken, and gives their room back then: those are let go
    /// of and counted that find none even without a body. To leave them in the client would bound their
    /// number, and not what they take.
    pub(super) fn missing(self) -> Self {
        Self {
            misses: true,
            ..self
        }
    }

    /// How many replies were let go of.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// The next reply, or why there is none.
    pub(crate) async fn next(&mut self) -> Result<Collected, Ended> {
        if self.has_had_its_turn() {
            yield_now().await;
        }
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Whether others have a turn now. Whoever polls has to see to that.
    pub(super) fn has_had_its_turn(&mut self) -> bool {
        let had = self.in_turn >= TURN_BYTES;
        if had {
            self.in_turn = 0;
        }
        had
    }

    /// Where the room that a reply takes is given back.
    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Collected, Ended>> {
        loop {
            if self.count >= self.window.at_most {
                return Poll::Ready(Err(Ended::AtMost));
            }
            let now = Instant::now();
            let (until, ended) = self.patience();
            let is_over = now >= until;
            if now >= self.end && self.at_the_end >= AT_THE_END_BYTES {
                return Poll::Ready(Err(Ended::Within));
            }
            // What has come before the end is taken, though it is read after it. What a task may do at a
            // time must not make it look as if nothing had: see `has_had_its_turn`.
            let polled = pin!(unconstrained(self.replies.next())).poll(cx);
            match polled {
                Poll::Ready(Some(message)) => match self.take(message, now) {
                    Some(taken) => return Poll::Ready(taken),
                    // Nothing is returned that others could have their turn behind.
                    None if self.has_had_its_turn() => {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    None => continue,
                },
                Poll::Ready(None) => return Poll::Ready(Err(Ended::Closed)),
                Poll::Pending if is_over => return Poll::Ready(Err(ended)),
                Poll::Pending => {}
            }
            if self.alarm.is_elapsed() || self.alarm.deadline() > until {
                self.alarm.as_mut().reset(until);
            }
            if pin!(unconstrained(self.alarm.as_mut()))
                .poll(cx)
                .is_pending()
            {
                return Poll::Pending;
            }
        }
    }

    /// What is made of a reply, if it is not let go of.
    fn take(&mut self, mut message: Message, now: Instant) -> Option<Result<Collected, Ended>> {
        // The server says it instead of replies, never beside them.
        if self.count == 0 && says_no_responders(&message) {
            return Some(Err(Ended::NoResponders));
        }
        self.count += 1;
        self.last = Some(now);
        let weight = weight(&message);
        self.in_turn = self.in_turn.saturating_add(weight);
        if now >= self.end {
            self.at_the_end = self.at_the_end.saturating_add(weight);
        }
        let most = self.window.at_most_bytes.saturating_add(BODILESS_BYTES);
        if self.misses && self.room.is_full(most) {
            self.missed = self.missed.saturating_add(1);
            return None;
        }
        let took = now.duration_since(self.started);
        if message.status.is_none() && self.room.take(weight, self.window.at_most_bytes) {
            apart(&mut message);
            return Some(Ok(Collected {
                headers: message.headers.map(Headers::from_inner),
                content: Content::Body(message.payload),
                took,
                weight,
            }));
        }
        let content = match message.status {
            Some(status) => Content::Status(status.as_u16()),
            None => Content::TooLarge(weight),
        };
        let headers = message.headers.map(Headers::from_inner);
        let headers = headers.as_ref().and_then(instance_alone);
        let weight = if headers.is_some() {
            MESSAGE_BYTES + HEADER_BYTES + INSTANCE_MAX_BYTES
        } else {
            MESSAGE_BYTES
        };
        self.room.charge(weight);
        Some(Ok(Collected {
            headers,
            content,
            took,
            weight,
        }))
    }

    /// Until when to wait for the next reply, and what it means when none comes.
    fn patience(&self) -> (Instant, Ended) {
        let silence = self.window.silence.zip(self.last);
        match silence.and_then(|(silence, last)| last.checked_add(silence)) {
            Some(quiet) if quiet < self.end => (quiet, Ended::Silence),
            _ => (self.end, Ended::Within),
        }
    }
}

fn instance_alone(headers: &Headers) -> Option<Headers> {
    let id = headers.get(INSTANCE_HEADER)?;
    let mut alone = Headers::new();
    (id.len() <= INSTANCE_MAX_BYTES && alone.insert(INSTANCE_HEADER, id).is_ok()).then_some(alone)
}
