//! What goes wrong beside any one request: for the service's error handler.

use tokio::sync::mpsc;

/// Something that went wrong with a running service, beside any error that a caller was told.
///
/// The error handler of a service gets them: see
/// [`ServiceBuilder::on_error`](crate::ServiceBuilder::on_error).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incident {
    /// The server's permissions no longer allow a subscription of the service, which stops.
    #[error(
        "the NATS server does not permit a subscription to `{subject}`; the service stops: allow it for this user"
    )]
    SubscriptionRefused {
        /// The subject of the subscription.
        subject: String,
    },
    /// The connection is closed for good, and the service stops.
    #[error("the connection to NATS is closed; the service stops")]
    ConnectionClosed,
    /// The client has dropped messages on the connection of the service. It does not say whose
    /// they were, so every service on the connection is told.
    #[error(
        "messages came faster than they were read, and the client has dropped some: raise its `subscription_capacity`, or add instances"
    )]
    SlowConsumer,
    /// A discovery request, or one that was answered with something, had no reply subject.
    #[error("a request on `{subject}` has no reply subject, its answer was dropped")]
    NoReplySubject {
        /// The subject of the request.
        subject: String,
    },
    /// The answer to a request could not be sent.
    #[error("the answer to a request on `{subject}` was not sent: {reason}")]
    ReplyNotSent {
        /// The subject of the request.
        subject: String,
        /// Why.
        reason: String,
    },
    /// The stats handler of an endpoint failed; STATS has no `data` for it.
    #[error("the stats handler of endpoint `{endpoint}` failed: {reason}")]
    StatsHandler {
        /// The name of the endpoint.
        endpoint: String,
        /// What it said.
        reason: String,
    },
}

impl Incident {
    /// The subject it has to do with, if there is one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::SubscriptionRefused { subject }
            | Self::NoReplySubject { subject }
            | Self::ReplyNotSent { subject, .. } => Some(subject),
            Self::ConnectionClosed | Self::SlowConsumer | Self::StatsHandler { .. } => None,
        }
    }
}

/// Where incidents are reported. Without an error handler they go nowhere: whoever reports one has
/// logged it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incidents {
    handler: Option<mpsc::Sender<Incident>>,
}

/// How many incidents may wait for a slow error handler. A flood of them must not fill the memory.
const BACKLOG: usize = 256;

impl Incidents {
    /// Incidents for somebody who listens.
    pub(crate) fn heard() -> (Self, mpsc::Receiver<Incident>) {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let heard = Self {
            handler: Some(sender),
        };
        (heard, receiver)
    }

    /// Never waits: what the handler is too slow for is dropped.
    pub(crate) fn report(&self, incident: Incident) {
        if let Some(handler) = &self.handler
            && let Err(mpsc::error::TrySendError::Full(incident)) = handler.try_send(incident)
        {
            tracing::warn!(%incident, "the error handler is too slow to be told of this");
        }
    }
}
