//! What an endpoint has done, for STATS.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counters that stay exact however many handlers run at once.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    /// Of events only.
    dropped: AtomicU64,
    processing_nanos: AtomicU64,
    /// Taken for errors and for STATS only.
    last_error: Mutex<String>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) dropped: u64,
    pub(crate) processing: Duration,
    pub(crate) last_error: String,
}

impl Counters {
    /// A request whose handler has returned after `processing`.
    pub(crate) fn request(&self, processing: Duration) {
        let nanos = u64::try_from(processing.as_nanos()).unwrap_or(u64::MAX);
        self.processing_nanos.fetch_add(nanos, Ordering::Relaxed);
        // Whoever sees the request counted sees its time counted too.
        self.requests.fetch_add(1, Ordering::Release);
    }

    /// Something that went wrong with a request, in the words of `last_error`.
    pub(crate) fn error(&self, text: String) {
        let mut last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = text;
        self.errors.fetch_add(1, Ordering::Release);
    }

    /// Events that no handler was called for.
    pub(crate) fn dropped(&self, events: u64) {
        self.dropped.fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Count {
        let last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let requests = self.requests.load(Ordering::Acquire);
        Count {
            requests,
            errors: self.errors.load(Ordering::Acquire),
            dropped: self.dropped.load(Ordering::Relaxed),
            // A request's time is counted just before it is: time without requests makes no sense,
            // and the `nats` command divides by them.
            processing: match requests {
                0 => Duration::ZERO,
                _ => Duration::from_nanos(self.processing_nanos.load(Ordering::Relaxed)),
            },
            last_error: last_error.clone(),
        }
    }

    /// Back to nothing, and what there was: whatever is counted meanwhile is in one of the two.
    /// Requests in flight count when they finish.
    pub(crate) fn take(&self) -> Count {
        let mut last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Count {
            requests: self.requests.swap(0, Ordering::AcqRel),
            // Behind its request, so a request that is counted just now may leave its error for the
            // next time, and its time for this.
            errors: self.errors.swap(0, Ordering::AcqRel),
            dropped: self.dropped.swap(0, Ordering::AcqRel),
            processing: Duration::from_nanos(self.processing_nanos.swap(0, Ordering::AcqRel)),
            last_error: std::mem::take(&mut last_error),
        }
    }
}
