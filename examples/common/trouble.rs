//! Trouble that many tasks have again and again is said once, and once when it is over.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After trouble, there are those who have waited since before its end and are only now told that
/// they waited in vain: no news.
const ECHO: Duration = Duration::from_secs(5);

/// One kind of trouble.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    since: Option<Instant>,
    over: Option<Instant>,
}

impl Trouble {
    /// Names it, such as "no tasks to be had".
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            state: Mutex::default(),
        }
    }

    /// Somebody has it.
    pub(crate) fn is(&self, reason: impl Display) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_echo = state.over.is_some_and(|over| over.elapsed() < ECHO);
        if state.since.is_none() && !is_echo {
            state.since = Some(Instant::now());
            tracing::warn!(%reason, "{}; saying no more until it is over", self.what);
        }
    }

    /// Somebody has it no more.
    pub(crate) fn is_over(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = state.since.take() {
            state.over = Some(Instant::now());
            tracing::info!(after = ?since.elapsed(), "over: {}", self.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_said_once_and_its_echo_not_at_all() {
        let trouble = Trouble::new("nothing to be had");
        let is_open = || trouble.state.lock().unwrap().since.is_some();
        trouble.is_over();
        assert!(!is_open());
        trouble.is("one");
        trouble.is("two");
        assert!(is_open());
        trouble.is_over();
        trouble.is("an echo");
        assert!(!is_open());
    }
}
