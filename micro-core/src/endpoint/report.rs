//! What an endpoint says of itself: its entries in INFO and STATS.

use std::cell::Cell;
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::counters::Count;
use super::{Definition, Endpoint};
use crate::context::Metadata;
use crate::error::{Incident, panic_text};
use crate::log::{SERVICE, line};

/// An endpoint, in INFO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointInfo {
    /// The name of the endpoint.
    pub name: String,
    /// The subject it answers on.
    pub subject: String,
    /// The queue group that shares its requests; empty when every instance answers each.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// The metadata of the endpoint.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
}

impl EndpointInfo {
    pub(crate) fn of(definition: &Definition) -> Self {
        Self {
            name: definition.name.clone(),
            subject: definition.subject.clone(),
            queue_group: definition.queue_group.clone().unwrap_or_default(),
            metadata: definition.metadata.clone(),
        }
    }
}

/// The counters of an endpoint, in STATS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointStats {
    /// The name of the endpoint.
    pub name: String,
    /// The subject it answers on.
    pub subject: String,
    /// The queue group that shares its requests; empty when every instance answers each.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// Requests that have been handled, those that ended in an error included.
    #[serde(default, deserialize_with = "or_default")]
    pub num_requests: u64,
    /// Requests that ended in an error, and replies that did not reach their callers.
    #[serde(default, deserialize_with = "or_default")]
    pub num_errors: u64,
    /// The last of these errors, `code:text`; empty when there was none.
    #[serde(default, deserialize_with = "or_default")]
    pub last_error: String,
    /// The time spent in handlers, in nanoseconds.
    #[serde(default, deserialize_with = "whole")]
    pub processing_time: u64,
    /// The same for each request, in nanoseconds.
    #[serde(default, deserialize_with = "whole")]
    pub average_processing_time: u64,
    /// What a stats handler adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// A subscriber, in INFO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SubscriberInfo {
    /// The name of the subscriber.
    pub name: String,
    /// The subject it listens to.
    pub subject: String,
    /// The queue group that shares its events; empty when every instance gets each.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// The metadata of the subscriber.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
}

impl SubscriberInfo {
    pub(crate) fn of(definition: &Definition) -> Self {
        let EndpointInfo {
            name,
            subject,
            queue_group,
            metadata,
        } = EndpointInfo::of(definition);
        Self {
            name,
            subject,
            queue_group,
            metadata,
        }
    }
}

/// The counters of a subscriber, in STATS. What came to it is in `num_events` or in `dropped`, and in
/// one of them; but what a function has handed on, or has left to those who have had it too, since there
/// is no queue group, is in neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SubscriberStats {
    /// The name of the subscriber.
    pub name: String,
    /// The subject it listens to.
    pub subject: String,
    /// The queue group that shares its events; empty when every instance gets each.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// Events that have been handled, those that failed included.
    #[serde(default, deserialize_with = "or_default")]
    pub num_events: u64,
    /// Events that failed: their handlers returned an error, panicked, took too long or were given up as
    /// the service ended, their bodies could not be read, or a reply that a handler sent did not leave.
    #[serde(default, deserialize_with = "or_default")]
    pub num_errors: u64,
    /// Events that no handler was called for: they came on top of what may wait, still waited when
    /// the service had to end, or came beside the one of a function that could not hand them on.
    #[serde(default, deserialize_with = "or_default")]
    pub dropped: u64,
    /// The last of the errors, `code:text`; empty when there was none.
    #[serde(default, deserialize_with = "or_default")]
    pub last_error: String,
    /// The time spent in handlers, in nanoseconds.
    #[serde(default, deserialize_with = "whole")]
    pub processing_time: u64,
    /// The same for each event, in nanoseconds.
    #[serde(default, deserialize_with = "whole")]
    pub average_processing_time: u64,
}

/// Other implementations leave fields out, or write `null`, where the schemas want a value.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A number that JavaScript may have divided: the part before the point, within the range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast to an integer keeps to its range"
)]
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a number")]
    enum Number {
        Whole(u64),
        Any(f64),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(Number::Whole(number)) => number,
        Some(Number::Any(number)) => number as u64,
        None => 0,
    })
}

/// What a user adds to an endpoint's entry in STATS.
#[derive(Clone)]
pub(crate) struct StatsHandler(Arc<DataOf>);

/// The data, or why there is none.
type DataOf = dyn Fn(&EndpointStats) -> Result<Value, String> + Send + Sync;

impl StatsHandler {
    pub(crate) fn new<T, F>(handler: F) -> Self
    where
        T: Serialize,
        F: Fn(&EndpointStats) -> T + Send + Sync + 'static,
    {
        Self(Arc::new(move |stats| value_of(&handler(stats))))
    }

