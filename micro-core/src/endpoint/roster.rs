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

    pub(crate) fn all(&self) -> Vec<Arc<Endpoint>> {
        self.endpoints
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
