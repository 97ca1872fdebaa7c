//! What the log says of the events of a subscriber, and what its owner is told of those that failed or
//! were dropped: the same floods bound both.

use std::sync::Arc;
use std::time::Duration;

use tracing::Span;

use super::log::{End, Failures, Log};
use crate::error::{Fault, Incident};
use crate::log::{EVENT, Flood, Pause, line, micros};

/// What may come by the thousand, each kind by itself.
#[derive(Debug, Default)]
pub(super) struct EventFloods {
    dropped: Arc<Flood>,
    /// What a function could not hand on.
    lost: Arc<Flood>,
    failed: Failures,
    /// Bodies that do not decode: anybody may send them.
    unread: Arc<Flood>,
    /// Errors that the program returns, and callers may be told.
    returned: Arc<Flood>,
}

/// Why no handler is called for an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    /// As many wait as may.
    NoRoom,
    /// It came beside the one of a function.
    NotHandedOn,
}

impl Loss {
    /// What the log says of it. Where nothing is wrong but the number, that says it.
    fn error(self) -> Option<&'static str> {
        match self {
            Self::NoRoom => None,
            Self::NotHandedOn => Some(self.reason()),
        }
    }

    /// What its owner is told, behind "events that".
    fn reason(self) -> &'static str {
        match self {
            Self::NoRoom => {
                "came faster than they were handled: raise its `pending` or its `concurrency`, or add instances"
            }
            Self::NotHandedOn => {
                "came beside the one of a function, and were not handed on: the server must permit this user to publish them again, and a function keeps 1,024 of them at most"
            }
        }
    }
}

impl Log {
    fn floods_of_events(&self) -> &EventFloods {
        self.event_floods.get_or_init(Box::default)
    }

    /// The span of one event, in which its handler runs. Disabled, it is a look at a number.
    pub(super) fn event_span(&self, subject: &str) -> Span {
        let (service, instance, subscriber) = self.names();
        tracing::debug_span!(
            target: EVENT,
            parent: None,
            "event",
            service,
            instance,
            subscriber,
            subject = line(subject),
            outcome = tracing::field::Empty,
            code = tracing::field::Empty,
            duration_us = tracing::field::Empty,
        )
    }

    /// One event that has been handled.
    pub(super) fn event_ended(&self, span: &Span, subject: &str, end: End, took: Duration) {
        if !span.is_disabled() {
            span.record("outcome", end.outcome());
            span.record("code", end.code());
            span.record("duration_us", micros(took));
        }
        let (service, instance, subscriber) = self.names();
        tracing::debug!(
            target: EVENT,
            service,
            instance,
            subscriber,
            subject = line(subject),
            outcome = end.outcome(),
            code = end.code(),
            duration_us = micros(took),
            "event"
        );
    }

    /// An event that was not handled as it should be. There is no caller to be told instead: what is
    /// its sender's fault is a warning.
    pub(super) fn event_failed(&self, subject: &str, fault: &Fault) {
        let says = || line(fault.log_text().unwrap_or(fault.message()));
        let floods = self.floods_of_events();
        let is_ours = fault.is_failure();
        let flood = if is_ours {
            floods.failed.of(fault)
        } else if fault.log_text().is_some() {
            &floods.unread
        } else {
            &floods.returned
        };
        if !flood.count_saying(says) {
            return;
        }
        let (service, instance, subscriber) = self.names();
        let incidents = self.place.incidents.clone();
        incidents.report_with(|| Incident::EventFailed {
            subscriber: subscriber.to_owned(),
            subject: subject.to_owned(),
            code: fault.code(),
            reason: fault.full_text().to_owned(),
        });
        let (subject, code, error) = (line(subject), fault.code(), says());
        if is_ours {
            tracing::error!(target: EVENT, service, instance, subscriber, subject, code, error, "event failed");
        } else {
            tracing::warn!(target: EVENT, service, instance, subscriber, subject, code, error, "event failed");
        }
        let names = self.owned_names();
        flood.follow(move |pause| {
            let Pause {
                kept_back,
                says: error,
                ..
            } = pause;
            if kept_back == 0 {
                return;
            }
            let [service, instance, subscriber] = names.each_ref().map(String::as_str);
            incidents.report_with(|| Incident::EventsFailed {
                subscriber: subscriber.to_owned(),
                failed: kept_back,
                reason: error.clone(),
            });
            if is_ours {
                tracing::error!(target: EVENT, service, instance, subscriber, error, kept_back, "event failed");
            } else {
                tracing::warn!(target: EVENT, service, instance, subscriber, error, kept_back, "event failed");
            }
        });
    }

    /// Events that no handler is called for.
    pub(super) fn events_dropped(&self, number: u64, loss: Loss) {
        let floods = self.floods_of_events();
        let flood = match loss {
            Loss::NoRoom => &floods.dropped,
            Loss::NotHandedOn => &floods.lost,
        };
        if !flood.count_many(number) {
            return;
        }
        let (service, instance, subscriber) = self.names();
        let error = loss.error();
        tracing::error!(target: EVENT, service, instance, subscriber, error, dropped = number, "events dropped");
        let incidents = self.place.incidents.clone();
        let report = move |subscriber: &str, dropped: u64| {
            incidents.report_with(|| Incident::EventsDropped {
                subscriber: subscriber.to_owned(),
                dropped,
                reason: loss.reason().to_owned(),
            });
        };
        report(subscriber, number);
        let names = self.owned_names();
        flood.follow(move |pause| {
            let Pause {
                seen,
                kept_back,
                lasts,
                ..
            } = pause;
            let [service, instance, subscriber] = names.each_ref().map(String::as_str);
            if kept_back > 0 {
                report(subscriber, kept_back);
            }
            if pause.over {
                let duration_us = micros(lasts);
                tracing::info!(
                    target: EVENT,
                    service,
                    instance,
                    subscriber,
                    dropped = seen,
                    duration_us,
                    "no longer dropping events"
                );
            } else {
                tracing::error!(target: EVENT, service, instance, subscriber, error, dropped = seen, "events dropped");
            }
        });
    }
}
