//! What the handlers of an endpoint have been seen to cost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long handlers of one endpoint may compute, on average, to be run where requests are read. Heavier ones get a task of their own, so that the intake goes on and every core is used; a
/// task costs about 3 us, so this is where it stops to matter.
const HEAVY: Duration = Duration::from_micros(50);

/// The most that one handler counts for in that average. Time passes as well while a busy machine
/// runs something else in between: a few such handlers do not make an endpoint heavy, and those that
/// are heavy are all over it.
const HEAVY_MOST: Duration = Duration::from_micros(100);

#[derive(Debug, Default)]
pub(super) struct Pace {
    /// What they computed, whenever they did not wait.
    compute: Average,
    /// From their start to their reply.
    whole: Average,
}

impl Pace {
    /// A handler is done, and has computed for so long in all.
    pub(super) fn computed(&self, time: Duration) {
        self.compute.saw(time.min(HEAVY_MOST));
    }

    /// A handler has answered.
    pub(super) fn answered(&self, time: Duration) {
        self.whole.saw(time);
    }

    /// Takes handlers for cheap from now on, whatever a tool makes of their time.
    #[cfg(fuzzing)]
    pub(super) fn assume_cheap(&self) {
        self.compute.0.store(1, Ordering::Relaxed);
    }

    /// Whether handlers compute for long; and whether they may, as long as nothing is known of them.
    pub(super) fn is_heavy(&self) -> bool {
        let compute = self.compute.get();
        compute > HEAVY || compute.is_zero()
    }

    /// How long handlers take. Nothing, before the first has ended.
    pub(super) fn handler_time(&self) -> Option<Duration> {
        Some(self.whole.get()).filter(|time| !time.is_zero())
    }
}

/// A moving average in nanoseconds.
#[derive(Debug, Default)]
struct Average(AtomicU64);

impl Average {
    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// A lost update under concurrency only makes the average a little older.
    fn saw(&self, time: Duration) {
        let seen = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1);
        let average = self.0.load(Ordering::Relaxed);
        let next = match average {
            0 => seen,
            _ => average - average / 8 + seen / 8,
        };
        self.0.store(next, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_computes_is_heavy_and_what_was_interrupted_is_not() {
        let pace = Pace::default();
        assert!(pace.is_heavy());
        let seen = |times: usize, time| (0..times).for_each(|_| pace.computed(time));
        seen(10, Duration::from_micros(2));
        seen(3, Duration::from_millis(8));
        assert!(!pace.is_heavy());
        seen(30, Duration::from_micros(60));
        assert!(pace.is_heavy());
        seen(10, Duration::from_micros(2));
        assert!(!pace.is_heavy());
    }
}
