//! Where an endpoint has sent its last replies.
//!
//! A server that refuses a reply names its subject, and nothing else: an inbox of somebody's. What
//! was sent a moment ago is kept here, so that the refusal finds its endpoint.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many are kept. A refusal comes a round trip after its reply: this is for 100,000 replies a
/// second and 2.5 ms.
const KEPT: usize = 256;

/// Spreads what differs in few bits over all of them.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// In place of a hash's lowest bit: whether the request has counted as an error.
const COUNTED: u64 = 1;

/// The subjects of the last replies, as hashes: cheap enough to be kept of each.
#[derive(Default)]
pub(crate) struct Recent {
    next: AtomicUsize,
    /// Made for the first reply: a service may have a thousand endpoints that are seldom called.
    hashes: OnceLock<Box<[AtomicU64]>>,
}

impl Recent {
    /// Notes a reply that is about to be sent, and whether its request has counted as an error.
    pub(crate) fn note(&self, subject: &str, counted: bool) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % KEPT;
        let hashes = self.hashes.get_or_init(|| {
            let nothing = std::iter::repeat_with(|| AtomicU64::new(0));
            nothing.take(KEPT).collect()
        });
        if let Some(hash) = hashes.get(place) {
            hash.store(key(subject) | u64::from(counted), Ordering::Relaxed);
        }
    }

    /// Whether a reply to this subject was sent just now, and then whether its request had counted
    /// as an error. Each reply is refused once, the oldest first, and so found once.
    pub(crate) fn take(&self, subject: &str) -> Option<bool> {
        let hashes = self.hashes.get()?;
        let key = key(subject);
        let oldest = self.next.load(Ordering::Relaxed);
        (0..KEPT).find_map(|age| {
            let hash = hashes.get((oldest + age) % KEPT)?;
            let found = hash.load(Ordering::Relaxed);
            let taken = found & !COUNTED == key
                && hash
                    .compare_exchange(found, 0, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok();
            taken.then_some(found & COUNTED != 0)
        })
    }
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
    // Nothing is kept where there is a zero.
    (mixed ^ mixed >> 32 | 2) & !COUNTED
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
        assert_eq!(recent.take("a"), None);
        recent.note("a", false);
        recent.note("b", true);
        assert_eq!((recent.take("b"), recent.take("b")), (Some(true), None));
        for number in 0..KEPT {
            recent.note(&number.to_string(), false);
        }
        assert_eq!((recent.take("a"), recent.take("0")), (None, Some(false)));
    }

    #[test]
    fn replies_to_one_subject_are_found_in_their_order() {
        let recent = Recent::default();
        for _ in 0..3 {
            recent.note("a", false);
            recent.note("a", true);
        }
        for _ in 0..3 {
            let two = (recent.take("a"), recent.take("a"));
            assert_eq!(two, (Some(false), Some(true)));
        }
    }

    #[test]
    fn inboxes_are_told_apart() {
        let recent = Recent::default();
        let inbox = |number: usize| format!("_INBOX.GsYCCPIYjCPnTBRvzmmVzJ.{number:022}");
        for number in 0..KEPT {
            recent.note(&inbox(number), number % 2 == 0);
        }
        for number in (0..KEPT).rev() {
            assert_eq!(recent.take(&inbox(number)), Some(number % 2 == 0));
        }
    }
}
