//! In which order events are handled, and whose turn it is.
//!
//! Events of one key are handled one after the other: while one is in hand, those of its key wait
//! behind it, and those of other keys go past. Nothing is kept for a key that has nothing in hand.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use super::limits::Arrival;
use crate::wire::Message;

/// For how many keys room is kept when nothing is in hand.
const KEPT: usize = 256;

/// In which order a subscriber's events are handled.
///
/// It is the order in which one instance has them: instances that share the events of a queue group
/// do not wait for one another. Who needs one order for all of them runs one instance, or gives each a
/// part of the subjects.
///
/// NATS keeps the order of what one publisher sends by one connection. A move to another server, which
/// one that is about to end announces (lame-duck mode), may break it for once: what is still on its way
/// by the old server is handled as it arrives, beside what comes by the new one.
///
/// With an order, a method that is `blocking` can have no timeout: its thread would go on beside the next
/// event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventOrder {
    /// In none: as many at a time as the concurrency has it. They begin about as they came, and in no
    /// order that can be relied on: those that compute for long have tasks of their own, and several
    /// connections have no order among them.
    #[default]
    Any,
    /// One at a time, in the order in which they came.
    OneAtATime,
    /// One at a time of each key, in the order in which they came; those of different keys at the
    /// same time. A quarter of the events that may wait may be of one key: what comes on top of that is
    /// dropped, so that a key that is stuck leaves room for the others.
    PerKey(EventKey),
}

/// What the events have in common that are handled one after the other.
///
/// Events without the header are of one key too. Two keys may be taken for one, which costs nothing
/// but that they wait for one another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKey {
    /// The token of the subject that stands for the placeholder of this name.
    Placeholder(String),
    /// The first value of the header of this name.
    Header(String),
}

impl EventOrder {
    /// One at a time for each token that stands for the placeholder `{name}`.
    pub fn per_placeholder(name: impl Into<String>) -> Self {
        Self::PerKey(EventKey::Placeholder(name.into()))
    }

    /// One at a time for each first value of the header `name`.
    pub fn per_header(name: impl Into<String>) -> Self {
        Self::PerKey(EventKey::Header(name.into()))
    }
}

/// A key, as a hash: strangers choose its text, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Turn(u64);

/// What finds the key of an event.
#[derive(Debug)]
pub(super) struct Keys {
    at: At,
    /// With a start of its own: nobody can choose keys that are taken for one another.
    hasher: RandomState,
}

#[derive(Debug)]
enum At {
    Token(usize),
    Header(String),
}

impl Keys {
    /// Nothing, where the order knows no keys.
    pub(super) fn of(order: &EventOrder, placeholders: &[(String, usize)]) -> Option<Self> {
        let EventOrder::PerKey(key) = order else {
            return None;
        };
        let at = match key {
            EventKey::Header(name) => At::Header(name.clone()),
            EventKey::Placeholder(name) => {
                let (_, index) = placeholders.iter().find(|(known, _)| known == name)?;
                At::Token(*index)
            }
        };
        Some(Self {
            at,
            hasher: RandomState::new(),
        })
    }

    pub(super) fn turn(&self, message: &Message) -> Turn {
        let key = match &self.at {
            At::Token(index) => message.subject.split('.').nth(*index),
            At::Header(name) => {
                let headers = message.headers.as_ref();
                let value = headers.and_then(|headers| headers.get(name.as_str()));
                value.map(AsRef::<str>::as_ref)
            }
        };
        Turn(self.hasher.hash_one(key))
    }
}

/// The keys that have something in hand, each with what waits behind it.
#[derive(Debug, Default)]
pub(super) struct Turns(HashMap<Turn, VecDeque<Arrival>>);

impl Turns {
    /// Whether nothing of this key is in hand. What has no key waits for nothing.
    pub(super) fn is_free(&self, turn: Option<Turn>) -> bool {
        turn.is_none_or(|turn| !self.0.contains_key(&turn))
    }

    /// Something of this key is in hand from now on.
    pub(super) fn take(&mut self, turn: Option<Turn>) {
        if let Some(turn) = turn {
            self.0.entry(turn).or_default();
        }
    }

    /// What waits behind that which is in hand of this key, if something is.
    pub(super) fn behind(&mut self, turn: Option<Turn>) -> Option<&mut VecDeque<Arrival>> {
        self.0.get_mut(&turn?)
    }

    /// How many wait behind that which is in hand of this key.
    pub(super) fn count(&self, turn: Option<Turn>) -> usize {
        let behind = turn.and_then(|turn| self.0.get(&turn));
        behind.map_or(0, VecDeque::len)
    }

    /// What was in hand of this key is done: the next of it, which is in hand now.
    pub(super) fn next(&mut self, done: Turn) -> Option<Arrival> {
        let next = self.0.get_mut(&done).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.0.remove(&done);
            if self.0.is_empty() && self.0.capacity() > KEPT {
                self.0.shrink_to(KEPT);
            }
        }
        next
    }

    /// All that waits, which now does so no longer.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Arrival> {
        self.0.drain().flat_map(|(_, behind)| behind)
    }
}
