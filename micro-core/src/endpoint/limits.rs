//! How many requests an endpoint works on, and how many may wait for their turn.
//!
//! The intake asks before each request and is never kept waiting; a handler that has finished takes
//! the next one that waits. So requests start in the order in which they came, and what is over the
//! limits is known at once and answered at once. Events are admitted in the same way; of those that
//! wait for another one of their key, [`turns`](super::turns) knows.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::Role;
use super::turns::{Turn, Turns};
use crate::wire::{Lane, Message, apart, weight};

/// A request or an event, when it came, by which connection, and what it may have to wait for.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) message: Message,
    pub(crate) at: Instant,
    pub(crate) lane: Lane,
    pub(super) turn: Option<Turn>,
}

impl Arrival {
    /// Lets go of the read buffer that the body is part of: those may hold many more bytes than there are
    /// to wait.
    pub(super) fn leave_buffer(&mut self) {
        apart(&mut self.message);
    }

    /// How many bytes of memory it takes while it waits, at most about.
    pub(super) fn weight(&self) -> usize {
        weight(&self.message)
    }
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

/// Events that may wait. Nobody is told that an event was dropped, so a burst is rather held: this is
/// what the clients of NATS hold by default.
pub(crate) const PENDING_EVENTS: usize = 65_536;

/// The part of those that wait which may be of one key. One that is stuck leaves room for the others.
const PART_OF_A_KEY: usize = 4;

/// For how many that wait room is kept when none does. What more there was at once was a peak.
const KEPT: usize = 256;

/// The admission of one endpoint.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Whether what waits for long is on its own.
    copies: bool,
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
    /// Those that wait for nothing but room.
    pending: VecDeque<Arrival>,
    /// Those that wait for another one of their key.
    turns: Turns,
    /// How many wait, for whatever.
    pending_count: usize,
    pending_bytes: usize,
}

impl State {
    fn open(&self) -> usize {
        self.in_flight + self.unsent + self.pending_count
    }

    fn enter(&mut self, in_flight_max: usize, turn: Option<Turn>) -> bool {
        // Nothing waits for room while there is some, but events that the intake has fallen behind with.
        let has_room = self.in_flight < in_flight_max && self.pending.is_empty();
        let may_start = has_room && self.turns.is_free(turn);
        if may_start {
            self.turns.take(turn);
        }
        self.in_flight += usize::from(may_start);
        may_start
    }

    /// The first of those that wait for room.
    fn take(&mut self) -> Option<Arrival> {
        let first = self.pending.pop_front()?;
        self.pending_count = self.pending_count.saturating_sub(1);
        self.pending_bytes = self.pending_bytes.saturating_sub(first.weight());
        if self.pending.is_empty() && self.pending.capacity() > KEPT {
            self.pending.shrink_to(KEPT);
        }
        Some(first)
    }

    fn wait(&mut self, request: Arrival) {
        self.pending_count += 1;
        if let Some(behind) = self.turns.behind(request.turn) {
            behind.push_back(request);
        } else {
            self.turns.take(request.turn);
            self.pending.push_back(request);
        }
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
    pub(crate) fn new(role: Role, concurrency: usize, pending: Option<usize>) -> Self {
        let in_flight_max = concurrency.max(1);
        let pending_max = match role {
            Role::Request => in_flight_max.saturating_mul(PENDING_FOR_EACH),
            Role::Event => PENDING_EVENTS,
        };
        Self {
            copies: role == Role::Event,
            in_flight_max,
            pending_max: pending.unwrap_or(pending_max),
            state: Mutex::default(),
            idle: Notify::new(),
        }
    }

    /// Whether a request may start at once; [`Limits::next`] must be called when it is done.
    pub(super) fn enter(&self, turn: Option<Turn>) -> bool {
        self.state().enter(self.in_flight_max, turn)
    }

    /// What becomes of one that may not.
    pub(crate) fn hold(&self, request: Arrival) -> Admission {
        let mut state = self.state();
        // One may have ended since.
        if state.enter(self.in_flight_max, request.turn) {
            return Admission::Start(request);
        }
        match self.wait(&mut state, request) {
            None => Admission::Pending,
            Some(request) => Admission::Refused(request),
        }
    }

    /// Has an event wait, behind all that do, even if it might start; [`begin_waiting`](Self::begin_waiting)
    /// is to be called then until there is nothing more. Whether there is room.
    pub(super) fn queue(&self, event: Arrival) -> bool {
        let mut state = self.state();
        self.wait(&mut state, event).is_none()
    }

    /// Has one wait, if it is none too many: otherwise it is given back.
    fn wait(&self, state: &mut State, mut request: Arrival) -> Option<Arrival> {
        // What a handler is free for is not too many: it only waits for the intake, which is behind.
        let free = self.in_flight_max.saturating_sub(state.in_flight);
        let soon = state.pending.len().min(free);
        let is_soon = soon < free && state.turns.is_free(request.turn);
        let most = self.pending_max.saturating_add(soon + usize::from(is_soon));
        let bytes = state.pending_bytes.saturating_add(request.weight());
        // The first may be as large as it likes: the server has a limit for each.
        let fits = bytes <= PENDING_BYTES || state.pending_count == 0;
        let of_key = (self.pending_max / PART_OF_A_KEY).max(1);
        if state.pending_count >= most || !fits || state.turns.count(request.turn) >= of_key {
            return Some(request);
        }
        if self.copies {
            request.leave_buffer();
        }
        state.pending_bytes = bytes;
        state.wait(request);
        None
    }

    /// One that waits, where a handler may begin; [`next`](Self::next) must be called when it is done.
    pub(super) fn begin_waiting(&self) -> Option<Arrival> {
        let mut state = self.state();
        if state.in_flight >= self.in_flight_max {
            // Those that run are followed by what waits.
            return None;
        }
        let next = state.take()?;
        state.in_flight += 1;
        Some(next)
    }

    /// One request is done, and with it its turn: the next that waits, to be started in its place.
    pub(super) fn next(&self, done: Option<Turn>) -> Option<Arrival> {
        let mut state = self.state();
        if let Some(next) = state.turns.next(done) {
            // Behind those that have waited for room.
            state.pending.push_back(next);
        }
        if let Some(request) = state.take() {
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
        (state.pending_count, state.pending_bytes) = (0, 0);
        let State { pending, turns, .. } = &mut *state;
        pending.drain(..).chain(turns.drain()).collect()
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
