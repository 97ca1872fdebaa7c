//! The documents of one instance: PING prepared, INFO kept once it is written, STATS from the counters.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use bytes::Bytes;
use micro_names::{SUBSCRIBERS_KEY, Shown};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::context::{Instance, Metadata};
use crate::endpoint::{
    EndpointInfo, EndpointStats, Roster, SubscriberInfo, SubscriberStats, or_default,
};
use crate::task;

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

impl Info {
    /// What it listens to, in the order in which it was added. Services of this framework say so, as
    /// JSON in the metadata `micro.subscribers`: beside the fields of ADR-32 a document may have no
    /// others. Nothing, where that is missing or is something else.
    #[must_use]
    pub fn subscribers(&self) -> Vec<SubscriberInfo> {
        listed(&self.metadata)
    }
}

impl Stats {
    /// The counters of each subscriber, in the order in which they were added, from the same place as
    /// those of [`Info::subscribers`].
    #[must_use]
    pub fn subscribers(&self) -> Vec<SubscriberStats> {
        listed(&self.metadata)
    }
}

/// Anybody may have written it.
fn listed<T: DeserializeOwned>(metadata: &Metadata) -> Vec<T> {
    let text = metadata.get(SUBSCRIBERS_KEY);
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

impl fmt::Display for Ping {
    /// Its name, version and id, fit to be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        who(f, &self.name, &self.version, &self.id)
    }
}

impl fmt::Display for Info {
    /// Its name, version and id, fit to be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        who(f, &self.name, &self.version, &self.id)
    }
}

impl fmt::Display for Stats {
    /// Its name, version and id, fit to be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        who(f, &self.name, &self.version, &self.id)
    }
}

/// Documents may be a stranger's: what is printed of them must be harmless.
fn who(f: &mut fmt::Formatter<'_>, name: &str, version: &str, id: &str) -> fmt::Result {
    let (name, version, id) = (Shown(name), Shown(version), Shown(id));
    write!(f, "{name} {version}, instance {id}")
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
    /// Written when it is first asked for: of a thousand endpoints that takes half a millisecond.
    info: RwLock<Option<Bytes>>,
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
        documents
    }

    /// Has INFO written anew when it is next asked for: to be called when an endpoint has come or
    /// gone.
    pub(crate) fn forget_info(&self) {
        let mut info = self.info.write().unwrap_or_else(PoisonError::into_inner);
        *info = None;
    }

    /// Counts from now on, and says what there was before. One at a time, so that the times of the
    /// resets follow one another as their counts do.
    pub(crate) fn reset(&self) -> Stats {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *started, SystemTime::now());
        let (endpoints, subscribers) = self.roster.by_role();
        let subscribers: Vec<_> = subscribers.iter().map(|e| e.reset_subscriber()).collect();
        let endpoints = endpoints.iter().map(|e| e.reset()).collect();
        self.stats_of(before, endpoints, &subscribers)
    }

    pub(crate) fn ping_bytes(&self) -> Bytes {
        self.ping.clone()
    }

    pub(crate) fn info_bytes(&self) -> Bytes {
        let info = self.info.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = &*info {
            return written.clone();
        }
        drop(info);
        // It is written under the lock: whoever changes the endpoints meanwhile has it forgotten
        // again.
        let mut info = self.info.write().unwrap_or_else(PoisonError::into_inner);
        info.get_or_insert_with(|| json(&self.info())).clone()
    }

    /// Stats handlers are the user's and may block, so they are not called in a task, where a
    /// worker that blocks may be the one that all others rely on to wait for the network.
    pub(crate) async fn stats_bytes(self: Arc<Self>) -> Bytes {
        if !self.roster.has_stats_handlers() {
            return json(&self.stats());
        }
        let (write, written) = oneshot::channel();
        task::spawn_blocking(Box::new(move || {
            // Whoever asked may be gone.
            let _ = write.send(json(&self.stats()));
        }));
        // A panic is caught nearer to the handler, so this is the end of the runtime.
        written.await.unwrap_or_default()
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
        let (endpoints, subscribers) = self.roster.by_role();
        let subscribers: Vec<_> = subscribers.iter().map(|e| e.subscriber_info()).collect();
        Info {
            name: instance.name.clone(),
            id: instance.id.clone(),
            version: instance.version.clone(),
            metadata: self.metadata(&subscribers),
            kind: "io.nats.micro.v1.info_response".to_owned(),
            description: self.profile.description.clone(),
            endpoints: endpoints.iter().map(|e| e.info()).collect(),
        }
    }

    /// The service's, with its subscribers, where it has any.
    fn metadata(&self, subscribers: &[impl Serialize]) -> Metadata {
        let mut metadata = self.profile.metadata.clone();
        if !subscribers.is_empty()
            && let Ok(text) = serde_json::to_string(subscribers)
        {
            metadata.insert(SUBSCRIBERS_KEY.to_owned(), text);
        }
        metadata
    }

    pub(crate) fn stats(&self) -> Stats {
        let (endpoints, subscribers) = self.roster.by_role();
        let (started, counted, subscribers): (_, _, Vec<_>) = {
            // A reset takes it too, so that what is counted is since then.
            let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
            let counted: Vec<_> = endpoints.iter().map(|e| e.counted()).collect();
            let subscribers = subscribers.iter().map(|e| e.subscriber_stats());
            (*started, counted, subscribers.collect())
        };
        let stats = endpoints.iter().zip(counted);
        self.stats_of(
            started,
            stats.map(|(e, counted)| e.with_data(counted)).collect(),
            &subscribers,
        )
    }

    fn stats_of(
        &self,
        started: SystemTime,
        endpoints: Vec<EndpointStats>,
        subscribers: &[SubscriberStats],
    ) -> Stats {
        let instance = self.instance();
        Stats {
            name: instance.name.clone(),
            id: instance.id.clone(),
            version: instance.version.clone(),
            metadata: self.metadata(subscribers),
            kind: "io.nats.micro.v1.stats_response".to_owned(),
            // Six digits: nats-py reads neither none, nor seven, nor nine.
            started: humantime::format_rfc3339_micros(started).to_string(),
            endpoints,
        }
    }
}

/// Text and numbers: this cannot fail, and if it did, nothing would be answered rather than
/// something wrong.
fn json(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).map_or_else(|_| Bytes::new(), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_most_is_not_written_anew() {
        let instance = Instance {
            name: "numbers".to_owned(),
            id: "x".to_owned(),
            version: "1.0.0".to_owned(),
        };
        let profile = Profile {
            instance: Arc::new(instance),
            description: String::new(),
            metadata: Metadata::new(),
        };
        let documents = Documents::new(profile, Arc::default());
        for answer in [Documents::ping_bytes, Documents::info_bytes] {
            let (first, second) = (answer(&documents), answer(&documents));
            // The same piece of memory, while both are held.
            assert_eq!(first.as_ptr(), second.as_ptr());
        }
        let before = documents.info_bytes();
        documents.forget_info();
        assert_ne!(before.as_ptr(), documents.info_bytes().as_ptr());
    }
}
