//! The task of an endpoint: it starts requests as they come, and drives those that wait.
//!
//! A handler that does not wait is done at once, where its request was read. One that waits stays in
//! this task, since a task of its own costs more than most handlers do. One that computes does get a
//! task of its own, so that the intake goes on and every core is used: which it is shows by what
//! those before it took.
//!
//! What serves a request is kept when that is done, and serves another: in the end a request is
//! served without asking for memory.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::unconstrained;

use super::limits::{Admission, Arrival};
use super::turns::Turn;
use super::work::Work;
use super::{Endpoint, surplus};
use crate::handler::Reply;
use crate::wire::{Home, Lane, Message, Outbox, Receive};

/// How much of what has served a request is kept. What more there was at once was a peak.
const KEPT: usize = 256;

/// What receives the requests of an endpoint.
pub(crate) struct Intake {
    endpoint: Arc<Endpoint>,
    /// Which connection the requests come by.
    lane: Lane,
    /// Where handlers run that compute for long, if not here.
    home: Option<Home>,
    /// Made for the first request.
    outbox: Option<Outbox>,
    #[allow(clippy::vec_box, reason = "each is moved about for each request")]
    spare: Vec<Box<Work>>,
    /// Requests whose turn it is.
    turn: VecDeque<Arrival>,
    /// Requests whose handlers wait.
    waiting: Several<Waiting>,
    /// Answers that the client has no room for now. Nothing is read meanwhile: it has none for the next
    /// either.
    answering: Several<Answering>,
    /// Ready when the handlers that wait are given up. Made for the first that does.
    given_up: Option<BoxFuture<'static, ()>>,
    /// Whether events wait that none in hand is followed by: they have come faster than they were begun.
    behind: bool,
    /// Whether handlers have been seen to wait of late: then the first look at one is as good as lost.
    wait: bool,
    /// When the last request was done, if that was just now: a clock costs more than most of what is
    /// timed.
    now: Option<Instant>,
}

/// An answer on its way, and whether it is that of a request that was in flight.
type Answering = BoxFuture<'static, bool>;

impl Intake {
    pub(crate) fn new(endpoint: Arc<Endpoint>, lane: Lane, home: Option<Home>) -> Self {
        Self {
            endpoint,
            lane,
            home,
            outbox: None,
            spare: Vec::new(),
            turn: VecDeque::new(),
            waiting: Several::default(),
            answering: Several::default(),
            given_up: None,
            behind: false,
            wait: false,
            now: None,
        }
    }

    fn arrival(&self, message: Message, at: Instant) -> Arrival {
        Arrival {
            message,
            at,
            lane: self.lane,
        }
    }

    /// Takes a message that may be none for this endpoint, have to wait for another one, or be too late.
    fn receive_by_rules(&mut self, message: Message, at: Instant, cx: &mut Context<'_>) {
        let mut request = self.arrival(message, at);
        if let Some(once) = &self.endpoint.once {
            request = match once.admit(request) {
                surplus::Admission::Serve(request) => request,
                surplus::Admission::Keep => return,
                surplus::Admission::Refuse(request) => {
                    let endpoint = Arc::clone(&self.endpoint);
                    let refusing = async move { endpoint.refuse_surplus(request).await };
                    self.answer(Box::pin(refusing), false, cx);
                    return;
                }
            };
        }
        if self.endpoint.is_too_late() {
            return self.endpoint.drop_late();
        }
        let turn = self.endpoint.turn_of(&request.message);
        if self.endpoint.limits.enter_in_turn(turn) {
            self.start(request, at, cx);
        } else {
            self.hold(request, turn, at, cx);
        }
    }

    /// Has a message wait that may not start at once, or lets go of it.
    fn hold(&mut self, request: Arrival, turn: Option<Turn>, at: Instant, cx: &mut Context<'_>) {
        match self.endpoint.limits.hold(request, turn) {
            Admission::Start(request) => self.start(request, at, cx),
            // What waits may be another lane's to begin, and that one may be held up: this one looks as well.
            Admission::Pending => self.behind |= self.endpoint.is_subscriber(),
            Admission::Refused(_) if self.endpoint.is_subscriber() => self.endpoint.drop_event(),
            Admission::Refused(request) => {
                let endpoint = Arc::clone(&self.endpoint);
                let refusing = async move { endpoint.refuse(request).await };
                self.answer(Box::pin(refusing), false, cx);
            }
        }
    }

    /// The next event of those that nothing in hand is followed by.
    fn catch_up(&mut self) -> Option<Arrival> {
        if !self.behind {
            return None;
        }
        let next = self.endpoint.limits.begin_waiting();
        self.behind = next.is_some();
        next
    }

