//! How an event ends: counted, logged and, where it failed, told to the service's owner. Whoever sent
//! it hears nothing of it, whether it names a reply subject or not.

use std::time::Duration;

use super::Endpoint;
use super::event_log::Loss;
use super::log::End;
use super::work::Work;
use crate::context::Said;
use crate::handler::{Outcome, Reply};

impl Endpoint {
    /// Counts what became of an event, and tells of it.
    pub(super) fn conclude_event(&self, work: &Work, said: Said, reply: Reply, took: Duration) {
        let subject = work.context.subject();
        let end = match reply.outcome {
            Outcome::Fault(fault) => {
                self.counters.error(fault.stats_text());
                self.log.event_failed(subject, &fault);
                End::Error(fault.code())
            }
            Outcome::Success(_) | Outcome::Silence => {
                // Of a reply that the handler sent itself, which has been told of.
                if let Some(text) = said.failure {
                    self.counters.error(text);
                }
                End::Ok
            }
        };
        self.log.event_ended(&work.span, subject, end, took);
    }

    /// Lets go of an event that has come too late to be begun.
    pub(super) fn drop_late(&self) {
        self.counters.dropped(1);
        self.abandonment.left_one();
    }

    /// The same for one that was let in before: it is among those in flight that are abandoned.
    pub(super) fn drop_in_turn(&self) {
        self.counters.dropped(1);
    }

    /// Lets go of an event for which there is no room.
    pub(super) fn drop_event(&self) {
        self.counters.dropped(1);
        self.log.events_dropped(1, Loss::NoRoom);
    }

    /// Lets go of events that came beside the one of a function, and that nobody else gets: without a queue
    /// group, each of the others has its own.
    pub(super) fn drop_surplus(&self, number: u64) {
        if number > 0 && self.definition.queue_group.is_some() {
            self.counters.dropped(number);
            self.log.events_dropped(number, Loss::NotHandedOn);
        }
    }
}
