//! A task that reads subscriptions, and the two steps in which it ends.
//!
//! Both steps are asked for from outside, so that all readers of a service can leave, cross one
//! barrier together, and then finish.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;

use super::Message;
use super::subscription::Subscription;

/// How many messages a reader takes, and how much it has of its receiver's work done, before it looks
/// whether it is asked to leave.
const BATCH: usize = 64;

/// What a reader hands each message to.
pub(crate) trait Receive: Send + 'static {
    /// Takes one message, and does with it what can be done at once. The reader waits for the rest, if
    /// there is some, before it hands over the next.
    fn receive(&mut self, message: Message, cx: &mut Context<'_>)
    -> Option<BoxFuture<'static, ()>>;

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
        let (ask, asked) = watch::channel(Phase::Reading);
        let (report, done) = watch::channel(Phase::Reading);
        tokio::spawn(read(source, receiver, asked, report));
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
        let mut asking = pin!(next_phase(&mut asked));
        let step = poll_fn(|cx| {
            // First what is asked: a flood of messages must not keep a reader from leaving.
            match asking.as_mut().poll(cx) {
                Poll::Ready(phase) => Poll::Ready(Step::Asked(phase)),
                Poll::Pending => step(&mut source, &mut receiver, cx),
            }
        });
        match step.await {
            Step::Asked(Phase::Reading) | Step::Again => {}
            Step::Asked(Phase::Left) => {
                meanwhile(&mut receiver, source.leave()).await;
                report.send_replace(Phase::Left);
            }
            Step::Asked(Phase::Finished) => {
                meanwhile(&mut receiver, source.finish()).await;
                break;
            }
            Step::Wait(rest) => meanwhile(&mut receiver, rest).await,
            Step::Ended => break,
        }
    }
    loop {
        match poll_fn(|cx| step(&mut source, &mut receiver, cx)).await {
            Step::Wait(rest) => meanwhile(&mut receiver, rest).await,
            Step::Ended => break,
            Step::Asked(_) | Step::Again => {}
        }
    }
    report.send_replace(Phase::Finished);
    while receiver.is_busy() {
        poll_fn(|cx| receiver.poll_on(cx)).await;
    }
}

/// What a reader does next.
enum Step {
    Asked(Phase),
    Wait(BoxFuture<'static, ()>),
    /// A batch is done, and there may be another.
    Again,
    Ended,
}

/// Hands over the messages that have come by now, and goes on with what earlier ones began.
fn step(source: &mut impl Source, receiver: &mut impl Receive, cx: &mut Context<'_>) -> Poll<Step> {
    let (mut is_read, mut is_idle) = (false, false);
    for _ in 0..BATCH {
        match source.poll_next_unpin(cx) {
            Poll::Ready(Some(message)) => {
                if let Some(rest) = receiver.receive(message, cx) {
                    return Poll::Ready(Step::Wait(rest));
                }
            }
            Poll::Ready(None) => return Poll::Ready(Step::Ended),
            Poll::Pending => {
                is_read = true;
                break;
            }
        }
    }
    for _ in 0..BATCH {
        if receiver.poll_on(cx).is_pending() {
            is_idle = true;
            break;
        }
    }
    if is_read && is_idle {
        Poll::Pending
    } else {
        Poll::Ready(Step::Again)
    }
}

/// Waits for something, and has the receiver go on meanwhile.
async fn meanwhile(receiver: &mut impl Receive, other: impl Future<Output = ()>) {
    let mut other = pin!(other);
    poll_fn(|cx| {
        let polled = other.as_mut().poll(cx);
        while polled.is_pending() && receiver.poll_on(cx).is_ready() {}
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