    /// Starts a request, and ends it, if that is done at once.
    fn start(&mut self, request: Arrival, at: Instant, cx: &mut Context<'_>) {
        if self.endpoint.pace.is_heavy() {
            let serving = serve(Arc::clone(&self.endpoint), request);
            match &self.home {
                Some(home) => home.spawn(serving),
                None => drop(tokio::spawn(serving)),
            }
            return;
        }
        let mut work = self.spare.pop().unwrap_or_else(|| self.endpoint.work());
        let begun = self.endpoint.begin(&mut work, request, at);
        let polled = match begun {
            Some(reply) => Poll::Ready(reply),
            None if self.wait => {
                work.computed = at.elapsed();
                self.wait(work, true);
                return;
            }
            None => self.endpoint.poll(&mut work, cx),
        };
        let now = Instant::now();
        let took = now.saturating_duration_since(at);
        work.computed = took;
        match polled {
            Poll::Ready(reply) => {
                if self.answered(work, reply, took, cx) {
                    self.now = Some(now);
                }
            }
            Poll::Pending => {
                self.wait = true;
                self.wait(work, false);
            }
        }
    }

    /// Starts one that has a handler's place already.
    fn start_in_turn(&mut self, request: Arrival, cx: &mut Context<'_>) {
        if self.endpoint.is_too_late() {
            self.endpoint.drop_in_turn();
            self.ended(self.endpoint.turn_of(&request.message));
        } else {
            self.start(request, Instant::now(), cx);
        }
    }

    fn wait(&mut self, work: Box<Work>, is_new: bool) {
        self.waiting.push(Waiting {
            work: Some(work),
            endpoint: Arc::clone(&self.endpoint),
            is_new,
        });
    }

    /// Sends an answer. Whether that was all there was to do.
    fn answered(
        &mut self,
        mut work: Box<Work>,
        reply: Reply,
        took: Duration,
        cx: &mut Context<'_>,
    ) -> bool {
        // The turn of one that has come by another connection may be here, and its answer goes back
        // where it came from: a server may permit it there alone.
        let is_ours = work.context.lane() == self.lane;
        let outbox = is_ours.then(|| {
            let connection = self.endpoint.connection().lane(self.lane);
            let outbox = || Outbox::new(connection.clone());
            (self.outbox.get_or_insert_with(outbox), &mut *cx)
        });
        let rest = self.endpoint.conclude(&mut work, reply, took, outbox);
        let is_all = rest.is_none();
        if let Some(rest) = rest
            && !self.send(rest, is_ours, cx)
        {
            // It has what the work has.
            return false;
        }
        let turn = work.turn;
        if self.spare.len() < KEPT {
            work.rest();
            self.spare.push(work);
        }
        self.ended(turn);
        is_all
    }

    /// Sends what there is to an answer. Whether its handler's place is free again.
    fn send(&mut self, rest: BoxFuture<'static, ()>, is_ours: bool, cx: &mut Context<'_>) -> bool {
        let mut sending = match self.endpoint.apart(rest) {
            Ok(sending) => sending,
            Err(rest) => return self.answer(rest, true, cx),
        };
        if is_ours {
            self.answer(sending, false, cx);
        } else if sending.as_mut().poll(cx).is_pending() {
            tokio::spawn(sending);
        }
        true
    }

    /// Goes on with an answer, or with a refusal. Whether it has left.
    fn answer(
        &mut self,
        rest: BoxFuture<'static, ()>,
        was_in_flight: bool,
        cx: &mut Context<'_>,
    ) -> bool {
        // How much is sent at once, the reader bounds.
        let mut answering: Answering = Box::pin(unconstrained(async move {
            rest.await;
            was_in_flight
        }));
        let is_done = answering.as_mut().poll(cx).is_ready();
        if !is_done {
            self.answering.push(answering);
        }
        is_done
    }

    /// A request is done: the next one that waits has its turn.
    fn ended(&mut self, turn: Option<Turn>) {
        // Seldom is there one, and a message is large.
        if let Some(next) = self.endpoint.limits.next(turn) {
            self.turn.push_back(next);
        }
    }

    /// Gives up the handlers that wait, if the endpoint does.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_empty() {
            return Poll::Pending;
        }
        let given_up = self.given_up.get_or_insert_with(|| {
            let endpoint = Arc::clone(&self.endpoint);
            Box::pin(async move { endpoint.abandonment.begun().await })
        });
        if given_up.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.given_up = None;
        for mut waiting in self.waiting.take() {
            // Each is asked once more, and then finds that it has been given up.
            if let Poll::Ready(Some(done)) = waiting.poll_done(cx) {
                self.done(done, cx);
            }
        }
        Poll::Ready(())
    }

    fn done(&mut self, done: Done, cx: &mut Context<'_>) {
        if done.at_once {
            self.wait = false;
        }
        let took = done.work.started.elapsed();
        self.answered(done.work, done.reply, took, cx);
    }
}

