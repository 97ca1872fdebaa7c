//! Panics of the server's tasks. Tokio catches them, the connection alone would end, and no test
//! would notice.

use std::panic;
use std::sync::{Mutex, Once, PoisonError};

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Remembers how many there were.
pub(crate) struct Panics(usize);

impl Panics {
    pub(crate) fn watch() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                // What panics in a test is the test's own failure.
                let place = info.location().map_or("nowhere", panic::Location::file);
                if !place.contains("tests/") {
                    seen().push(info.to_string());
                }
                usual(info);
            }));
        });
        Self(seen().len())
    }

    /// That there were none since.
    pub(crate) fn none(&self, what: &str) {
        let seen = seen();
        assert!(seen.len() == self.0, "{what}: {:?}", &seen[self.0..]);
    }
}

fn seen() -> std::sync::MutexGuard<'static, Vec<String>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}
