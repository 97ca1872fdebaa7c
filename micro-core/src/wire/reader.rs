//! A task that reads subscriptions, and the two steps in which it ends.
//!
//! Both steps are asked for from outside, so that all readers of a service can leave, cross one
//! barrier together, and then finish.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::SelectAll;
use futures_util::task::AtomicWaker;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::unconstrained;

use super::Message;
use super::home::Home;
use super::subscription::Subscription;
use crate::task;

/// What a reader does at a time, before others on its thread have their turn and it looks whether it is
/// asked to leave: so many messages to take, and as many things of its receiver's to go on with. The
/// client reads a thousand messages and more at a time, and writes what there is when it is its turn:
/// the fewer turns, the fewer writes.
const AT_A_TIME: usize = 1024;

/// How many messages more it takes where its receiver [queues](Receive::queues): as many as the client
/// holds for one subscription, unless it is told otherwise.
const QUEUED_AT_A_TIME: usize = 65_536;

/// How long that may take, from the first [`LOOK_EVERY`] on.
const WITHIN: Duration = Duration::from_micros(500);

/// How often it looks at the clock, which costs more than many a step.
const LOOK_EVERY: usize = 16;

/// What a reader hands each message to.
pub(crate) trait Receive: Send + 'static {
    /// Takes one message, and does with it what can be done at once.
    fn receive(&mut self, message: Message, cx: &mut Context<'_>);

    /// Whether it takes another message now. What keeps it from that, it goes on with when it is polled.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether it takes what there was no time for as well: then nothing piles up in the client, which
    /// drops what is too much for it and does not say whose it was.
    fn queues(&self) -> bool {
        false
    }

    /// Takes one message, and does it later.
    fn queue(&mut self, message: Message, cx: &mut Context<'_>) {
        self.receive(message, cx);
    }

    /// Goes on with what was begun with earlier messages; ready when some of that is done.
    fn poll_on(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Whether there is something to go on with.
    fn is_busy(&self) -> bool {
        false
    }
}

/// What a reader reads: one subscription, or several as one.
pub(crate) trait Source: Stream<Item = Message> + Unpin + Send + 'static {
    fn leave(&mut self) -> BoxFuture<'static, ()>;
    fn finish(&mut self) -> BoxFuture<'static, ()>;
}

impl Source for Subscription {
    fn leave(&mut self) -> BoxFuture<'static, ()> {
        Subscription::leave(self).boxed()
    }

    fn finish(&mut self) -> BoxFuture<'static, ()> {
        Subscription::finish(self).boxed()
    }
}

impl Source for SelectAll<Subscription> {
    fn leave(&mut self) -> BoxFuture<'static, ()> {
        task::all(self.iter().map(|member| member.leave().boxed()))
    }

    fn finish(&mut self) -> BoxFuture<'static, ()> {
        let mut members: Vec<_> = std::mem::take(self).into_iter().collect();
        let finishing = task::all(members.iter_mut().map(|member| member.finish().boxed()));
        // Put together anew: members are polled when they are new or when they are woken, and
        // ending one wakes nobody.
        self.extend(members);
        finishing
    }
}

/// How far a reader has come, or is to come.
const READING: u8 = 0;
const LEFT: u8 = 1;
const FINISHED: u8 = 2;

/// What a reader and its outside say to each other. There may be a thousand of them: two channels
/// would be larger than all the rest of a reader.
#[derive(Debug, Default)]
struct Steps {
    asked: AtomicU8,
    done: AtomicU8,
    reader: AtomicWaker,
    told: Notify,
}

impl Steps {
    fn tell(&self, done: u8) {
        self.done.store(done, Ordering::Release);
        self.told.notify_waiters();
    }

    async fn reached(&self, step: u8) {
        loop {
            // Made before the look, so that what happens in between is not missed.
            let told = self.told.notified();
            if self.done.load(Ordering::Acquire) >= step {
                return;
            }
            told.await;
        }
    }
}

/// The outside of a reading task. Dropping it lets the task read on.
#[derive(Debug)]
pub(crate) struct Reader {
    steps: Arc<Steps>,
}

impl Reader {
    /// Starts reading `source` in a task of its own on a runtime, for as long as its `home` is there, if it
    /// has one.
    pub(crate) fn start(
        runtime: &Handle,
        home: Option<&Home>,
        source: impl Source,
        receiver: impl Receive,
    ) -> Self {
        let steps = Arc::new(Steps::default());
        let reading = Reading {
            source,
            receiver,
            told: Told(Arc::clone(&steps)),
            asked: READING,
            doing: None,
            stage: Stage::Reading,
        };
        match home {
            Some(home) => home.send(runtime, reading),
            None => drop(runtime.spawn(reading)),
        }
        Self { steps }
    }

    /// Tells the server to send nothing more. What is under way goes on being received.
    pub(crate) async fn leave(&self) {
        self.reach(LEFT).await;
    }

    /// Once a barrier has been crossed: hands over what has arrived, and ends.
    pub(crate) async fn finish(&self) {
        self.reach(FINISHED).await;
    }

