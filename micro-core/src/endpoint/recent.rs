//! Where an endpoint has sent its last replies.
//!
//! A server that refuses a reply names its subject, and nothing else: an inbox of somebody's. What
//! was sent a moment ago is kept here, so that the refusal finds its endpoint.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many are kept. A refusal comes a round trip after its reply: this is for 100,000 replies a
/// second and 2.5 ms.
const KEPT: usize = 256;

/// In place of a hash's lowest bit: whether the request has counted as an error.
const COUNTED: u64 = 1;

/// The subjects of the last replies, as hashes: cheap enough to be kept of each.
pub(crate) struct Recent {
    next: AtomicUsize,
    hashes: [AtomicU64; KEPT],
}

impl Recent {
    /// Notes a reply that is about to be sent, and whether its request has counted as an error.
    pub(crate) fn note(&self, subject: &str, counted: bool) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % KEPT;
        if let Some(hash) = self.hashes.get(place) {
            hash.store(key(subject) | u64::from(counted), Ordering::Relaxed);
        }
    }

    /// Whether a reply to this subject was sent just now, and then whether its request had counted
    /// as an error.
    pub(crate) fn find(&self, subject: &str) -> Option<bool> {
        let key = key(subject);
        let mut hashes = self.hashes.iter().map(|hash| hash.load(Ordering::Relaxed));
        let found = hashes.find(|hash| hash & !COUNTED == key)?;
        Some(found & COUNTED != 0)
    }
}

fn key(subject: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    hasher.finish() & !COUNTED
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            next: AtomicUsize::new(0),
            hashes: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recent")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_found_and_older_ones_forgotten() {
        let recent = Recent::default();
        assert_eq!(recent.find("a"), None);
        recent.note("a", false);
        recent.note("b", true);
        assert_eq!(
            (recent.find("a"), recent.find("b")),
            (Some(false), Some(true))
        );
        for number in 0..KEPT {
            recent.note(&number.to_string(), false);
        }
        assert_eq!((recent.find("a"), recent.find("0")), (None, Some(false)));
    }
}