    pub(crate) fn fallible<T, E, F>(handler: F) -> Self
    where
        T: Serialize,
        E: Display,
        F: Fn(&EndpointStats) -> Result<T, E> + Send + Sync + 'static,
    {
        Self(Arc::new(move |stats| {
            handler(stats)
                .map_err(|error| error.to_string())
                .and_then(|data| value_of(&data))
        }))
    }
}

fn value_of(data: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(data).map_err(|error| format!("its value is no JSON: {error}"))
}

impl fmt::Debug for StatsHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatsHandler")
    }
}

thread_local! {
    /// Whether a stats handler runs on this thread: one that asks for STATS itself must not be
    /// called again, without end.
    static IN_STATS_HANDLER: Cell<bool> = const { Cell::new(false) };
}

/// The largest number that the schemas allow; Go reads them as signed.
const MAX: u64 = i64::MAX.unsigned_abs();

impl Endpoint {
    /// Its entry in INFO.
    pub(crate) fn info(&self) -> EndpointInfo {
        EndpointInfo::of(&self.definition)
    }

    /// Its entry in STATS. No lock is held while the stats handler runs.
    pub(crate) fn stats(&self) -> EndpointStats {
        self.with_data(self.counted())
    }

    /// What it has counted, with what a stats handler adds.
    pub(crate) fn with_data(&self, mut counted: EndpointStats) -> EndpointStats {
        counted.data = self.data(&counted);
        counted
    }

    /// Its entry in STATS without what a stats handler adds: nothing of the user's is called.
    pub(crate) fn counted(&self) -> EndpointStats {
        self.entry(self.counters.read())
    }

    /// Starts counting anew: the same entry for the time before.
    pub(crate) fn reset(&self) -> EndpointStats {
        self.entry(self.counters.take())
    }

    /// Its entry in INFO, as a subscriber.
    pub(crate) fn subscriber_info(&self) -> SubscriberInfo {
        SubscriberInfo::of(&self.definition)
    }

    /// Its entry in STATS, as a subscriber.
    pub(crate) fn subscriber_stats(&self) -> SubscriberStats {
        self.subscriber_entry(self.counters.read())
    }

    /// Starts counting anew: the same entry for the time before.
    pub(crate) fn reset_subscriber(&self) -> SubscriberStats {
        self.subscriber_entry(self.counters.take())
    }

    fn subscriber_entry(&self, count: Count) -> SubscriberStats {
        let dropped = count.dropped.min(MAX);
        let EndpointStats {
            name,
            subject,
            queue_group,
            num_requests: num_events,
            num_errors,
            last_error,
            processing_time,
            average_processing_time,
            data: _,
        } = self.entry(count);
        SubscriberStats {
            name,
            subject,
            queue_group,
            num_events,
            num_errors,
            dropped,
            last_error,
            processing_time,
            average_processing_time,
        }
    }

    fn entry(&self, count: Count) -> EndpointStats {
        let definition = &self.definition;
        let processing_time = nanos(count.processing);
        EndpointStats {
            name: definition.name.clone(),
            subject: definition.subject.clone(),
            queue_group: definition.queue_group.clone().unwrap_or_default(),
            num_requests: count.requests.min(MAX),
            num_errors: count.errors.min(MAX),
            last_error: count.last_error,
            processing_time,
            average_processing_time: processing_time.checked_div(count.requests).unwrap_or(0),
            data: None,
        }
    }

    fn data(&self, stats: &EndpointStats) -> Option<Value> {
        let handler = self.definition.stats_handler.as_ref()?;
        if IN_STATS_HANDLER.replace(true) {
            return None;
        }
        let data = catch_unwind(AssertUnwindSafe(|| (handler.0)(stats)));
        IN_STATS_HANDLER.set(false);
        let data = data.unwrap_or_else(|panic| Err(format!("it panicked: {}", panic_text(panic))));
        match data {
            Ok(data) => {
                self.stats_fail.store(false, Ordering::Relaxed);
                // Nothing to say is left out too: tools would print "null".
                Some(data).filter(|data| !data.is_null())
            }
            Err(reason) => {
                self.stats_failed(reason);
                None
            }
        }
    }

    /// Tells of a stats handler that failed, once until it works again: an error handler that asks
    /// for STATS would otherwise be called for ever.
    fn stats_failed(&self, reason: String) {
        if self.stats_fail.swap(true, Ordering::Relaxed) {
            return;
        }
        let endpoint = self.definition.name.clone();
        let service = &self.place.instance.name;
        tracing::warn!(target: SERVICE, service, endpoint, error = line(&reason), "stats handler failed");
        let incident = Incident::StatsHandler { endpoint, reason };
        self.place.incidents.report(incident);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(MAX).min(MAX)
}
