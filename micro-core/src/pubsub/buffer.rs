//! What waits to be read, in bounds.
//!
//! Whoever fills it never waits, so that nothing is dropped where nobody counts it. When there is no
//! more room, the oldest goes: who reads is told how many there were of them, and has the newest.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use crate::wire::{Message, Receive, apart, weight};

/// From how many on those that wait have memory of their own. As they were read, each may keep all of
/// what was read with it, of other subscriptions too: some 64 KiB, and as much as the largest message
/// where there are large ones.
const OWN_FROM: usize = 16;

/// How much room stays when all has been read.
const ROOM_KEPT: usize = 64;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Buffer {
    bounds: Bounds,
    state: Mutex<State>,
    reader: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// What was let go had a gap in it.
    is_interrupted: bool,
    /// How many were let go since it was last told.
    missed: u64,
    /// It was asked to end.
    is_asked: bool,
    end: Option<End>,
}

#[derive(Debug)]
enum Waiting {
    Message(Message),
    /// Something may be missing here.
    Gap,
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Whoever reads has said so.
    Asked,
    /// The connection is closed.
    Closed,
    /// The server does not permit it any more.
    Refused,
}

/// What there is to read next.
#[derive(Debug)]
pub(super) enum Next {
    Message(Message),
    /// So many were let go.
    Missed(u64),
    /// Something may be missing that was never here.
    Interrupted,
    End(End),
}

impl Buffer {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
            reader: AtomicWaker::new(),
        }
    }

    pub(super) fn push(&self, mut message: Message) {
        let mut state = self.state();
        if state.end.is_some() {
            return;
        }
        let weight = weight(&message);
        let has_room = |state: &State| {
            state.waiting.len() < self.bounds.events
                && state.bytes.saturating_add(weight) <= self.bounds.bytes
        };
        while !has_room(&state)
            && let Some(oldest) = state.pop()
        {
            match oldest {
                Waiting::Message(_) => state.missed += 1,
                Waiting::Gap => state.is_interrupted = true,
            }
        }
        state.bytes = state.bytes.saturating_add(weight);
        if state.waiting.len() >= OWN_FROM {
            apart(&mut message);
        }
        state.waiting.push_back(Waiting::Message(message));
        drop(state);
        self.reader.wake();
    }

    /// Something may be missing behind what waits. Where nothing has come since the last time, it is the
    /// same gap.
    pub(super) fn interrupt(&self) {
        let mut state = self.state();
        if state.end.is_some() || matches!(state.waiting.back(), Some(Waiting::Gap)) {
            return;
        }
        state.waiting.push_back(Waiting::Gap);
        drop(state);
        self.reader.wake();
    }

    /// What ends from now on ends because it was asked to.
    pub(super) fn ask(&self) {
        self.state().is_asked = true;
    }

    /// Nothing more comes, for the first reason that is given.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        let end = if state.is_asked { End::Asked } else { end };
        state.end.get_or_insert(end);
        drop(state);
        self.reader.wake();
    }

    /// Nobody reads any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.end.get_or_insert(End::Asked);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        if let Some(next) = self.state().next() {
            return Poll::Ready(next);
        }
        self.reader.register(cx.waker());
        // What came just before that woke nobody.
        match self.state().next() {
            Some(next) => Poll::Ready(next),
            None => Poll::Pending,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<Next> {
        // They were before all that waits.
        if self.missed > 0 {
            return Some(Next::Missed(std::mem::take(&mut self.missed)));
        }
        if std::mem::take(&mut self.is_interrupted) {
            return Some(Next::Interrupted);
        }
        let Some(oldest) = self.pop() else {
            return self.end.map(Next::End);
        };
        if self.waiting.is_empty() {
            self.waiting.shrink_to(ROOM_KEPT);
        }
        Some(match oldest {
            Waiting::Message(message) => Next::Message(message),
            Waiting::Gap => Next::Interrupted,
        })
    }

    fn pop(&mut self) -> Option<Waiting> {
        let oldest = self.waiting.pop_front()?;
        if let Waiting::Message(message) = &oldest {
            self.bytes = self.bytes.saturating_sub(weight(message));
        }
        Some(oldest)
    }
}

/// Fills a buffer with what is read from the wire.
pub(super) struct Fill(pub(super) std::sync::Arc<Buffer>);

