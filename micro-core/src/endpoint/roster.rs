//! The endpoints of one instance, in the order in which they were added.

use std::sync::{Arc, PoisonError, RwLock};

use super::Endpoint;

/// The endpoints that INFO and STATS list.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    endpoints: RwLock<Vec<Arc<Endpoint>>>,
}

impl Roster {
    pub(crate) fn add(&self, endpoint: Arc<Endpoint>) {
        self.endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(endpoint);
    }

    /// Takes one endpoint off the list, if it is on it.
    pub(crate) fn remove(&self, endpoint: &Arc<Endpoint>) {
        self.endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|listed| !Arc::ptr_eq(listed, endpoint));
    }

    /// Takes all of them off the list.
    pub(crate) fn clear(&self) {
        self.endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The endpoints that are subscribed to `subject`, as it is written.
    pub(crate) fn on(&self, subject: &str) -> impl Iterator<Item = Arc<Endpoint>> {
        self.all()
            .into_iter()
            .filter(move |endpoint| endpoint.definition.subject == subject)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Endpoint>> {
        self.endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