/// Serves a request, and those that wait for their turn, in a task of its own.
async fn serve(endpoint: Arc<Endpoint>, request: Arrival) {
    let mut next = Some(request);
    let mut work = endpoint.work();
    let mut given_up = pin!(endpoint.abandonment.begun());
    let mut is_given_up = false;
    while let Some(request) = next {
        if endpoint.is_too_late() {
            endpoint.drop_in_turn();
            next = endpoint.limits.next(endpoint.turn_of(&request.message));
            continue;
        }
        let at = Instant::now();
        let begun = endpoint.begin(&mut work, request, at);
        work.computed = at.elapsed();
        let reply = match begun {
            Some(reply) => reply,
            None => {
                poll_fn(|cx| {
                    // What comes of it, the handler's next turn shows.
                    is_given_up = is_given_up || given_up.as_mut().poll(cx).is_ready();
                    let at = Instant::now();
                    let polled = endpoint.poll(&mut work, cx);
                    work.computed += at.elapsed();
                    polled
                })
                .await
            }
        };
        let took = work.started.elapsed();
        if let Some(rest) = endpoint.conclude(&mut work, reply, took, None) {
            match endpoint.apart(rest) {
                Ok(mut sending) => {
                    let polled = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
                    if polled.is_pending() {
                        tokio::spawn(sending);
                    }
                }
                Err(rest) => rest.await,
            }
        }
        work.rest();
        next = endpoint.limits.next(work.turn);
        // It has computed for long, and others have to run too.
        tokio::task::yield_now().await;
    }
}

impl Receive for Intake {
    fn receive(&mut self, message: Message, cx: &mut Context<'_>) {
        let at = self.now.take().unwrap_or_else(Instant::now);
        if self.endpoint.has_rules() {
            self.receive_by_rules(message, at, cx);
        } else if self.endpoint.limits.enter() {
            self.start(self.arrival(message, at), at, cx);
        } else {
            self.hold(self.arrival(message, at), None, at, cx);
        }
    }

    fn queues(&self) -> bool {
        self.endpoint.is_subscriber()
    }

    fn queue(&mut self, message: Message, _: &mut Context<'_>) {
        let mut event = self.arrival(message, Instant::now());
        if let Some(once) = &self.endpoint.once {
            event = match once.admit(event) {
                surplus::Admission::Serve(event) => event,
                surplus::Admission::Keep => return,
                surplus::Admission::Refuse(_) => return self.endpoint.drop_surplus(1),
            };
        }
        let turn = self.endpoint.turn_of(&event.message);
        if self.endpoint.is_too_late() {
            self.endpoint.drop_late();
        } else if self.endpoint.limits.queue(event, turn) {
            self.behind = true;
        } else {
            self.endpoint.drop_event();
        }
    }

    fn is_ready(&self) -> bool {
        self.answering.is_empty()
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.now = None;
        // Where there is always something to begin, those that wait have their turn first.
        if self.behind
            && let Poll::Ready(Some(Some(done))) = self.waiting.poll_next(cx)
        {
            self.done(done, cx);
        } else if let Poll::Ready(Some(was_in_flight)) = self.answering.poll_next(cx) {
            if was_in_flight {
                // Only requests have answers, and they have no keys.
                self.ended(None);
            }
        } else if let Some(request) = self.turn.pop_front() {
            self.start_in_turn(request, cx);
        } else if let Some(event) = self.catch_up() {
            self.start_in_turn(event, cx);
        } else if let Poll::Ready(Some(done)) = self.waiting.poll_next(cx) {
            if let Some(done) = done {
                self.done(done, cx);
            }
        } else {
            return self.poll_given_up(cx);
        }
        Poll::Ready(())
    }

    fn is_busy(&self) -> bool {
        self.behind
            || !self.turn.is_empty()
            || !self.waiting.is_empty()
            || !self.answering.is_empty()
    }
}

/// Futures that are asked as they are woken. Made for the first: many endpoints never have one.
struct Several<F>(Option<FuturesUnordered<F>>);

impl<F> Default for Several<F> {
    fn default() -> Self {
        Self(None)
    }
}

impl<F: Future> Several<F> {
    fn push(&mut self, future: F) {
        self.0.get_or_insert_default().push(future);
    }

    fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(FuturesUnordered::is_empty)
    }

    /// The next that is done; nothing, if there is none.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        match &mut self.0 {
            Some(futures) => futures.poll_next_unpin(cx),
            None => Poll::Ready(None),
        }
    }

    fn take(&mut self) -> FuturesUnordered<F> {
        self.0.take().unwrap_or_default()
    }
}

/// A request whose handler waits.
struct Waiting {
    /// Nothing once it is done.
    work: Option<Box<Work>>,
    endpoint: Arc<Endpoint>,
    /// Nobody has looked at it yet.
    is_new: bool,
}

/// One whose handler has answered.
struct Done {
    work: Box<Work>,
    reply: Reply,
    /// It did not wait.
    at_once: bool,
}

impl Waiting {
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Option<Done>> {
        let Some(mut work) = self.work.take() else {
            return Poll::Ready(None);
        };
        let at = Instant::now();
        let polled = self.endpoint.poll(&mut work, cx);
        work.computed += at.elapsed();
        let at_once = std::mem::take(&mut self.is_new);
        match polled {
            Poll::Pending => {
                self.work = Some(work);
                Poll::Pending
            }
            Poll::Ready(reply) => Poll::Ready(Some(Done {
                work,
                reply,
                at_once,
            })),
        }
    }
}

impl Future for Waiting {
    type Output = Option<Done>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_done(cx)
    }
}
