//! What can come of publishing and of reading.

use micro_names::{Problem, Shown};

use crate::codec::DecodeError;
use crate::wire::{FlushError, HeaderError, PublishError, Subject};

/// Why an event was not published.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// No event can go to the subject, or be answered at the reply subject.
    #[error("cannot publish to `{subject}`: {problem}")]
    #[non_exhaustive]
    Subject {
        /// The subject, made fit to be shown.
        subject: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A header cannot be sent.
    #[error("cannot publish to `{subject}`: {source}")]
    #[non_exhaustive]
    Header {
        /// The subject.
        subject: String,
        /// What is wrong with the header.
        source: HeaderError,
    },
    /// The event cannot be written as JSON.
    #[error("cannot publish to `{subject}`: {reason}")]
    #[non_exhaustive]
    Encode {
        /// The subject.
        subject: String,
        /// What its type said, or that it panicked.
        reason: String,
    },
    /// The event, headers included, is larger than the server accepts. It was not sent.
    #[error(
        "cannot publish to `{subject}`: an event of {bytes} bytes and its headers exceed the server's limit of {limit_bytes} bytes; keep the data elsewhere, and publish where it is (a claim check)"
    )]
    #[non_exhaustive]
    TooLarge {
        /// The subject.
        subject: String,
        /// The size of the body, in bytes.
        bytes: usize,
        /// What the server accepts, in bytes.
        limit_bytes: usize,
    },
    /// The connection is closed for good.
    #[error("cannot publish to `{subject}`: the connection to NATS is closed")]
    #[non_exhaustive]
    Closed {
        /// The subject.
        subject: String,
    },
    /// Something else on the way to the server.
    #[error("cannot publish to `{subject}`: {source}")]
    #[non_exhaustive]
    Transport {
        /// The subject.
        subject: String,
        /// What went wrong.
        source: PublishError,
    },
    /// The server has not confirmed what was published before: what a sink is told when it is flushed.
    #[error("what was published to `{subject}` is not confirmed: {source}")]
    #[non_exhaustive]
    Flush {
        /// The subject.
        subject: String,
        /// Why not.
        source: FlushError,
    },
}

impl PublisherError {
    pub(super) fn subject(subject: &str, problem: Problem) -> Self {
        Self::Subject {
            subject: Shown(subject).to_string(),
            problem,
        }
    }

    pub(super) fn unsent(subject: &Subject, source: PublishError) -> Self {
        let subject = subject.to_string();
        match source {
            PublishError::TooLarge { bytes, limit_bytes } => Self::TooLarge {
                subject,
                bytes,
                limit_bytes,
            },
            PublishError::Closed => Self::Closed { subject },
            source => Self::Transport { subject, source },
        }
    }
}

/// Why there is no subscription.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The subject is none that can be subscribed to.
    #[error("cannot subscribe to `{subject}`: {problem}")]
    #[non_exhaustive]
    Subject {
        /// The subject, made fit to be shown.
        subject: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The name of the queue group is none.
    #[error("cannot subscribe to `{subject}`: {problem}")]
    #[non_exhaustive]
    QueueGroup {
        /// The subject.
        subject: String,
        /// What is wrong with the queue group.
        problem: Problem,
    },
    /// The server's permissions do not allow it. On a client of your own, that is seen only with
    /// [`Connection::with_events`](crate::Connection::with_events).
    #[error(
        "the NATS server does not permit a subscription to `{subject}`: allow it for this user"
    )]
    #[non_exhaustive]
    Refused {
        /// The subject.
        subject: String,
    },
    /// The connection is closed, or the server does not answer.
    #[error("cannot subscribe to `{subject}`: {reason}")]
    #[non_exhaustive]
    Connection {
        /// The subject.
        subject: String,
        /// What went wrong.
        reason: String,
    },
}

impl SubscribeError {
    pub(super) fn unasked(subject: &str, reason: &str) -> Self {
        Self::Connection {
            subject: subject.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// What a [`Subscription`](crate::Subscription) gives in the place of an event.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The body of an event is not a value of the expected type. The next one may be.
    #[error("cannot decode the event on `{}`: {source}", Shown(.subject))]
    #[non_exhaustive]
    Decode {
        /// The subject that the event was published to: a stranger's words, made fit to be shown in the
        /// text alone.
        subject: String,
        /// What is wrong with the body, and where.
        source: DecodeError,
    },
    /// Events came faster than they were read: the oldest that waited were let go. Read faster, share the
    /// events out in a queue group, or have more of them wait.
    #[error(
        "{missed} events on `{subject}` were let go, since they came faster than they were read"
    )]
    #[non_exhaustive]
    Lagged {
        /// The subject of the subscription.
        subject: String,
        /// How many.
        missed: u64,
    },
    /// The client has dropped messages on this connection, since something keeps the thread busy on which
    /// they are read. It does not say whose they were: every subscription on the connection is told.
    #[error(
        "the client has dropped at least {dropped} messages, perhaps some on `{subject}`: something blocks the thread on which they are read"
    )]
    #[non_exhaustive]
    Dropped {
        /// The subject of the subscription.
        subject: String,
        /// How many since it was last told, at least: under a flood the client does not tell of each.
        dropped: u64,
    },
    /// The connection was away, or the client was replaced, and is back: what was published meanwhile is
    /// missing, before about here. Who keeps a picture of something reads it anew. The stream goes on.
    #[error(
        "the connection to NATS was interrupted: events on `{subject}` may be missing; read anew what they are about"
    )]
    #[non_exhaustive]
    Interrupted {
        /// The subject of the subscription.
        subject: String,
    },
    /// The server's permissions no longer allow the subscription, such as after a reconnect. The stream
    /// ends.
    #[error("the NATS server no longer permits the subscription to `{subject}`, which has ended")]
    #[non_exhaustive]
    Refused {
        /// The subject of the subscription.
        subject: String,
    },
    /// The connection is closed for good. The stream ends.
    #[error("the connection to NATS is closed, and with it the subscription to `{subject}`")]
    #[non_exhaustive]
    Closed {
        /// The subject of the subscription.
        subject: String,
    },
}
