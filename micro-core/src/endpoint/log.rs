//! What the log says of the requests of an endpoint.
//!
//! Each request is a span and a line at debug, so that by default there is none. What goes wrong is
//! told at once, and further ones of its kind as a number.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing::Span;

use super::event_log::EventFloods;
use crate::context::{Instance, Place};
use crate::error::{Fault, Incident};
use crate::log::{Flood, Pause, REQUEST, line, micros};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Answered with a value, or done without one.
    Ok,
    /// Answered with an error of this code.
    Error(u16),
    /// Answered without having been begun.
    Refused(u16),
    /// Not answered, as the handler had it.
    Silent,
    /// There was an answer, and nobody to have it.
    NoReplySubject,
    /// The answer did not leave.
    Unsent,
}

impl End {
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error(_) => "error",
            Self::Refused(_) => "refused",
            Self::Silent => "silent",
            Self::NoReplySubject => "no_reply_subject",
            Self::Unsent => "unsent",
        }
    }

    pub(super) fn code(self) -> Option<u16> {
        match self {
            Self::Error(code) | Self::Refused(code) => Some(code),
            _ => None,
        }
    }
}

/// The log of one endpoint.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) place: Arc<Place>,
    /// Made when there is a first one to count.
    floods: OnceLock<Box<Floods>>,
    /// The same of events.
    pub(super) event_floods: OnceLock<Box<EventFloods>>,
}

/// What may come by the thousand, each kind by itself.
#[derive(Debug, Default)]
struct Floods {
    refused: Arc<Flood>,
    failed: Failures,
    no_reply_subject: Arc<Flood>,
    unsent: Arc<Flood>,
}

/// Those of one kind do not keep those of another from being told: an endpoint that is always too
/// slow for some callers may also panic one day.
#[derive(Debug, Default)]
pub(super) struct Failures {
    panicked: Arc<Flood>,
    internal: Arc<Flood>,
    too_late: Arc<Flood>,
    too_large: Arc<Flood>,
}

impl Failures {
    pub(super) fn of(&self, fault: &Fault) -> &Arc<Flood> {
        let panicked = |text: &str| text.starts_with("the handler panicked: ");
        match fault.code() {
            504 => &self.too_late,
            413 => &self.too_large,
            _ if fault.log_text().is_some_and(panicked) => &self.panicked,
            _ => &self.internal,
        }
    }
}

impl Log {
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self {
            place,
            floods: OnceLock::new(),
            event_floods: OnceLock::new(),
        }
    }

    fn floods(&self) -> &Floods {
        self.floods.get_or_init(Box::default)
    }

    /// The span of one request, in which its handler runs. Disabled, it is a look at a number.
    pub(super) fn span(&self, subject: &str) -> Span {
        let (service, instance, endpoint) = self.names();
        tracing::debug_span!(
            target: REQUEST,
            parent: None,
            "request",
            service,
            instance,
            endpoint,
            subject = line(subject),
            outcome = tracing::field::Empty,
            code = tracing::field::Empty,
            duration_us = tracing::field::Empty,
        )
    }

    /// One request that has ended.
    pub(super) fn ended(&self, span: &Span, subject: &str, end: End, took: Duration) {
        if !span.is_disabled() {
            span.record("outcome", end.outcome());
            span.record("code", end.code());
            span.record("duration_us", micros(took));
        }
        let (service, instance, endpoint) = self.names();
        tracing::debug!(
            target: REQUEST,
            service,
            instance,
            endpoint,
            subject = line(subject),
            outcome = end.outcome(),
            code = end.code(),
            duration_us = micros(took),
            "request"
        );
    }

    /// A request over the limits.
    pub(super) fn overloaded(&self) {
        let refused = &self.floods().refused;
        if !refused.count() {
            return;
        }
        let (service, instance, endpoint) = self.names();
        tracing::warn!(target: REQUEST, service, instance, endpoint, refused = 1, "overloaded");
        let names = self.owned_names();
        refused.follow(move |pause| {
            let Pause { seen, lasts, .. } = pause;
            let [service, instance, endpoint] = names.each_ref().map(String::as_str);
            if pause.over {
                let duration_us = micros(lasts);
                tracing::info!(
                    target: REQUEST,
                    service,
                    instance,
                    endpoint,
                    refused = seen,
                    duration_us,
                    "no longer overloaded"
                );
            } else {
                tracing::warn!(target: REQUEST, service, instance, endpoint, refused = seen, "overloaded");
            }
        });
    }

    /// A request in which the service is at fault.
    pub(super) fn failed(&self, subject: &str, fault: &Fault) {
        if !fault.is_failure() {
            return;
        }
        let says = || fault.log_text().map(line).unwrap_or_default();
        let flood = self.floods().failed.of(fault);
        if !flood.count_saying(says) {
            return;
        }
        let (service, instance, endpoint) = self.names();
        let code = fault.code();
        tracing::error!(
            target: REQUEST,
            service,
            instance,
            endpoint,
            subject = line(subject),
            code,
            error = says(),
            "request failed"
        );
        let names = self.owned_names();
        flood.follow(move |pause| {
            let Pause {
                kept_back,
                says: error,
                ..
            } = pause;
            if kept_back > 0 {
                let [service, instance, endpoint] = names.each_ref().map(String::as_str);
                tracing::error!(
                    target: REQUEST,
                    service,
                    instance,
                    endpoint,
                    error,
                    kept_back,
                    "request failed"
                );
            }
        });
    }

    /// An answer that nobody got.
    pub(super) fn dropped(&self, incident: &Incident) {
        let floods = self.floods();
        let (flood, error) = match incident {
            Incident::ReplyNotSent { reason, .. } => (&floods.unsent, reason.as_str()),
            _ => (&floods.no_reply_subject, "the request has no reply subject"),
        };
        if !flood.count() {
            return;
        }
        let (service, instance, endpoint) = self.names();
        tracing::warn!(
            target: REQUEST,
            service,
            instance,
            endpoint,
            subject = incident.subject().map(line),
            error = line(error),
            "reply dropped"
        );
        let names = self.owned_names();
        flood.follow(move |Pause { kept_back, .. }| {
            if kept_back > 0 {
                let [service, instance, endpoint] = names.each_ref().map(String::as_str);
                tracing::warn!(target: REQUEST, service, instance, endpoint, kept_back, "reply dropped");
            }
        });
    }

    pub(super) fn names(&self) -> (&str, &str, &str) {
        let Instance { name, id, .. } = &*self.place.instance;
        (name, id, &self.place.endpoint)
    }

    /// For lines that come later. The place itself would keep the connection.
    pub(super) fn owned_names(&self) -> [String; 3] {
        let (service, instance, endpoint) = self.names();
        [service, instance, endpoint].map(str::to_owned)
    }
}
