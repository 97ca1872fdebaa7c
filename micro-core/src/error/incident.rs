//! What goes wrong beside any one request: for the service's error handler.

use micro_names::Shown;
use tokio::sync::mpsc;

use crate::log::{SERVICE, line};

/// Something that went wrong with a running service, beside any error that a caller was told.
///
/// The error handler of a service gets them: see
/// [`ServiceBuilder::on_error`](crate::ServiceBuilder::on_error).
///
/// As text (`Display`) it is one line that can be printed. Its fields are as they came: a subject may be
/// a stranger's, and have escapes for a terminal in it; print a field [`Shown`](crate::Shown).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incident {
    /// The server's permissions no longer allow a subscription of the service, which stops.
    #[error(
        "the NATS server does not permit a subscription to `{}`{}; the service stops: allow it for this user",
        Shown(.subject),
        of(endpoint.as_ref(), subscriber.as_ref())
    )]
    #[non_exhaustive]
    SubscriptionRefused {
        /// The subject of the subscription.
        subject: String,
        /// The name of the endpoint whose subscription it was.
        endpoint: Option<String>,
        /// The name of the subscriber whose it was; neither, for a subscription of the discovery.
        subscriber: Option<String>,
    },
    /// The server's permissions do not allow a message, which it has not delivered.
    #[error(
        "the NATS server does not permit a message to `{}`{}, nobody got it: allow it for this user",
        Shown(.subject),
        of(endpoint.as_ref(), subscriber.as_ref())
    )]
    #[non_exhaustive]
    PublishRefused {
        /// The subject of the message.
        subject: String,
        /// The name of the endpoint whose reply it was.
        endpoint: Option<String>,
        /// The name of the subscriber whose handler replied. Neither, for messages that the program
        /// sent itself over the connection of the service: the server does not say whose they were, so
        /// every service on the connection is told.
        subscriber: Option<String>,
    },
    /// The server does not let the connection in any more, with the credentials that it has. The
    /// client goes on asking; it reads a file with credentials again each time. Told once for each
    /// connection, until that is back.
    #[error(
        "the NATS server refuses the credentials of this connection ({}), and nothing is served: renew them; the connection is tried again all the while",
        Shown(.reason)
    )]
    #[non_exhaustive]
    CredentialsRefused {
        /// What the client said.
        reason: String,
    },
    /// The client of the connection has failed, at a message that it cannot read or by another fault of
    /// its own, and another takes over: as when a connection breaks, what was on its way is lost, and
    /// the service goes on.
    #[error(
        "the NATS client has failed, most likely at a message that it cannot read: what was on its way is lost, and another client takes over"
    )]
    ClientFailed,
    /// The connection is closed for good, and the service stops.
    #[error("the connection to NATS is closed; the service stops")]
    ConnectionClosed,
    /// The client has dropped messages on the connection of the service. It does not say whose
    /// they were, so every service on the connection is told.
    ///
    /// Told when it begins, and once a second while it goes on.
    #[error(
        "messages came faster than they were read, and the client has dropped at least {dropped} of them: raise its `subscription_capacity`, or add instances"
    )]
    #[non_exhaustive]
    SlowConsumer {
        /// How many, since it was last told, at least: under a flood the client does not tell of each.
        dropped: u64,
    },
    /// A discovery request, or one that was answered with something, had no reply subject.
    #[error("a request on `{}` has no reply subject, its answer was dropped", Shown(.subject))]
    #[non_exhaustive]
    NoReplySubject {
        /// The subject of the request.
        subject: String,
    },
    /// The answer to a request could not be sent.
    #[error("the answer to a request on `{}` was not sent: {}", Shown(.subject), Shown(.reason))]
    #[non_exhaustive]
    ReplyNotSent {
        /// The subject of the request.
        subject: String,
        /// Why.
        reason: String,
    },
    /// An event failed: its handler returned an error, panicked or took too long, or its body could not
    /// be read. It is gone, and counted. Of those that fail in the same way the first is told, and then
    /// their number ([`EventsFailed`](Self::EventsFailed)).
    #[error(
        "subscriber `{subscriber}` failed at an event on `{}`: {code}: {}",
        Shown(.subject),
        Shown(.reason)
    )]
    #[non_exhaustive]
    EventFailed {
        /// The name of the subscriber.
        subscriber: String,
        /// The subject of the event.
        subject: String,
        /// What a caller would have been told: 400 for a body that cannot be read, 500 for a panic, 504
        /// for a handler that took too long, 503 for one that the service did not wait for as it
        /// ended, or the code of the error that was returned.
        code: u16,
        /// What went wrong, with what is hidden from callers.
        reason: String,
    },
    /// More events failed, in the same way as one that was told of.
    ///
    /// Told every five seconds while it goes on: anybody may send what fails, and what is rarer must not
    /// be kept from being told.
    #[error(
        "subscriber `{subscriber}` failed at {failed} more events, the last of them: {}",
        Shown(.reason)
    )]
    #[non_exhaustive]
    EventsFailed {
        /// The name of the subscriber.
        subscriber: String,
        /// How many, since it was last told.
        failed: u64,
        /// What went wrong with the last of them, with what is hidden from callers.
        reason: String,
    },
    /// Events were dropped: they came faster than they were handled, and more of them waited already
    /// than the subscriber lets wait; or they came beside the one of a function, which could not hand
    /// them on ([`ServiceBuilder::once`](crate::ServiceBuilder::once)).
    ///
    /// Told when it begins, and every five seconds while it goes on.
    #[error("subscriber `{subscriber}` has dropped {dropped} events that {reason}")]
    #[non_exhaustive]
    EventsDropped {
        /// The name of the subscriber.
        subscriber: String,
        /// How many, since it was last told.
        dropped: u64,
        /// Why, and what to do about it: what they did, as the end of a sentence.
        reason: String,
    },
    /// The stats handler of an endpoint failed; STATS has no `data` for it. Told once, until it works
    /// again.
    #[error("the stats handler of endpoint `{endpoint}` failed: {}", Shown(.reason))]
    #[non_exhaustive]
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
            Self::SubscriptionRefused { subject, .. }
            | Self::PublishRefused { subject, .. }
            | Self::NoReplySubject { subject }
            | Self::ReplyNotSent { subject, .. }
            | Self::EventFailed { subject, .. } => Some(subject),
            Self::ClientFailed
            | Self::ConnectionClosed
            | Self::CredentialsRefused { .. }
            | Self::SlowConsumer { .. }
            | Self::EventsFailed { .. }
            | Self::EventsDropped { .. }
            | Self::StatsHandler { .. } => None,
        }
    }

    /// The name of the endpoint it has to do with, if it is known.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::SubscriptionRefused { endpoint, .. } | Self::PublishRefused { endpoint, .. } => {
                endpoint.as_deref()
            }
            Self::StatsHandler { endpoint, .. } => Some(endpoint),
            _ => None,
        }
    }

    /// The name of the subscriber it has to do with, if it is known.
    pub fn subscriber(&self) -> Option<&str> {
        match self {
            Self::SubscriptionRefused { subscriber, .. }
            | Self::PublishRefused { subscriber, .. } => subscriber.as_deref(),
            Self::EventFailed { subscriber, .. }
            | Self::EventsFailed { subscriber, .. }
            | Self::EventsDropped { subscriber, .. } => Some(subscriber),
            _ => None,
        }
    }
}

