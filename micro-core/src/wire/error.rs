//! What can come of asking and of sending.

use std::time::Duration;

use super::barrier::BarrierError;

/// Why a request has no reply.
#[derive(Clone, Debug)]
pub(crate) enum RequestError {
    NoResponders,
    Publish(PublishError),
}

/// Why a subscription could not be asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("{0}")]
    Invalid(String),
    #[error("the connection to NATS is down")]
    Down,
    #[error(
        "the connection to NATS moves to another server, which takes longer than it should: try again"
    )]
    Moving,
    #[error("the connection to NATS is closed")]
    Closed,
}

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The message, headers included, is larger than the server accepts.
    #[error(
        "a message of {bytes} bytes and its headers exceed the server's limit of {limit_bytes} bytes: send less, or a reference to the data"
    )]
    TooLarge {
        /// The size of the body, in bytes.
        bytes: usize,
        /// What the server accepts, in bytes.
        limit_bytes: usize,
    },
    /// The subject is empty or contains white space.
    #[error("the subject is empty or contains white space")]
    InvalidSubject,
    /// The subject is so long that the server would end the connection.
    #[error(
        "the subject has {bytes} bytes, with that of the reply: nats-server ends a connection whose lines are longer than {} bytes",
        micro_names::CONTROL_LINE_MAX_BYTES
    )]
    SubjectTooLong {
        /// The size of the subject and of the reply's, in bytes.
        bytes: usize,
    },
    /// The reply subject of a request is none that is answered: it begins with `$`, which NATS keeps for
    /// itself, or it has a wildcard or an empty token. An answer goes where a stranger says and with
    /// this connection's permissions, and there it would be taken for something else, such as a
    /// question to every service. What the server itself puts there is answered: `$JS.ACK.` and
    /// `$JS.FC.`, by which messages come out of JetStream.
    #[error("the reply subject `{subject}` {reason}: nothing is sent there")]
    #[non_exhaustive]
    ReplySubject {
        /// The reply subject, made fit to be shown.
        subject: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The client has failed, and what was on its way is lost with it: this message, or the reply to
    /// it. Another client takes over.
    #[error("the connection to NATS was lost, and what was on its way with it: try again")]
    Lost,
    /// The connection is closed for good.
    #[error("the connection to NATS is closed")]
    Closed,
}

/// Why the server has not confirmed what was published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The server has not said so in time. What was published may have reached it all the same.
    #[error("the NATS server has not confirmed within {after:?} that it has what was published")]
    #[non_exhaustive]
    Unconfirmed {
        /// How long that was waited for.
        after: Duration,
    },
    /// The connection is closed for good.
    #[error("the connection to NATS is closed")]
    Closed,
}

impl From<BarrierError> for FlushError {
    fn from(error: BarrierError) -> Self {
        match error {
            BarrierError::Closed => Self::Closed,
            BarrierError::TimedOut(after) => Self::Unconfirmed { after },
        }
    }
}
