//! The endpoints of one instance, subscribers among them, in the order in which they were added.

use std::sync::{Arc, PoisonError, RwLock};

use super::Endpoint;

/// The endpoints that INFO and STATS list.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    endpoints: RwLock<Vec<Arc<Endpoint>>>,
}

impl Roster {
    /// Lists endpoints behind those that are there: whoever looks sees all of them, or none.
    pub(crate) fn add(&self, endpoints: impl IntoIterator<Item = Arc<Endpoint>>) {
        self.endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(endpoints);
    }

    /// Takes one endpoint off the list, if it is on it.
    pub(crate) fn remove(&self, endpoint: &Arc<Endpoint>) {
        self.endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|listed| !Arc::ptr_eq(listed, endpoint));
    }

    /// Takes all of them off the list. Dropping them runs code of the user's, so that is for the
    /// caller to do, where no lock is held.
    pub(crate) fn take(&self) -> Vec<Arc<Endpoint>> {
        std::mem::take(
            &mut *self
                .endpoints
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// The endpoints with this subscription; in any queue group, if none is named.
    pub(crate) fn on(&self, subject: &str, queue_group: Option<&str>) -> Vec<Arc<Endpoint>> {
        let mut endpoints = self.all();
        endpoints.retain(|endpoint| {
            let definition = &endpoint.definition;
            definition.subject == subject
                && (queue_group.is_none() || definition.queue_group.as_deref() == queue_group)
        });
        endpoints
    }

    /// Whether STATS calls code of the user's.
    pub(crate) fn has_stats_handlers(&self) -> bool {
        self.endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|endpoint| endpoint.definition.stats_handler.is_some())
    }

    /// Those that answer requests, and those that get events, of one moment.
    pub(crate) fn by_role(&self) -> (Vec<Arc<Endpoint>>, Vec<Arc<Endpoint>>) {
        let all = self.all().into_iter();
        all.partition(|endpoint| !endpoint.is_subscriber())
    }

    pub(crate) fn all(&self) -> Vec<Arc<Endpoint>> {
        self.endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
