//! The replies to one request that several may answer.

use async_nats::{Client, Message, StatusCode, SubscribeError, Subscriber};
use futures_util::StreamExt;

use super::Subject;

/// The largest number of messages that a server is told: nats-server reads a limit of more than
/// nine digits as "now".
const TOLD_MAX: u64 = 999_999_999;

/// An inbox of its own for the replies to one request. Dropping it ends the subscription.
#[derive(Debug)]
pub(crate) struct Replies {
    subscriber: Subscriber,
}

impl Replies {
    /// Subscribes to a new inbox, whose subject is the reply subject of the request to be sent.
    ///
    /// The server is told to send `at_most` messages: that bounds what can pile up here, however
    /// many answer. It is not told a number that it cannot read; whoever takes the replies counts
    /// them anyway.
    pub(super) async fn open(
        client: &Client,
        at_most: u64,
    ) -> Result<(Subject, Self), SubscribeError> {
        let inbox = Subject::from(client.new_inbox());
        let mut subscriber = client.subscribe(inbox.clone()).await?;
        if at_most <= TOLD_MAX {
            // This can only fail when the connection is closed, which the request then tells.
            let _ = subscriber.unsubscribe_after(at_most).await;
        }
        Ok((inbox, Self { subscriber }))
    }

    /// The next reply; `None` when as many as were asked for have come, or the connection is
    /// closed.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.subscriber.next().await
    }
}

/// Whether this is the server's word that nobody serves the subject.
pub(crate) fn says_no_responders(message: &Message) -> bool {
    message.status == Some(StatusCode::NO_RESPONDERS)
}
