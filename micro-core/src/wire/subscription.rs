//! One subscription: reading it, and leaving it without losing a request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

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
    subscriber: Subscriber,
    /// Nothing more will come: what has arrived is all there is.
    ended: bool,
}

impl Subscription {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        Self {
            subscriber,
            ended: false,
        }
    }

    /// Tells the server to send nothing more, and goes on receiving what it has sent already.
    pub(crate) async fn leave(&mut self) {
        let told = self.subscriber.unsubscribe_after(NO_MORE);
        if !matches!(timeout(TELL_WITHIN, told).await, Ok(Ok(()))) {
            // The connection is closed, or down with its queue of commands full: the server has
            // nobody to send to, and the client forgets the subscription when it is dropped.
            tracing::debug!(target: CONNECTION, "the server cannot be told that a subscription is left");
        }
    }

    /// Ends the subscription: after this, the stream gives what has arrived, then `None`.
    ///
    /// Without `leave` and a barrier before it, this is a plain unsubscribe.
    pub(crate) async fn finish(&mut self) {
        let told = self.subscriber.unsubscribe();
        if !matches!(timeout(TELL_WITHIN, told).await, Ok(Ok(()))) {
            tracing::debug!(target: CONNECTION, "the server cannot be told that a subscription has ended");
        }
        self.ended = true;
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        match self.subscriber.poll_next_unpin(cx) {
            Poll::Pending if self.ended => Poll::Ready(None),
            polled => polled,
        }
    }
}
