//! One event, as it was read.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::error::EventError;
use super::subject::Pattern;
use crate::codec;
use crate::wire::{Headers, Message, Subject};

/// An event, with what came beside its value.
#[derive(Clone)]
#[non_exhaustive]
pub struct Event<T> {
    /// The value.
    pub payload: T,
    subject: Subject,
    reply: Option<Subject>,
    headers: Option<Headers>,
    pattern: Arc<Pattern>,
}

impl<T> Event<T> {
    /// The subject that it was published to.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Where whoever has published it waits for an answer; `None` when nobody does. To answer,
    /// [`publish`](crate::Connection::publish) there: it is what a stranger wrote, and is refused if it is
    /// reserved. What must be answered is for an endpoint: a connection that moves to another server waits for
    /// the answers of endpoints, and for none to events.
    pub fn reply_subject(&self) -> Option<&str> {
        self.reply.as_deref()
    }

    /// The first value of a header. Names are case-sensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.get(name)
    }

    /// The headers, if it has any.
    pub fn headers(&self) -> Option<&Headers> {
        self.headers.as_ref()
    }

    /// The token of the subject that stands for `{name}` in the subscription's.
    pub fn placeholder(&self, name: &str) -> Option<&str> {
        self.pattern.placeholder(name, &self.subject)
    }
}

impl<T: DeserializeOwned + 'static> Event<T> {
    pub(super) fn read(message: Message, pattern: &Arc<Pattern>) -> Result<Self, EventError> {
        match codec::decode_guarded(&message.payload) {
            Ok(payload) => Ok(Self {
                payload,
                subject: message.subject,
                reply: message.reply,
                headers: message.headers.map(Headers::from_inner),
                pattern: Arc::clone(pattern),
            }),
            Err(source) => Err(EventError::Decode {
                subject: message.subject.to_string(),
                source,
            }),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Event<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("subject", &self.subject())
            .field("payload", &self.payload)
            .field("reply_subject", &self.reply_subject())
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
