//! A task that reads subscriptions, and the two steps in which it ends.
//!
//! Both steps are asked for from outside, so that all readers of a service can leave, cross one
//! barrier together, and then finish.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::future::join_all;
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::unconstrained;

use super::Message;
use super::home::Home;
use super::subscription::Subscription;

/// How many messages a reader takes, and how much it has of its receiver's work done, before it looks
/// whether it is asked to leave.
const BATCH: usize = 64;

/// What a reader hands each message to.
pub(crate) trait Receive: Send + 'static {
    /// Takes one message, and does with it what can be done at once.
    fn receive(&mut self, message: Message, cx: &mut Context<'_>);

    /// Whether it takes another message now. What keeps it from that, it goes on with when it is polled.
    fn is_ready(&self) -> bool {
        true
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
    fn leave(&mut self) -> impl Future<Output = ()> + Send;
    fn finish(&mut self) -> impl Future<Output = ()> + Send;
}

impl Source for Subscription {
    fn leave(&mut self) -> impl Future<Output = ()> + Send {
        self.leave()
    }

    fn finish(&mut self) -> impl Future<Output = ()> + Send {
        self.finish()
    }
}

impl Source for SelectAll<Subscription> {
    async fn leave(&mut self) {
        join_all(self.iter_mut().map(Subscription::leave)).await;
    }

    async fn finish(&mut self) {
        let mut members: Vec<_> = std::mem::take(self).into_iter().collect();
        join_all(members.iter_mut().map(Subscription::finish)).await;
        // Put together anew: members are polled when they are new or when they are woken, and
        // ending one wakes nobody.
        self.extend(members);
    }
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Reading,
    Left,
    Finished,
}

/// The outside of a reading task. Dropping it lets the task read on.
#[derive(Debug)]
pub(crate) struct Reader {
    ask: watch::Sender<Phase>,
    done: watch::Receiver<Phase>,
}

impl Reader {
    /// Starts reading `source` in a task of its own.
    pub(crate) fn start(source: impl Source, receiver: impl Receive) -> Self {
        Self::start_on(&Handle::current(), None, source, receiver)
    }

    /// The same on another runtime, for as long as its `home` is there, if it has one.
    pub(crate) fn start_on(
        runtime: &Handle,
        home: Option<&Home>,
        source: impl Source,
        receiver: impl Receive,
    ) -> Self {
        let (ask, asked) = watch::channel(Phase::Reading);
        let (report, done) = watch::channel(Phase::Reading);
        let reading = read(source, receiver, asked, report);
        match home {
            Some(home) => home.send(runtime, reading),
            None => drop(runtime.spawn(reading)),
        }
        Self { ask, done }
    }

    /// Tells the server to send nothing more. What is under way goes on being received.
    pub(crate) async fn leave(&self) {
        self.reach(Phase::Left).await;
    }

    /// Once a barrier has been crossed: hands over what has arrived, and ends.
    pub(crate) async fn finish(&self) {
        self.reach(Phase::Finished).await;
    }

    /// Waits until the task has read everything there will ever be, asked to or not.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut done = self.done.clone();
        async move {
            let _ = done.wait_for(|done| *done == Phase::Finished).await;
        }
    }

    async fn reach(&self, phase: Phase) {
        self.ask.send_replace(phase);
        // An error means that the task is gone, which is as far as it can come.
        let _ = self.done.clone().wait_for(|done| *done >= phase).await;
    }
}

async fn read(
    mut source: impl Source,
    mut receiver: impl Receive,
    mut asked: watch::Receiver<Phase>,
    report: watch::Sender<Phase>,
) {
    loop {
        // Heard whatever this task has used up of what it may do at a time.
        let mut asking = pin!(unconstrained(next_phase(&mut asked)));
        let next = poll_fn(|cx| {
            // First what is asked: a flood of messages must not keep a reader from leaving.
            match asking.as_mut().poll(cx) {
                Poll::Ready(phase) => Poll::Ready(Some(phase)),
                Poll::Pending => step(&mut source, &mut receiver, cx).map(|Ended| None),
            }
        });
        match next.await {
            Some(Phase::Reading) => {}
            Some(Phase::Left) => {
                meanwhile(&mut receiver, source.leave()).await;
                report.send_replace(Phase::Left);
            }
            Some(Phase::Finished) => {
                meanwhile(&mut receiver, source.finish()).await;
                poll_fn(|cx| step(&mut source, &mut receiver, cx)).await;
                break;
            }
            None => break,
        }
    }
    report.send_replace(Phase::Finished);
    poll_fn(|cx| go_on(&mut receiver, cx)).await;
}

/// The source has ended.
struct Ended;

/// Hands over the messages that have come by now, and goes on with what earlier ones began, until the
/// source ends. A batch of each at a time, so that others have their turn too.
fn step(
    source: &mut impl Source,
    receiver: &mut impl Receive,
    cx: &mut Context<'_>,
) -> Poll<Ended> {
    let mut is_read = false;
    for _ in 0..BATCH {
        if !receiver.is_ready() {
            break;
        }
        // A batch is bound enough; what a task may do at a time is for handlers.
        match pin!(unconstrained(source.next())).poll(cx) {
            Poll::Ready(Some(message)) => receiver.receive(message, cx),
            Poll::Ready(None) => return Poll::Ready(Ended),
            Poll::Pending => {
                is_read = true;
                break;
            }
        }
    }
    let is_idle = go_on_for_a_while(receiver, cx);
    if !is_idle || !is_read && receiver.is_ready() {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// Whether there is nothing more to go on with now.
fn go_on_for_a_while(receiver: &mut impl Receive, cx: &mut Context<'_>) -> bool {
    (0..BATCH).any(|_| receiver.poll_on(cx).is_pending())
}

/// Ready when everything that was begun is done.
fn go_on(receiver: &mut impl Receive, cx: &mut Context<'_>) -> Poll<()> {
    let is_idle = go_on_for_a_while(receiver, cx);
    if !receiver.is_busy() {
        return Poll::Ready(());
    }
    if !is_idle {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// Waits for something, and has the receiver go on meanwhile.
async fn meanwhile(receiver: &mut impl Receive, other: impl Future<Output = ()>) {
    let mut other = pin!(other);
    poll_fn(|cx| {
        let polled = other.as_mut().poll(cx);
        if polled.is_pending() && !go_on_for_a_while(receiver, cx) {
            cx.waker().wake_by_ref();
        }
        polled
    })
    .await;
}

/// The next thing that is asked; nothing ever, once nobody is left to ask.
async fn next_phase(asked: &mut watch::Receiver<Phase>) -> Phase {
    if asked.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    *asked.borrow_and_update()
}
