//! Why a call has no value.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::codec::DecodeError;
use crate::error::{Fault, ServiceError};
use crate::wire::PublishError;

/// Why a call has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The endpoint answered with its own error.
    #[error("{0}")]
    Service(E),
    /// The service answered with an error that is none of the endpoint's type: its framework
    /// refused the request, it hid the cause, or it is written in another language.
    #[error("{0}")]
    Remote(RemoteError),
    /// Nobody serves the subject.
    #[error(
        "nobody serves `{subject}`: check that the service runs and is connected to the same NATS"
    )]
    NoResponders {
        /// The subject of the request.
        subject: String,
    },
    /// No reply within the time. The request may have been served all the same.
    #[error("no reply from `{subject}` within {after:?}")]
    Timeout {
        /// The subject of the request.
        subject: String,
        /// How long the call waited.
        after: Duration,
    },
    /// The reply is not a value of the expected type.
    #[error("cannot decode the reply from `{subject}`: {source}")]
    Decode {
        /// The subject of the request.
        subject: String,
        /// What is wrong with the reply, and where.
        source: DecodeError,
    },
    /// The reply did not fit into what was left of the room for all of them together: see
    /// [`Gather::at_most_bytes`](super::Gather::at_most_bytes).
    #[error(
        "a reply from `{subject}` takes {bytes} bytes, which is more than was left of the {limit_bytes} for all"
    )]
    ReplyTooLarge {
        /// The subject of the request.
        subject: String,
        /// What the reply would have taken, in bytes.
        bytes: usize,
        /// What all are to take together at most, in bytes.
        limit_bytes: usize,
    },
    /// An argument cannot be sent; no request was made.
    #[error("cannot call `{subject}`: {reason}")]
    Request {
        /// The subject of the request.
        subject: String,
        /// Which argument, and why.
        reason: String,
    },
    /// The request could not be sent, or the connection closed before the reply came.
    #[error("cannot call `{subject}`: {source}")]
    Transport {
        /// The subject of the request.
        subject: String,
        /// What went wrong.
        source: PublishError,
    },
}

impl<E> CallError<E> {
    /// A reply with a status, which is for the server to say, and no value whatever its body is.
    pub(super) fn of_status(subject: &str, status: u16) -> Self {
        Self::Decode {
            subject: subject.to_owned(),
            source: DecodeError::new(format!("it has the status {status} of a NATS server")),
        }
    }

    pub(super) fn of(fault: &Fault, typed: fn(&Fault) -> Option<E>) -> Self {
        typed(fault).map_or_else(|| Self::Remote(RemoteError::of(fault)), Self::Service)
    }
}

impl<E: ServiceError> CallError<E> {
    /// The code of a service error, typed or not; `None` if the service did not answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Service(error) => Some(error.to_fault().code()),
            Self::Remote(error) => Some(error.code),
            _ => None,
        }
    }
}

/// A service error that is none of the endpoint's type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteError {
    /// The code; 0 if there was none that is a number.
    pub code: u16,
    /// The text.
    pub message: String,
    /// The body of the reply.
    pub body: Bytes,
    /// In what time the request may be sent again, if the service said so: it was not begun. This
    /// framework's services say it (in the header `Micro-Retry-After`) when an endpoint is at its
    /// limits, and when one stops.
    pub retry_after: Option<Duration>,
}

impl RemoteError {
    fn of(fault: &Fault) -> Self {
        Self {
            code: fault.code(),
            message: fault.message().to_owned(),
            body: fault.received_body().clone(),
            retry_after: fault.said_retry_after(),
        }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

impl std::error::Error for RemoteError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_caller_knows_when_to_try_again() {
        let hint = Duration::from_millis(250);
        let fault = Fault::new(503, "busy").retry_after(hint);
        let CallError::Remote(error) = CallError::<()>::of(&fault, |_| None) else {
            panic!("not typed");
        };
        assert_eq!(error.retry_after, Some(hint));
    }
}
