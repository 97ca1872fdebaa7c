//! Sending at once: the way of most replies.
//!
//! The future of a publish is large, for what it does when the client is busy. Here it is asked once,
//! where it stands, and that is all if the client has room, as it nearly always does. If it has none, the
//! message has not been sent: then, and where a connection is in a state in which there is more to
//! consider, [`Connection::answer`] does it.

use std::fmt;
use std::pin::pin;
use std::task::{Context, Poll};

use async_nats::Client;
use async_nats::client::traits::Publisher as _;
use async_nats::message::OutboundMessage;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::task::unconstrained;

use super::Subject;
use super::connection::Connection;
use super::error::PublishError;
use super::outbound::{Outbound, SUBJECTS_MAX_BYTES};
use super::reply_subject;

pub(crate) struct Outbox {
    connection: Connection,
    client: Client,
    /// Which client of the connection it is.
    version: usize,
    /// Where the last one went: a copy, in memory that is there, for what was read from the wire has to
    /// ask for some to be cloned.
    reply_to: String,
}

/// How far a message came.
pub(crate) enum Sent {
    Now(Result<(), PublishError>),
    Later(BoxFuture<'static, Result<(), PublishError>>),
}

impl Outbox {
    pub(crate) fn new(connection: Connection) -> Self {
        let version = connection.version();
        Self {
            client: connection.client(),
            connection,
            version,
            reply_to: String::new(),
        }
    }

    /// Whether [`send`](Self::send) is for this answer.
    pub(crate) fn takes(&mut self, reply_to: &Subject, payload: &Bytes) -> bool {
        if !self.connection.is_plain() || !is_sent_to(reply_to) {
            return false;
        }
        let version = self.connection.version();
        if self.version != version {
            self.client = self.connection.client();
            self.version = version;
        }
        payload.len() <= self.client.max_payload()
    }

    pub(crate) fn send(&mut self, reply_to: Subject, payload: Bytes, cx: &mut Context<'_>) -> Sent {
        let bytes = payload.len();
        let kept = payload.clone();
        self.reply_to.clear();
        self.reply_to.push_str(&reply_to);
        let message = OutboundMessage {
            subject: reply_to,
            reply: None,
            payload,
            headers: None,
        };
        // How much is sent at once, the reader bounds.
        let sending = pin!(unconstrained(self.client.publish_message(message)));
        match sending.poll(cx) {
            Poll::Ready(Ok(())) => Sent::Now(Ok(())),
            Poll::Ready(Err(error)) => Sent::Now(Err(self.connection.unsent(error.kind(), bytes))),
            // The client is busy. This message has not been sent and will not be.
            Poll::Pending => {
                let connection = self.connection.clone();
                let subject = Subject::from(self.reply_to.as_str());
                Sent::Later(Box::pin(async move {
                    let message = Outbound {
                        subject,
                        reply: None,
                        headers: None,
                        payload: kept,
                    };
                    connection.answer(message).await
                }))
            }
        }
    }
}

/// Whether an answer may go to a subject: what the client and the connection look at otherwise.
fn is_sent_to(subject: &Subject) -> bool {
    subject.len() <= SUBJECTS_MAX_BYTES && reply_subject::check(subject).is_ok()
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}
