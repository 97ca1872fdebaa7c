//! Lines that may come by the thousand: the first is written, the others are counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long lines are kept back before their number is told, and how long it has to be calm for
/// the next one to be a first one.
const EVERY: Duration = Duration::from_secs(5);

/// One kind of line.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it began; nothing while it is calm.
    since: Option<Instant>,
    /// How many there were since then.
    seen: u64,
    /// How many of them no line has told of.
    kept_back: u64,
}

/// What there is to tell after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// How many there were since it began.
    pub(crate) seen: u64,
    /// How many of them no line has told of.
    pub(crate) kept_back: u64,
    /// How long it lasts by now.
    pub(crate) lasts: Duration,
    /// Whether it is over: there were none since the line before.
    pub(crate) over: bool,
}

impl Flood {
    /// Tells of those after the first: every few seconds while there are some, and when it is over.
    pub(crate) fn follow(self: &Arc<Self>, tell: impl Fn(Pause) + Send + 'static) {
        let flood = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                // The endpoint has gone: STATS and the report of its stop have had the numbers.
                let Some(flood) = flood.upgrade() else { return };
                let pause = flood.pause();
                tell(pause);
                if pause.over {
                    return;
                }
            }
        });
    }

    /// One more. Whether it is the first after a calm: to be told at once, and to be followed.
    pub(crate) fn count(&self) -> bool {
        let mut state = self.state();
        let first = state.since.is_none();
        if first {
            state.since = Some(Instant::now());
        } else {
            state.kept_back += 1;
        }
        state.seen += 1;
        first
    }

    fn pause(&self) -> Pause {
        let mut state = self.state();
        let pause = Pause {
            seen: state.seen,
            kept_back: std::mem::take(&mut state.kept_back),
            lasts: state.since.map_or(Duration::ZERO, |since| since.elapsed()),
            over: false,
        };
        if pause.kept_back > 0 {
            return pause;
        }
        *state = State::default();
        Pause {
            over: true,
            ..pause
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(flood: &Flood) -> (u64, u64, bool) {
        let pause = flood.pause();
        (pause.seen, pause.kept_back, pause.over)
    }

    #[test]
    fn the_first_is_told_and_none_is_forgotten() {
        let flood = Flood::default();
        for _ in 0..2 {
            assert!(flood.count());
            assert!(!flood.count());
            assert!(!flood.count());
            assert_eq!(told(&flood), (3, 2, false));
            assert!(!flood.count());
            assert_eq!(told(&flood), (4, 1, false));
            assert_eq!(told(&flood), (4, 0, true));
        }
    }

    #[test]
    fn one_alone_is_over_with_the_first_look() {
        let flood = Flood::default();
        assert!(flood.count());
        assert_eq!(told(&flood), (1, 0, true));
        assert!(flood.count());
    }
}