    /// Waits until the task has read everything there will ever be, asked to or not.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let steps = Arc::clone(&self.steps);
        async move { steps.reached(FINISHED).await }
    }

    /// Has it end without waiting for anything: what is under way is nobody's.
    pub(crate) fn abandon(&self) {
        self.steps.asked.fetch_max(FINISHED, Ordering::AcqRel);
        self.steps.reader.wake();
    }

    async fn reach(&self, step: u8) {
        self.steps.asked.fetch_max(step, Ordering::AcqRel);
        self.steps.reader.wake();
        self.steps.reached(step).await;
    }
}

/// The end of a reader, however that comes: nobody waits for it in vain.
struct Told(Arc<Steps>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.tell(FINISHED);
    }
}

/// The task. A future by hand, with what is seldom needed boxed: there may be a thousand of them.
struct Reading<S, R> {
    source: S,
    receiver: R,
    told: Told,
    stage: Stage,
    /// What it was asked last.
    asked: u8,
    /// What it does of that, and reads nothing meanwhile.
    doing: Option<BoxFuture<'static, ()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Reading,
    /// The server is being told to send nothing more.
    Leaving,
    /// Nothing is asked any more: there is an end.
    Ending,
    /// All has been read, and the receiver goes on with it.
    Read,
}

/// Nothing in it is polled where it lies.
impl<S, R> Unpin for Reading<S, R> {}

impl<S: Source, R: Receive> Future for Reading<S, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if let Some(doing) = &mut this.doing {
                if doing.as_mut().poll(cx).is_pending() {
                    if !goes_on(&mut this.receiver, cx) {
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
                this.doing = None;
                if this.stage == Stage::Leaving {
                    this.stage = Stage::Reading;
                    this.told.0.tell(LEFT);
                }
            }
            if this.stage == Stage::Read {
                return finish(&mut this.receiver, cx);
            }
            // First what is asked: a flood of messages must not keep a reader from leaving.
            if this.does_as_asked() {
                continue;
            }
            if step(&mut this.source, &mut this.receiver, cx).is_ready() {
                this.stage = Stage::Read;
                this.told.0.tell(FINISHED);
                continue;
            }
            this.told.0.reader.register(cx.waker());
            // What was asked just before that woke nobody.
            if !this.does_as_asked() {
                return Poll::Pending;
            }
        }
    }
}

impl<S: Source, R: Receive> Reading<S, R> {
    /// Begins with what is asked, if that is something new.
    fn does_as_asked(&mut self) -> bool {
        let asked = self.told.0.asked.load(Ordering::Acquire);
        if asked == self.asked || self.stage != Stage::Reading {
            return false;
        }
        self.asked = asked;
        let (stage, doing) = if asked == LEFT {
            (Stage::Leaving, self.source.leave())
        } else {
            (Stage::Ending, self.source.finish())
        };
        self.stage = stage;
        self.doing = Some(doing);
        true
    }
}

/// Hands over the messages that have come by now, and goes on with what earlier ones began; ready when
/// the source has ended. A batch of each at a time, so that others have their turn too.
fn step(source: &mut impl Source, receiver: &mut impl Receive, cx: &mut Context<'_>) -> Poll<()> {
    let mut is_read = false;
    let mut turn = Turn::default();
    while turn.goes_on() {
        if !receiver.is_ready() {
            break;
        }
        // A batch is bound enough; what a task may do at a time is for handlers.
        match pin!(unconstrained(source.next())).poll(cx) {
            Poll::Ready(Some(message)) => receiver.receive(message, cx),
            Poll::Ready(None) => return Poll::Ready(()),
            Poll::Pending => {
                is_read = true;
                break;
            }
        }
    }
    if !is_read && receiver.queues() {
        match queue(source, receiver, cx) {
            Poll::Ready(()) => return Poll::Ready(()),
            Poll::Pending => is_read = true,
        }
    }
    let is_idle = goes_on(receiver, cx);
    if !is_idle || !is_read && receiver.is_ready() {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// Hands over what else has come by now, to be done later; ready when the source has ended.
fn queue(source: &mut impl Source, receiver: &mut impl Receive, cx: &mut Context<'_>) -> Poll<()> {
    for _ in 0..QUEUED_AT_A_TIME {
        match pin!(unconstrained(source.next())).poll(cx) {
            Poll::Ready(Some(message)) => receiver.queue(message, cx),
            Poll::Ready(None) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
    // There may be more.
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Goes on for a while with what was begun. Whether there is nothing more to go on with now.
fn goes_on(receiver: &mut impl Receive, cx: &mut Context<'_>) -> bool {
    let mut turn = Turn::default();
    while turn.goes_on() {
        if receiver.poll_on(cx).is_pending() {
            return true;
        }
    }
    false
}

/// How far a reader is with what it does at a time.
#[derive(Default)]
struct Turn {
    steps: usize,
    since: Option<Instant>,
}

impl Turn {
    fn goes_on(&mut self) -> bool {
        let looks = self.steps > 0 && self.steps.is_multiple_of(LOOK_EVERY);
        self.steps += 1;
        !looks || self.steps <= AT_A_TIME && self.is_in_time()
    }

    fn is_in_time(&mut self) -> bool {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        now.duration_since(since) < WITHIN
    }
}

/// Ready when everything that was begun is done.
fn finish(receiver: &mut impl Receive, cx: &mut Context<'_>) -> Poll<()> {
    let is_idle = goes_on(receiver, cx);
    if !receiver.is_busy() {
        return Poll::Ready(());
    }
    if !is_idle {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}
