//! A message to be sent.

use async_nats::Subject;
use async_nats::message::OutboundMessage;
use bytes::Bytes;

use super::headers::Headers;

/// The subjects of one message, the reply's included. Whoever writes a longer line loses the
/// connection, and with it whatever else goes over it: a long token in a call, or the long reply
/// subject of a stranger, must not do that. What is left is for the two sizes in the line.
pub(super) const SUBJECTS_MAX_BYTES: usize = micro_names::CONTROL_LINE_MAX_BYTES - 32;

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) subject: Subject,
    pub(crate) reply: Option<Subject>,
    pub(crate) headers: Option<Headers>,
    pub(crate) payload: Bytes,
}

impl Outbound {
    /// How many bytes its subjects have in the line that is written for it.
    pub(super) fn subjects_bytes(&self) -> usize {
        let reply = self.reply.as_ref().map_or(0, |reply| reply.len());
        self.subject.len() + reply
    }
}

impl From<Outbound> for OutboundMessage {
    fn from(message: Outbound) -> Self {
        Self {
            subject: message.subject,
            reply: message.reply,
            payload: message.payload,
            headers: message.headers.map(Headers::into_inner),
        }
    }
}
