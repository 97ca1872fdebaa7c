//! What the programs in `fuzz/` reach into.

use crate::subjects;
use crate::sublist::Sublist;

pub use crate::connection::converse;

/// Whether one can subscribe to it.
pub fn is_valid(subject: &[u8]) -> bool {
    subjects::is_valid(subject)
}

/// The patterns, by their index, that a message to `subject` reaches, in order. Those that are not
/// valid are nobody's.
pub fn reached(patterns: &[&[u8]], subject: &[u8]) -> Vec<u64> {
    let mut sublist = Sublist::new();
    let valid = || (0..).zip(patterns).filter(|(_, pattern)| is_valid(pattern));
    for (id, pattern) in valid() {
        sublist.insert(pattern, None, id);
    }
    let mut reached = sublist.matches(subject).plain;
    for (id, pattern) in valid() {
        sublist.remove(pattern, None, id);
    }
    assert!(
        sublist.matches(subject).plain.is_empty(),
        "it leaves nothing"
    );
    reached.sort_unstable();
    reached
}