impl Incident {
    /// Whether it is rare and matters to the whole service. What anybody can cause by the thousand
    /// must not keep it from being told.
    fn is_grave(&self) -> bool {
        matches!(
            self,
            Self::SubscriptionRefused { .. }
                | Self::CredentialsRefused { .. }
                | Self::ClientFailed
                | Self::ConnectionClosed
                | Self::SlowConsumer { .. }
                | Self::EventsDropped { .. }
        )
    }
}

fn of(endpoint: Option<&String>, subscriber: Option<&String>) -> String {
    match (endpoint, subscriber) {
        (Some(name), _) => format!(" (endpoint `{name}`)"),
        (None, Some(name)) => format!(" (subscriber `{name}`)"),
        (None, None) => String::new(),
    }
}

/// Where incidents are reported. Without an error handler they go nowhere: whoever reports one has
/// logged it, or has returned it as an error to the handler whose reply it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incidents {
    handler: Option<Ways>,
}

/// The grave ones, and the others.
#[derive(Clone, Debug)]
struct Ways {
    grave: mpsc::Sender<Incident>,
    other: mpsc::Sender<Incident>,
}

/// Incidents for somebody who listens: the grave ones, and the others.
#[derive(Debug)]
pub(crate) struct Heard {
    grave: mpsc::Receiver<Incident>,
    other: mpsc::Receiver<Incident>,
}

