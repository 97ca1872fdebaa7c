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
    Connection, Headers, Message, PublishError, Replies, Subject, says_no_responders,
};

/// What a reply weighs beside its bytes: the message, its place in a list, and what allocations cost.
const EACH_BYTES: usize = 512;

/// What each of its headers weighs beside its bytes: a place in a map, a list of values, and three
/// allocations.
const EACH_HEADER_BYTES: usize = 256;

/// From how many bytes on a body stays in the memory that it was read into. A smaller one would keep all
/// of what was read with it: async-nats reads 64 KiB at a time, and grows that for a larger message only.
const SHARED_FROM_BYTES: usize = 64 * 1024;

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

    pub(crate) fn give_back(&self, weight: usize) {
        self.0.fetch_sub(weight, Ordering::Relaxed);
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
    /// What was read since others had their turn.
    in_turn: usize,
    /// What was read since the end.
    at_the_end: usize,
}

impl Collection {
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
        if self.count >= self.window.at_most {
            return Poll::Ready(Err(Ended::AtMost));
        }
        loop {
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
                Poll::Ready(Some(message)) => return Poll::Ready(self.take(message, now)),
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

    fn take(&mut self, message: Message, now: Instant) -> Result<Collected, Ended> {
        // The server says it instead of replies, never beside them.
        if self.count == 0 && says_no_responders(&message) {
            return Err(Ended::NoResponders);
        }
        self.count += 1;
        self.last = Some(now);
        let weight = weight(&message);
        self.in_turn = self.in_turn.saturating_add(weight);
        if now >= self.end {
            self.at_the_end = self.at_the_end.saturating_add(weight);
        }
        let headers = message.headers.map(Headers::from_inner);
        let content = if let Some(status) = message.status {
            Content::Status(status.as_u16())
        } else if self.room.take(weight, self.window.at_most_bytes) {
            Content::Body(apart(message.payload))
        } else {
            Content::TooLarge(weight)
        };
        let is_whole = matches!(content, Content::Body(_));
        Ok(Collected {
            headers: if is_whole {
                headers
            } else {
                headers.as_ref().and_then(instance_alone)
            },
            content,
            took: now.duration_since(self.started),
            weight: if is_whole { weight } else { 0 },
        })
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

/// What a message takes of memory, or more.
fn weight(message: &Message) -> usize {
    let headers = message.headers.iter().flat_map(|headers| headers.iter());
    let lines: usize = headers.map(|(_, values)| values.len()).sum();
    message
        .length
        .saturating_add(EACH_BYTES)
        .saturating_add(lines.saturating_mul(EACH_HEADER_BYTES))
}

/// The same in memory of its own, where it would keep much more than itself.
fn apart(body: Bytes) -> Bytes {
    if body.len() < SHARED_FROM_BYTES {
        Bytes::copy_from_slice(&body)
    } else {
        body
    }
}

fn instance_alone(headers: &Headers) -> Option<Headers> {
    let id = headers.get(INSTANCE_HEADER)?;
    let mut alone = Headers::new();
    (id.len() <= INSTANCE_MAX_BYTES && alone.insert(INSTANCE_HEADER, id).is_ok()).then_some(alone)
}
