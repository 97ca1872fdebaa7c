//! One subscription: reading it, and leaving it without losing a request.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_nats::{Message, Subscriber};
use futures_util::{Stream, StreamExt};

/// How many messages a subscription may deliver in all, as the server is told on leaving. The
/// server reads a limit of more than nine digits as "now"; the client, which counts for itself,
/// goes on routing what is still under way.
const NO_MORE: u64 = u64::MAX;

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
}

impl Subscription {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        Self { subscriber }
    }

    /// Tells the server to send nothing more, and goes on receiving what it has sent already.
    pub(crate) async fn leave(&mut self) {
        if let Err(error) = self.subscriber.unsubscribe_after(NO_MORE).await {
            // The command channel is closed: the connection is gone, and with it the interest.
            tracing::debug!(%error, "leaving a subscription of a closed connection");
        }
    }

    /// Ends the subscription: after this, the stream gives what has arrived, then `None`.
    ///
    /// Without `leave` and a barrier before it, this is a plain unsubscribe.
    pub(crate) async fn finish(&mut self) {
        if let Err(error) = self.subscriber.unsubscribe().await {
            tracing::debug!(%error, "ending a subscription of a closed connection");
        }
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.subscriber.poll_next_unpin(cx)
    }
}
