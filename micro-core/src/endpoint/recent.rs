//! Where the endpoints of a service have sent their last replies.
//!
//! A server that refuses a reply names its subject, and nothing else: an inbox of somebody's. What
//! was sent a moment ago is kept here, so that the refusal finds its endpoint.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// How many are kept in a ring. A refusal comes a round trip after its reply: this is for 100,000
/// replies a second and 2.5 ms, of all endpoints that share the ring. A refusal of what is no longer
/// here is logged, and counts for no endpoint.
const KEPT: usize = 256;

/// How many rings there are: few, because a service may have a thousand endpoints, and more than one,
/// so that those that are busy at once seldom share one.
const RINGS: usize = 4;

/// Spreads what differs in few bits over all of them.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// In a hash's lowest bit: whether the request has counted as an error. Above it, whose reply it is.
const COUNTED: u64 = 1;
const NUMBER: u64 = 0xf_ffff << 1;

/// In its highest: there is one.
const THERE: u64 = 1 << 63;

/// The subjects of the last replies of a service, as hashes: cheap enough to be kept of each.
#[derive(Default)]
pub(crate) struct Recents {
    endpoints: AtomicU64,
    /// Each is made for its first reply.
    rings: [OnceLock<Box<Ring>>; RINGS],
}

struct Ring {
    next: AtomicUsize,
    hashes: [AtomicU64; KEPT],
}

/// The part of one endpoint.
pub(crate) struct Recent {
    all: Arc<Recents>,
    number: u64,
}

impl Recents {
    /// For another endpoint.
    pub(crate) fn join(self: &Arc<Self>) -> Recent {
        Recent {
            all: Arc::clone(self),
            number: self.endpoints.fetch_add(1, Ordering::Relaxed) << 1 & NUMBER,
        }
    }

    /// Whether a reply to this subject was sent just now: by which endpoint, and whether its request
    /// had counted as an error. Each reply is refused once, and so found once.
    pub(crate) fn take(&self, subject: &str) -> Option<Refusal> {
        let key = key(subject);
        let mut rings = self.rings.iter().filter_map(OnceLock::get);
        let found = rings.find_map(|ring| ring.take(key))?;
        Some(Refusal {
            number: found & NUMBER,
            counted: found & COUNTED != 0,
        })
    }
}

impl Ring {
    fn take(&self, key: u64) -> Option<u64> {
        let oldest = self.next.load(Ordering::Relaxed);
        (0..KEPT).find_map(|age| {
            let hash = self.hashes.get((oldest + age) % KEPT)?;
            let found = hash.load(Ordering::Relaxed);
            let taken = found & !(COUNTED | NUMBER) == key
                && hash
                    .compare_exchange(found, 0, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok();
            taken.then_some(found)
        })
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            next: AtomicUsize::new(0),
            hashes: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Recent {
    /// Notes a reply that is about to be sent, and whether its request has counted as an error.
    #[inline]
    pub(crate) fn note(&self, subject: &str, counted: bool) {
        let ring = usize::try_from(self.number >> 1).unwrap_or_default() % RINGS;
        let Some(ring) = self.all.rings.get(ring) else {
            return;
        };
        let ring = ring.get_or_init(Box::default);
        let place = ring.next.fetch_add(1, Ordering::Relaxed) % KEPT;
        if let Some(hash) = ring.hashes.get(place) {
            let noted = key(subject) | self.number | u64::from(counted);
            hash.store(noted, Ordering::Relaxed);
        }
    }

    /// Whether a refusal is of this endpoint's reply.
    pub(crate) fn is_of(&self, refusal: &Refusal) -> bool {
        self.number == refusal.number
    }
}

/// A reply that was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    number: u64,
    /// Whether its request had counted as an error.
    pub(crate) counted: bool,
}

/// Of the end of the subject, which is where inboxes differ, and of its length. It is taken of each
/// reply: cheap goes before even. What it confuses is counted for the wrong endpoint.
fn key(subject: &str) -> u64 {
    let bytes = subject.as_bytes();
    let end = match bytes.last_chunk::<16>() {
        Some(end) => u128::from_le_bytes(*end),
        None => bytes
            .iter()
            .fold(0, |end, byte| end << 8 | u128::from(*byte)),
    };
    #[allow(clippy::cast_possible_truncation, reason = "the halves of a number")]
    let (low, high) = (end as u64, (end >> 64) as u64);
    let mixed = (low ^ high.rotate_left(29) ^ bytes.len() as u64).wrapping_mul(ODD);
    // The upper bits are the ones that all others are in.
    (mixed ^ mixed << 32 | THERE) & !(COUNTED | NUMBER)
}

impl std::fmt::Debug for Recents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recents").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> (Arc<Recents>, Recent) {
        let recents = Arc::new(Recents::default());
        let recent = recents.join();
        (recents, recent)
    }

    fn counted(recents: &Recents, subject: &str) -> Option<bool> {
        recents.take(subject).map(|refusal| refusal.counted)
    }

    #[test]
    fn the_last_ones_are_found_and_older_ones_forgotten() {
        let (recents, recent) = new();
        assert_eq!(recents.take("a"), None);
        recent.note("a", false);
        recent.note("b", true);
        let counted = |subject| counted(&recents, subject);
        assert_eq!((counted("b"), counted("b")), (Some(true), None));
        for number in 0..KEPT {
            recent.note(&number.to_string(), false);
        }
        assert_eq!((counted("a"), counted("0")), (None, Some(false)));
    }

    #[test]
    fn replies_to_one_subject_are_found_in_their_order() {
        let (recents, recent) = new();
        for _ in 0..3 {
            recent.note("a", false);
            recent.note("a", true);
        }
        for _ in 0..3 {
            let two = (counted(&recents, "a"), counted(&recents, "a"));
            assert_eq!(two, (Some(false), Some(true)));
        }
    }

    #[test]
    fn inboxes_are_told_apart() {
        let (recents, recent) = new();
        let inbox = |number: usize| format!("_INBOX.GsYCCPIYjCPnTBRvzmmVzJ.{number:022}");
        for number in 0..KEPT {
            recent.note(&inbox(number), number % 2 == 0);
        }
        for number in (0..KEPT).rev() {
            assert_eq!(counted(&recents, &inbox(number)), Some(number % 2 == 0));
        }
    }

    #[test]
    fn endpoints_are_told_apart() {
        let (recents, first) = new();
        let others: Vec<Recent> = (0..3 * RINGS).map(|_| recents.join()).collect();
        for (number, other) in others.iter().enumerate() {
            other.note(&number.to_string(), false);
        }
        first.note("first", true);
        let refusal = recents.take("first").unwrap();
        assert!(first.is_of(&refusal) && refusal.counted);
        for (number, other) in others.iter().enumerate() {
            let refusal = recents.take(&number.to_string()).unwrap();
            assert!(other.is_of(&refusal) && !first.is_of(&refusal));
            let is_of = others.iter().filter(|other| other.is_of(&refusal));
            assert_eq!(is_of.count(), 1, "{number}");
        }
    }
}
