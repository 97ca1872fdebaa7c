//! Readers of what is no request to an endpoint: questions of the discovery, and what comes late while a
//! connection moves.
//!
//! There is little of it, so all of them are one kind of task, whatever they hand messages to.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::SelectAll;

use super::{Message, Reader, Receive, Subscription};

/// Starts reading subscriptions as one.
pub(crate) fn read_aside(
    subscriptions: impl IntoIterator<Item = Subscription>,
    receiver: impl Receive,
) -> Reader {
    let receiver: Box<dyn Receive> = Box::new(receiver);
    let mut source = SelectAll::new();
    source.extend(subscriptions);
    Reader::start(source, receiver)
}

impl Receive for Box<dyn Receive> {
    fn receive(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
    ) -> Option<BoxFuture<'static, ()>> {
        (**self).receive(message, cx)
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_on(cx)
    }

    fn is_busy(&self) -> bool {
        (**self).is_busy()
    }
}
