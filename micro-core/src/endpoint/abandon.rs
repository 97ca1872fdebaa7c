//! Giving up handlers that outlast the drain of their endpoint.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the handlers of an endpoint have been given up.
#[derive(Debug, Default)]
pub(super) struct Abandonment {
    begun: AtomicBool,
    told: Notify,
}

impl Abandonment {
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Waits until it has begun.
    pub(super) async fn begun(&self) {
        // Registered before the look, so that what happens in between is not missed.
        let mut told = std::pin::pin!(self.told.notified());
        told.as_mut().enable();
        if !self.has_begun() {
            told.await;
        }
    }
}
