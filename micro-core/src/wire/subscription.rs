//! One subscription: reading it, and leaving it without losing a request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use futures_util::{Stream, StreamExt};
use tokio::sync::{RwLock, mpsc};
use tokio::task::coop::has_budget_remaining;
use tokio::time::timeout;

use super::moving::{Bridge, Known};
use crate::log::CONNECTION;

/// How many messages a subscription may deliver in all, as the server is told on leaving. The
/// server reads a limit of more than nine digits as "now"; the client, which counts for itself,
/// goes on routing what is still under way.
const NO_MORE: u64 = u64::MAX;

/// How long the client may take to accept a command. It queues 2,048 of them and works them off at
/// once, unless it is disconnected: then it takes none until it is back.
const TELL_WITHIN: Duration = Duration::from_millis(500);

/// A subscription of an endpoint or of a discovery verb.
///
/// Leaving takes two steps with a [barrier](super::barrier) between them, so that many
/// subscriptions can share one: [`leave`](Self::leave) each, cross the barrier, then
/// [`finish`](Self::finish) each and read to the end.
///
/// `Subscriber::drain` would be one step, and loses requests: async-nats forgets the subscription
/// when it next wakes up, not when the server has answered, so a request that the server had
/// already sent is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    slot: Arc<Slot>,
    /// Nothing more will come: what has arrived is all there is.
    ended: bool,
}

/// What a subscription reads. When the connection [moves](super::moving), that is exchanged.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) subject: String,
    pub(super) queue_group: Option<String>,
    /// Held while the connection moves, which nothing can leave then.
    gate: Option<Arc<RwLock<()>>>,
    state: Mutex<State>,
}

/// What is owed to those who name a reply subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    Owed,
    None,
}

#[derive(Debug)]
struct State {
    /// Nothing while somebody else has it.
    subscriber: Option<Subscriber>,
    /// What still comes by the ways that were read before.
    late: Vec<mpsc::UnboundedReceiver<Message>>,
    /// What has come by such a way, and comes again by this one.
    known: Option<Known>,
    /// What it is read from, if that stands in for the connection.
    bridge: Option<Arc<Bridge>>,
    waker: Option<Waker>,
    left: bool,
    answers: Answers,
    /// Whether there will be something else to read when this ends of itself.
    is_kept: bool,
    /// Nothing comes any more, whatever the client does.
    is_over: bool,
}

impl Subscription {
    /// A subscription of a connection, which can move it; and, if it `is_kept`, has another client
    /// serve it when its own has failed.
    pub(super) fn new(
        subscriber: Subscriber,
        subject: &str,
        queue_group: Option<&str>,
        gate: &Arc<RwLock<()>>,
        is_kept: bool,
    ) -> Self {
        let gate = Some(Arc::clone(gate));
        let queue_group = queue_group.map(str::to_owned);
        Self::of(subscriber, subject.to_owned(), queue_group, gate, is_kept)
    }

    /// One that is read to its end by a move.
    pub(super) fn alone(subscriber: Subscriber) -> Self {
        Self::of(subscriber, String::new(), None, None, false)
    }

    fn of(
        subscriber: Subscriber,
        subject: String,
        queue_group: Option<String>,
        gate: Option<Arc<RwLock<()>>>,
        is_kept: bool,
    ) -> Self {
        let state = State {
            subscriber: Some(subscriber),
            late: Vec::new(),
            known: None,
            bridge: None,
            waker: None,
            left: false,
            answers: Answers::Owed,
            is_kept,
            is_over: false,
        };
        let slot = Slot {
            subject,
            queue_group,
            gate,
            state: Mutex::new(state),
        };
        Self {
            slot: Arc::new(slot),
            ended: false,
        }
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// What comes is never answered: no connection is kept for the answers.
    pub(crate) fn owes_nothing(&self) {
        self.slot.state().answers = Answers::None;
    }

    /// Tells the server to send nothing more, and goes on receiving what it has sent already.
    pub(crate) fn leave(&self) -> impl Future<Output = ()> + Send + 'static {
        Arc::clone(&self.slot).leave()
    }

    /// Ends the subscription: after this, the stream gives what has arrived, then `None`.
    ///
    /// Without `leave` and a barrier before it, this is a plain unsubscribe.
    pub(crate) fn finish(&mut self) -> impl Future<Output = ()> + Send + 'static {
        self.ended = true;
        Arc::clone(&self.slot).finish()
    }
}