impl Receive for Fill {
    fn receive(&mut self, message: Message, _: &mut Context<'_>) {
        self.0.push(message);
    }
}

/// When it is no longer read, nothing more comes.
impl Drop for Fill {
    fn drop(&mut self) {
        self.0.end(End::Closed);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::{MESSAGE_BYTES, Subject};

    fn message(body: &str) -> Message {
        Message {
            subject: Subject::from_static("a"),
            reply: None,
            payload: Bytes::from(body.to_owned()),
            headers: None,
            status: None,
            description: None,
            length: 1 + body.len(),
        }
    }

    fn read(buffer: &Buffer) -> Vec<String> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut read = Vec::new();
        while let Poll::Ready(next) = buffer.poll_next(&mut cx) {
            match next {
                Next::Message(message) => {
                    read.push(String::from_utf8(message.payload.to_vec()).unwrap());
                }
                Next::Missed(missed) => read.push(format!("{missed} missed")),
                Next::Interrupted => read.push("interrupted".to_owned()),
                Next::End(end) => {
                    read.push(format!("{end:?}"));
                    break;
                }
            }
        }
        read
    }

    #[test]
    fn the_oldest_go_and_are_counted() {
        let buffer = Buffer::new(Bounds {
            events: 3,
            bytes: usize::MAX,
        });
        for number in 0..10 {
            buffer.push(message(&number.to_string()));
        }
        assert_eq!(read(&buffer), ["7 missed", "7", "8", "9"]);
        buffer.push(message("10"));
        buffer.end(End::Closed);
        buffer.push(message("11"));
        assert_eq!(read(&buffer), ["10", "Closed"]);
    }

    #[test]
    fn bytes_are_bounded_too_and_what_is_larger_than_all_comes_alone() {
        let buffer = Buffer::new(Bounds {
            events: 100,
            bytes: 10 + 2 * MESSAGE_BYTES,
        });
        for body in ["1111", "2222", "3333"] {
            buffer.push(message(body));
        }
        assert_eq!(read(&buffer), ["1 missed", "2222", "3333"]);
        buffer.push(message("4"));
        buffer.push(message(&"5".repeat(10 * MESSAGE_BYTES)));
        assert_eq!(read(&buffer)[..1], ["1 missed"]);
        buffer.push(message("6"));
        assert_eq!(read(&buffer), ["6"]);
        assert_eq!(buffer.state().bytes, 0);
    }

    #[test]
    fn many_that_wait_have_memory_of_their_own() {
        let buffer = Buffer::new(Bounds {
            events: 2 * OWN_FROM,
            bytes: usize::MAX,
        });
        let shared = Bytes::from("x".repeat(2 * OWN_FROM));
        for number in 0..2 * OWN_FROM {
            let payload = shared.slice(number..=number);
            buffer.push(Message {
                payload,
                ..message("")
            });
        }
        let state = buffer.state();
        let within = shared.as_ptr_range();
        let is_slice = |waiting: &&Waiting| match waiting {
            Waiting::Message(message) => within.contains(&message.payload.as_ptr()),
            Waiting::Gap => false,
        };
        assert_eq!(state.waiting.iter().filter(is_slice).count(), OWN_FROM);
    }

    #[test]
    fn a_gap_is_told_at_its_place_once_and_outlives_what_was_let_go() {
        let buffer = Buffer::new(Bounds {
            events: 3,
            bytes: usize::MAX,
        });
        buffer.push(message("1"));
        for _ in 0..100 {
            buffer.interrupt();
        }
        buffer.push(message("2"));
        assert_eq!(read(&buffer), ["1", "interrupted", "2"]);
        buffer.interrupt();
        for number in 0..5 {
            buffer.push(message(&number.to_string()));
        }
        assert_eq!(read(&buffer), ["2 missed", "interrupted", "2", "3", "4"]);
    }

    #[test]
    fn an_end_that_was_asked_for_is_no_failure() {
        let buffer = Buffer::new(Bounds {
            events: 3,
            bytes: usize::MAX,
        });
        buffer.push(message("1"));
        buffer.ask();
        buffer.push(message("2"));
        buffer.end(End::Closed);
        assert_eq!(read(&buffer), ["1", "2", "Asked"]);
    }
}
