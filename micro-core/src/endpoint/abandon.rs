//! Giving up handlers that outlast the drain of their endpoint.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Whether the handlers of an endpoint have been given up.
#[derive(Debug, Default)]
pub(super) struct Abandonment {
    begun: AtomicBool,
    told: Notify,
    /// Requests that were not begun, and whose callers do not know it yet; events that were not begun.
    untold: AtomicUsize,
}

impl Abandonment {
    /// `pending` requests are not begun any more.
    pub(super) fn begin(&self, pending: usize) {
        self.untold.fetch_add(pending, Ordering::SeqCst);
        self.begun.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }

    /// One more is not begun any more.
    pub(super) fn left_one(&self) {
        self.untold.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn told_one(&self) {
        self.untold.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn untold(&self) -> usize {
        self.untold.load(Ordering::SeqCst)
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