impl Slot {
    async fn leave(self: Arc<Self>) {
        // A move that begins now sees this and waits; for one that is under way, we do.
        self.state().left = true;
        if let Some(gate) = &self.gate {
            drop(gate.read().await);
        }
        let Some(mut subscriber) = self.take() else {
            return;
        };
        let told = subscriber.unsubscribe_after(NO_MORE);
        if !matches!(timeout(TELL_WITHIN, told).await, Ok(Ok(()))) {
            // The connection is closed, or down with its queue of commands full: the server has
            // nobody to send to, and the client forgets the subscription when it is dropped.
            tracing::debug!(target: CONNECTION, "the server cannot be told that a subscription is left");
        }
        self.put_back(subscriber);
    }

    async fn finish(self: Arc<Self>) {
        let Some(mut subscriber) = self.take() else {
            return;
        };
        let told = subscriber.unsubscribe();
        if !matches!(timeout(TELL_WITHIN, told).await, Ok(Ok(()))) {
            tracing::debug!(target: CONNECTION, "the server cannot be told that a subscription has ended");
        }
        self.put_back(subscriber);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether those who name a reply subject are owed an answer.
    pub(super) fn owes(&self) -> bool {
        self.state().answers == Answers::Owed
    }

    /// Whether it is being left for good.
    pub(super) fn is_left(&self) -> bool {
        self.state().left
    }

    fn take(&self) -> Option<Subscriber> {
        self.state().subscriber.take()
    }

    /// Has somebody else read it: what that is, and what of it is known already.
    pub(super) fn hand_over(&self) -> Option<(Subscriber, Option<Known>)> {
        let mut state = self.state();
        Some((state.subscriber.take()?, state.known.take()))
    }

    /// Nothing takes over when its client ends.
    pub(super) fn let_go(&self) {
        let mut state = self.state();
        state.is_kept = false;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Ends it with what has come, though its client lives on.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn put_back(&self, subscriber: Subscriber) {
        self.state().subscriber = Some(subscriber);
    }

    /// Reads this from now on, but for what is known already.
    pub(super) fn put(
        &self,
        subscriber: Subscriber,
        known: Option<Known>,
        bridge: Option<&Arc<Bridge>>,
    ) {
        let mut state = self.state();
        state.subscriber = Some(subscriber);
        state.known = known;
        state.bridge = bridge.cloned();
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Where to send what still comes by a way that was read before.
    pub(super) fn late(&self) -> mpsc::UnboundedSender<Message> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.state();
        state.late.push(receiver);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        sender
    }
}

/// Asks the server for a subject.
pub(super) async fn subscribe(
    client: &Client,
    subject: &str,
    queue_group: Option<&str>,
) -> Result<Subscriber, async_nats::SubscribeError> {
    let subject = subject.to_owned();
    match queue_group {
        Some(group) => client.queue_subscribe(subject, group.to_owned()).await,
        None => client.subscribe(subject).await,
    }
}

impl State {
    fn poll_next(&mut self, cx: &mut Context<'_>, ended: bool) -> Poll<Option<Message>> {
        let mut next = None;
        self.late.retain_mut(|late| {
            if next.is_some() {
                return true;
            }
            match late.poll_recv(cx) {
                Poll::Ready(Some(message)) => {
                    next = Some(message);
                    true
                }
                Poll::Ready(None) => false,
                Poll::Pending => true,
            }
        });
        if next.is_some() {
            return Poll::Ready(next);
        }
        loop {
            let mut polled = match &mut self.subscriber {
                Some(subscriber) => subscriber.poll_next_unpin(cx),
                None => Poll::Pending,
            };
            if matches!(polled, Poll::Ready(None)) && self.is_kept && !self.left {
                polled = Poll::Pending;
            }
            if let (Poll::Ready(Some(message)), Some(known)) = (&polled, &mut self.known)
                && known.has(message)
            {
                continue;
            }
            // What had been kept has been read then, unless it is only that others have to run too.
            if polled.is_pending()
                && has_budget_remaining()
                && self.known.as_ref().is_some_and(Known::is_over)
            {
                self.known = None;
            }
            if let (Poll::Ready(Some(message)), Some(bridge)) = (&polled, &self.bridge)
                && self.answers == Answers::Owed
            {
                bridge.owes(message);
            }
            return match polled {
                // The budget may be what there is none of.
                Poll::Pending if self.is_over && has_budget_remaining() => Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending if !self.late.is_empty() => Poll::Pending,
                Poll::Pending if ended => Poll::Ready(None),
                polled => polled,
            };
        }
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.slot.state();
        let polled = state.poll_next(cx, self.ended);
        if polled.is_pending() {
            match &mut state.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
        polled
    }
}
