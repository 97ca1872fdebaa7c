//! The replies to one request that several may answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::{Client, Message, StatusCode, SubscribeError, Subscriber};
use futures_util::StreamExt;

use super::Subject;

/// The largest number of messages that a server is told: nats-server reads a limit of more than
/// nine digits as "now".
const TOLD_MAX: u64 = 999_999_999;

/// The one header that the server has in its word that nobody serves a subject (from 2.12 on).
const SERVED_SUBJECT: &str = "Nats-Subject";

/// How many inboxes are open over a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Inboxes(Arc<AtomicUsize>);

impl Inboxes {
    pub(super) fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn one_more(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }
}

/// One of them.
#[derive(Debug)]
struct Counted(Inboxes);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An inbox of its own for the replies to one request. Dropping it ends the subscription.
#[derive(Debug)]
pub(crate) struct Replies {
    subscriber: Subscriber,
    _counted: Option<Counted>,
}

impl Replies {
    /// Subscribes to a new inbox, whose subject is the reply subject of the request to be sent.
    ///
    /// The server is told to send `at_most` messages: that bounds what can pile up here, however
    /// many answer. It is not told a number that it cannot read; whoever takes the replies counts
    /// them anyway.
    pub(super) async fn open(
        client: &Client,
        inboxes: Option<&Inboxes>,
        at_most: u64,
    ) -> Result<(Subject, Self), SubscribeError> {
        // From before the request is sent: see `moving`.
        let counted = inboxes.map(Inboxes::one_more);
        let inbox = Subject::from(client.new_inbox());
        let mut subscriber = client.subscribe(inbox.clone()).await?;
        if at_most <= TOLD_MAX {
            // This can only fail when the connection is closed, which the request then tells.
            let _ = subscriber.unsubscribe_after(at_most).await;
        }
        let replies = Self {
            subscriber,
            _counted: counted,
        };
        Ok((inbox, replies))
    }

    /// The next reply; `None` when as many as were asked for have come, or the connection is
    /// closed.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.subscriber.next().await
    }
}

/// Whether this is the server's word that nobody serves the subject. Anybody may write the same status
/// into a reply; one that says more than the server does is not its word.
pub(crate) fn says_no_responders(message: &Message) -> bool {
    let mut headers = message.headers.iter().flat_map(|headers| headers.iter());
    message.status == Some(StatusCode::NO_RESPONDERS)
        && message.payload.is_empty()
        && headers.all(|(name, _)| AsRef::<str>::as_ref(name) == SERVED_SUBJECT)
}
