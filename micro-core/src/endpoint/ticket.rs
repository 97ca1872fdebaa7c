//! What the endpoints of a function share: the right to serve one request, the first over all of them.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// The right to serve one request.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    taken: AtomicBool,
    told: Notify,
}

impl Ticket {
    /// Takes it, if nobody has.
    pub(super) fn take(&self) -> bool {
        let is_first = !self.taken.swap(true, Ordering::AcqRel);
        if is_first {
            self.told.notify_waiters();
        }
        is_first
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits until somebody has taken it.
    pub(crate) async fn taken(&self) {
        // Registered before the look, so that what happens in between is not missed.
        let mut told = std::pin::pin!(self.told.notified());
        told.as_mut().enable();
        if !self.is_taken() {
            told.await;
        }
    }
}
