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

    fn queues(&self) -> bool {
        (**self).queues()
    }

    fn queue(&mut self, message: Message, cx: &mut Context<'_>) {
        (**self).queue(message, cx);
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_on(cx)
    }

    fn is_busy(&self) -> bool {
        (**self).is_busy()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use async_nats::Subject;
    use bytes::Bytes;

    use super::*;

    /// Has all that comes wait.
    struct Queue(Arc<Mutex<Vec<Bytes>>>);

    impl Receive for Queue {
        fn receive(&mut self, _: Message, _: &mut Context<'_>) {}

        fn queues(&self) -> bool {
            true
        }

        fn queue(&mut self, message: Message, _: &mut Context<'_>) {
            self.0.lock().unwrap().push(message.payload);
        }
    }

    #[test]
    fn what_queues_does_so_in_a_box() {
        let waiting = Arc::default();
        let mut boxed: Box<dyn Receive> = Box::new(Queue(Arc::clone(&waiting)));
        let of_box: &mut dyn Receive = &mut boxed;
        assert!(of_box.queues());
        let message = Message {
            subject: Subject::from_static("a"),
            reply: None,
            payload: Bytes::from_static(b"kept"),
            headers: None,
            status: None,
            description: None,
            length: 5,
        };
        of_box.queue(message, &mut Context::from_waker(Waker::noop()));
        assert_eq!(*waiting.lock().unwrap(), ["kept"]);
    }
}
