//! How many requests an endpoint works on, and how many may wait for their turn.
//!
//! The intake asks before each request and is never kept waiting; a handler that has finished takes
//! the next one that waits. So requests start in the order in which they came, and what is over the
//! limits is known at once and answered at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::wire::{Lane, Message};

/// A request, when it came, and by which connection.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) message: Message,
    pub(crate) at: Instant,
    pub(crate) lane: Lane,
}

/// Handlers of one endpoint that run at the same time, unless `concurrency` says otherwise. Enough
/// for handlers that wait for a database, few enough not to bury it.
pub(crate) const DEFAULT_CONCURRENCY: usize = 64;

/// Requests that may wait for each handler that may run. What waits longer than sixteen handlers
/// take is better answered "busy" now. A waiting request can hold on to up to 64 KiB of read
/// buffer, so at the default of 64 handlers this bounds them to 64 MiB.
const PENDING_FOR_EACH: usize = 16;

/// How many bytes of requests may wait, however many requests they are. Enough for every default,
/// and for 64 requests as large as a server takes by default; without it, those that wait at the
/// defaults could be a gigabyte.
const PENDING_BYTES: usize = 64 * 1024 * 1024;

/// The admission of one endpoint.
#[derive(Debug)]
pub(crate) struct Limits {
    in_flight_max: usize,
    pending_max: usize,
    state: Mutex<State>,
    /// Told each time nothing is in flight any more, for a drain to wait on.
    idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    in_flight: usize,
    /// Answers that are on their way and have nothing to do with the limits any more.
    unsent: usize,
    /// Whether somebody waits until nothing is.
    is_awaited: bool,
    pending: VecDeque<Arrival>,
    pending_bytes: usize,
}

impl State {
    fn open(&self) -> usize {
        self.in_flight + self.unsent + self.pending.len()
    }

    fn enter(&mut self, in_flight_max: usize) -> bool {
        let has_room = self.in_flight < in_flight_max;
        self.in_flight += usize::from(has_room);
        has_room
    }
}

/// What becomes of a request that may not start at once.
pub(crate) enum Admission {
    /// It starts now; [`Limits::next`] must be called when it is done.
    Start(Arrival),
    /// It waits; a handler that finishes takes it.
    Pending,
    /// There is no room.
    Refused(Arrival),
}

impl Limits {
    pub(crate) fn new(concurrency: usize, pending: Option<usize>) -> Self {
        let in_flight_max = concurrency.max(1);
        Self {
            in_flight_max,
            pending_max: pending.unwrap_or(in_flight_max.saturating_mul(PENDING_FOR_EACH)),
            state: Mutex::default(),
            idle: Notify::new(),
        }
    }

    /// Whether a request may start at once; [`Limits::next`] must be called when it is done.
    pub(crate) fn enter(&self) -> bool {
        self.state().enter(self.in_flight_max)
    }

    /// What becomes of one that may not.
    pub(crate) fn hold(&self, request: Arrival) -> Admission {
        let mut state = self.state();
        // One may have ended since.
        if state.enter(self.in_flight_max) {
            return Admission::Start(request);
        }
        let bytes = state.pending_bytes.saturating_add(request.message.length);
        // The first may be as large as it likes: the server has a limit for each.
        let fits = bytes <= PENDING_BYTES || state.pending.is_empty();
        if state.pending.len() < self.pending_max && fits {
            state.pending_bytes = bytes;
            state.pending.push_back(request);
            return Admission::Pending;
        }
        Admission::Refused(request)
    }

    /// One request is done: the next that waits, to be started in its place.
    pub(crate) fn next(&self) -> Option<Arrival> {
        let mut state = self.state();
        if let Some(request) = state.pending.pop_front() {
            state.pending_bytes = state.pending_bytes.saturating_sub(request.message.length);
            return Some(request);
        }
        state.in_flight = state.in_flight.saturating_sub(1);
        self.tell_if_idle(&state);
        None
    }

    /// Whether an answer may be on its way when its handler's place is free again. It is waited for at
    /// the end, until [`was_sent`](Self::was_sent). There may be as many as there are requests in flight
    /// and pending.
    pub(crate) fn is_unsent(&self) -> bool {
        let mut state = self.state();
        let has_room = state.unsent < self.in_flight_max.saturating_add(self.pending_max);
        state.unsent += usize::from(has_room);
        has_room
    }

    /// Such an answer has left, or will not.
    pub(crate) fn was_sent(&self) {
        let mut state = self.state();
        state.unsent = state.unsent.saturating_sub(1);
        self.tell_if_idle(&state);
    }

    fn tell_if_idle(&self, state: &State) {
        if state.open() == 0 && state.is_awaited {
            self.idle.notify_waiters();
        }
    }

    /// The requests that wait, which now do so no longer.
    pub(crate) fn take_pending(&self) -> Vec<Arrival> {
        let mut state = self.state();
        state.pending_bytes = 0;
        state.pending.drain(..).collect()
    }

    /// How many rounds of handlers it takes to work off a full queue, and be free.
    pub(crate) fn rounds_pending(&self) -> u32 {
        let rounds = self.pending_max.div_ceil(self.in_flight_max);
        u32::try_from(rounds).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Requests that have not been answered: in flight and pending.
    fn open(&self) -> usize {
        self.state().open()
    }

    /// Requests whose handlers run, or whose answers have not left.
    pub(crate) fn in_flight(&self) -> usize {
        let state = self.state();
        state.in_flight + state.unsent
    }

    /// Waits until nothing is in flight and nothing pending.
    pub(crate) async fn idle(&self) {
        loop {
            // Registered before the look, so that what happens in between is not missed.
            let told = self.idle.notified();
            self.state().is_awaited = true;
            if self.open() == 0 {
                return;
            }
            told.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
