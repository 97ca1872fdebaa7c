//! The documents of one instance: PING and INFO prepared, STATS from the counters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};

use crate::context::Instance;
use crate::endpoint::{Definition, Endpoint, Roster};

/// What a service or an endpoint says of itself beside its name: text by key.
pub type Metadata = BTreeMap<String, String>;

/// The answer to PING.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ping {
    /// The name of the service.
    pub name: String,
    /// The id of the instance.
    pub id: String,
    /// The version of the service.
    pub version: String,
    /// The metadata of the service.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// `io.nats.micro.v1.ping_response`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The answer to INFO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Info {
    /// The name of the service.
    pub name: String,
    /// The id of the instance.
    pub id: String,
    /// The version of the service.
    pub version: String,
    /// The metadata of the service.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// `io.nats.micro.v1.info_response`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the service is for.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// Its endpoints, in the order in which they were added.
    #[serde(default, deserialize_with = "or_default")]
    pub endpoints: Vec<EndpointInfo>,
}

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

/// The answer to STATS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// The name of the service.
    pub name: String,
    /// The id of the instance.
    pub id: String,
    /// The version of the service.
    pub version: String,
    /// The metadata of the service.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// `io.nats.micro.v1.stats_response`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Since when this counts: RFC 3339, UTC, microseconds.
    pub started: String,
    /// The counters of each endpoint, in the order in which they were added.
    #[serde(default, deserialize_with = "or_default")]
    pub endpoints: Vec<EndpointStats>,
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
    #[serde(default, deserialize_with = "or_default")]
    pub processing_time: u64,
    /// The same for each request, in nanoseconds.
    #[serde(default, deserialize_with = "or_default")]
    pub average_processing_time: u64,
    /// What a stats handler adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// Other implementations leave fields out, or write `null`, where the schemas want a value.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What the documents say of a service beside its endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) instance: Arc<Instance>,
    pub(crate) description: String,
    pub(crate) metadata: Metadata,
}

/// The documents of one instance.
#[derive(Debug)]
pub(crate) struct Documents {
    profile: Profile,
    roster: Arc<Roster>,
    started: Mutex<SystemTime>,
    ping: Bytes,
    info: RwLock<Bytes>,
}

impl Documents {
    pub(crate) fn new(profile: Profile, roster: Arc<Roster>) -> Self {
        let mut documents = Self {
            profile,
            roster,
            started: Mutex::new(SystemTime::now()),
            ping: Bytes::new(),
            info: RwLock::default(),
        };
        documents.ping = json(&documents.ping());
        documents.prepare_info();
        documents
    }

    /// Writes INFO anew: to be called when an endpoint has come.
    pub(crate) fn prepare_info(&self) {
        let info = json(&self.info());
        *self.info.write().unwrap_or_else(PoisonError::into_inner) = info;
    }

    /// Counts from now on: at the start, and at a reset.
    pub(crate) fn start_now(&self) {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = SystemTime::now();
    }

    pub(crate) fn ping_bytes(&self) -> Bytes {
        self.ping.clone()
    }

    pub(crate) fn info_bytes(&self) -> Bytes {
        self.info
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn stats_bytes(&self) -> Bytes {
        json(&self.stats())
    }

    pub(crate) fn instance(&self) -> &Instance {
        &self.profile.instance
    }

    fn ping(&self) -> Ping {
        let instance = self.instance();
        Ping {
            name: instance.name.clone(),
            id: instance.id.clone(),
            version: instance.version.clone(),
            metadata: self.profile.metadata.clone(),
            kind: "io.nats.micro.v1.ping_response".to_owned(),
        }
    }

    pub(crate) fn info(&self) -> Info {
        let instance = self.instance();
        Info {
            name: instance.name.clone(),
            id: instance.id.clone(),
            version: instance.version.clone(),
            metadata: self.profile.metadata.clone(),
            kind: "io.nats.micro.v1.info_response".to_owned(),
            description: self.profile.description.clone(),
            endpoints: self
                .roster
                .all()
                .iter()
                .map(|endpoint| EndpointInfo::of(&endpoint.definition))
                .collect(),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let instance = self.instance();
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        Stats {
            name: instance.name.clone(),
            id: instance.id.clone(),
            version: instance.version.clone(),
            metadata: self.profile.metadata.clone(),
            kind: "io.nats.micro.v1.stats_response".to_owned(),
            // Six digits: nats-py reads neither none, nor seven, nor nine.
            started: humantime::format_rfc3339_micros(started).to_string(),
            endpoints: self
                .roster
                .all()
                .iter()
                .map(|e| endpoint_stats(e))
                .collect(),
        }
    }
}

fn endpoint_stats(endpoint: &Endpoint) -> EndpointStats {
    let definition = &endpoint.definition;
    let count = endpoint.counters.read();
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

/// The largest number that the schemas allow; Go reads them as signed.
const MAX: u64 = i64::MAX.unsigned_abs();

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(MAX).min(MAX)
}

/// Text and numbers: this cannot fail, and if it did, nothing would be answered rather than
/// something wrong.
fn json(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).map_or_else(|_| Bytes::new(), Bytes::from)
}
