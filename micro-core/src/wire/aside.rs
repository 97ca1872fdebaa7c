//! Readers of what is no request to an endpoint: questions of the discovery, and what comes late while a
//! connection moves.
//!
//! There is little of it, so all of them are one kind of task, whatever they hand messages to.

use std::task::{Context, Poll};

use futures_util::stream::SelectAll;
use tokio::runtime::Handle;

use super::{Home, Message, Reader, Receive, Subscription};

/// Starts reading subscriptions as one, on a runtime, for as long as its `home` is there.
pub(crate) fn read_aside(
    runtime: &Handle,
    home: Option<&Home>,
    subscriptions: impl IntoIterator<Item = Subscription>,
    receiver: impl Receive,
) -> Reader {
    let receiver: Box<dyn Receive> = Box::new(receiver);
    let mut source = SelectAll::new();
    source.extend(subscriptions);
    Reader::start(runtime, home, source, receiver)
}

impl Receive for Box<dyn Receive> {
    fn receive(&mut self, message: Message, cx: &mut Context<'_>) {
        (**self).receive(message, cx);
    }

    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_on(cx)
    }

    fn is_busy(&self) -> bool {
        (**self).is_busy()
    }
}
