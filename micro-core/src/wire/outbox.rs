//! Sending at once, without a future: the way of most replies.
//!
//! The future of a publish is large, for what it does when the client is busy, and moved about for
//! each reply. Here the client is asked for room first. Where it has none, and where a connection is
//! in a state in which there is more to consider, [`Connection::answer`] does it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use async_nats::Client;
use async_nats::message::OutboundMessage;
use bytes::Bytes;
use futures_util::Sink;

use super::Subject;
use super::connection::{Connection, PublishError, SUBJECTS_MAX_BYTES};
use super::reply_subject;

pub(crate) struct Outbox {
    connection: Connection,
    client: Client,
    /// Which client of the connection it is.
    version: usize,
}

impl Outbox {
    pub(crate) fn new(connection: Connection) -> Self {
        let version = connection.version();
        Self {
            client: connection.client(),
            connection,
            version,
        }
    }

    /// Whether an answer can be sent now to this subject. If so, it is sent next.
    pub(crate) fn is_ready(&mut self, reply_to: &Subject) -> bool {
        if !self.connection.is_plain() || !is_sent_to(reply_to) {
            return false;
        }
        let version = self.connection.version();
        if self.version != version {
            self.client = self.connection.client();
            self.version = version;
        }
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.client).poll_ready(&mut context) {
            Poll::Ready(ready) => ready.is_ok(),
            Poll::Pending => {
                // Its place in the queue is for those who wait.
                self.client = self.client.clone();
                false
            }
        }
    }

    /// The largest message, in bytes, that the server accepts.
    pub(crate) fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    pub(crate) fn send(&mut self, reply_to: Subject, payload: Bytes) -> Result<(), PublishError> {
        let bytes = payload.len();
        let message = OutboundMessage {
            subject: reply_to,
            reply: None,
            payload,
            headers: None,
        };
        let sent = Pin::new(&mut self.client).start_send(message);
        sent.map_err(|error| self.connection.unsent(error.kind(), bytes))
    }
}

/// Whether an answer may go to a subject: what the client and the connection look at otherwise.
fn is_sent_to(subject: &Subject) -> bool {
    subject.len() <= SUBJECTS_MAX_BYTES
        && subject
            .bytes()
            .fold(0, |odd, byte| odd | u8::from(byte <= b' '))
            == 0
        && reply_subject::check(subject).is_ok()
}