impl Heard {
    /// The next one; never again ready once nobody reports any more.
    pub(crate) async fn next(&mut self) -> Incident {
        tokio::select! {
            biased;
            Some(incident) = self.grave.recv() => incident,
            Some(incident) = self.other.recv() => incident,
            else => std::future::pending().await,
        }
    }
}

/// How many incidents may wait for a slow error handler. A flood of them must not fill the memory.
const BACKLOG: usize = 256;

impl Incidents {
    /// Incidents for somebody who listens.
    pub(crate) fn heard() -> (Self, Heard) {
        let (grave, grave_heard) = mpsc::channel(BACKLOG);
        let (other, other_heard) = mpsc::channel(BACKLOG);
        let incidents = Self {
            handler: Some(Ways { grave, other }),
        };
        let heard = Heard {
            grave: grave_heard,
            other: other_heard,
        };
        (incidents, heard)
    }

    /// Reports what is made only if somebody listens.
    pub(crate) fn report_with(&self, make: impl FnOnce() -> Incident) {
        if self.handler.is_some() {
            self.report(make());
        }
    }

    /// Never waits: what the handler is too slow for is dropped.
    pub(crate) fn report(&self, incident: Incident) {
        let Some(ways) = &self.handler else { return };
        let way = if incident.is_grave() {
            &ways.grave
        } else {
            &ways.other
        };
        if let Err(mpsc::error::TrySendError::Full(incident)) = way.try_send(incident) {
            let subject = incident.subject().map(line);
            tracing::debug!(target: SERVICE, subject, "the error handler is too slow to be told of this");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_stranger_does_anything_to_a_terminal() {
        let bad = || "a\u{1b}]0;x\u{7}\nb\u{202e}".to_owned();
        let (named, none) = (Some("name".to_owned()), None);
        let incidents = [
            Incident::SubscriptionRefused {
                subject: bad(),
                endpoint: named.clone(),
                subscriber: none.clone(),
            },
            Incident::PublishRefused {
                subject: bad(),
                endpoint: none,
                subscriber: named,
            },
            Incident::CredentialsRefused { reason: bad() },
            Incident::NoReplySubject { subject: bad() },
            Incident::ReplyNotSent {
                subject: bad(),
                reason: bad(),
            },
            Incident::EventFailed {
                subscriber: "name".to_owned(),
                subject: bad(),
                code: 500,
                reason: bad(),
            },
            Incident::EventsFailed {
                subscriber: "name".to_owned(),
                failed: 2,
                reason: bad(),
            },
            Incident::StatsHandler {
                endpoint: "name".to_owned(),
                reason: bad(),
            },
        ];
        for incident in incidents {
            let text = incident.to_string();
            assert!(text.contains("a ]0;x  b "), "{text:?}");
            assert!(!text.contains(char::is_control), "{text:?}");
            if let Some(subject) = incident.subject() {
                assert_eq!(subject, bad(), "as it came");
            }
        }
    }
}
