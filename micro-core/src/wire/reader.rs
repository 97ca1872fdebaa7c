//! A task that reads subscriptions, and the two steps in which it ends.
//!
//! Both steps are asked for from outside, so that all readers of a service can leave, cross one
//! barrier together, and then finish.

use std::future::{Future, poll_fn};
use std::task::Poll;

use futures_util::future::join_all;
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::watch;

use super::Message;
use super::subscription::Subscription;

/// How many messages a reader takes, and how much it has of its receiver's work done, before it looks
/// at the other again.
const BATCH: usize = 64;

/// What a reader hands each message to.
pub(crate) trait Receive: Send + 'static {
    /// Takes one message. The reader goes on when this returns.
    fn receive(&mut self, message: Message) -> impl Future<Output = ()> + Send;

    /// Goes on with what has been begun with earlier messages, and returns when some of that is done;
    /// never, when there is nothing. The reader drops this when there is something to read, and
    /// asks again.
    fn go_on(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Goes on until all of it is done.
    fn complete(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
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
    let mut batch = Vec::new();
    let mut ended = false;
    while !ended {
        tokio::select! {
            // First what is asked: a flood of messages must not keep a reader from leaving.
            biased;
            phase = next_phase(&mut asked) => match phase {
                Phase::Reading => {}
                Phase::Left => {
                    meanwhile(&mut receiver, source.leave()).await;
                    report.send_replace(Phase::Left);
                }
                Phase::Finished => {
                    meanwhile(&mut receiver, source.finish()).await;
                    break;
                }
            },
            more = next_batch(&mut source, &mut batch) => ended = !more,
            () = receiver.go_on() => {}
        }
        for message in batch.drain(..) {
            receiver.receive(message).await;
        }
        for _ in 0..BATCH {
            if receiver.go_on().now_or_never().is_none() {
                break;
            }
        }
    }
    while let Some(message) = source.next().await {
        receiver.receive(message).await;
    }
    report.send_replace(Phase::Finished);
    receiver.complete().await;
}

/// The messages that have come by now, as far as they go into one batch; waits for the first.
/// `false` once there will be none any more.
async fn next_batch(source: &mut impl Source, batch: &mut Vec<Message>) -> bool {
    poll_fn(|cx| {
        while batch.len() < BATCH {
            match source.poll_next_unpin(cx) {
                Poll::Ready(Some(message)) => batch.push(message),
                Poll::Ready(None) => return Poll::Ready(false),
                Poll::Pending if batch.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(true)
    })
    .await
}

/// Has the receiver go on while something else is waited for.
async fn meanwhile(receiver: &mut impl Receive, other: impl Future<Output = ()>) {
    let mut other = std::pin::pin!(other);
    loop {
        tokio::select! {
            biased;
            () = &mut other => return,
            () = receiver.go_on() => {}
        }
    }
}

/// The next thing that is asked; nothing ever, once nobody is left to ask.
async fn next_phase(asked: &mut watch::Receiver<Phase>) -> Phase {
    if asked.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    *asked.borrow_and_update()
}
