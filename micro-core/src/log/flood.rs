//! Lines that may come by the thousand: the first is written, the others are counted.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// How long lines are kept back before their number is told, and how long it has to be calm for
/// the next one to be a first one.
const EVERY: Duration = Duration::from_secs(5);

/// One kind of line.
#[derive(Default)]
pub(crate) struct Flood {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The time of the first and of the last of them; nothing while it is calm.
    times: Option<(Instant, Instant)>,
    /// How many there were since the first.
    seen: u64,
    /// How many of them no line has told of.
    kept_back: u64,
    /// What the last one that was kept back says.
    says: String,
    tell: Option<Tell>,
}

type Tell = Arc<dyn Fn(Pause) + Send + Sync>;

/// What there is to tell after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// How many there were since it began.
    pub(crate) seen: u64,
    /// How many of them no line has told of.
    pub(crate) kept_back: u64,
    /// What the last of these says, if they say anything.
    pub(crate) says: String,
    /// How long it was from the first to the last of them.
    pub(crate) lasts: Duration,
    /// Whether it is over: there were none since the line before, or there will be none.
    pub(crate) over: bool,
}

impl Flood {
    /// Tells of those after the first: every few seconds while there are some, when it is over, and
    /// at once when nobody is left who could count another one.
    pub(crate) fn follow(self: &Arc<Self>, tell: impl Fn(Pause) + Send + Sync + 'static) {
        self.follow_on(&Handle::current(), tell);
    }

    /// The same for who may not be on a runtime.
    pub(crate) fn follow_on(
        self: &Arc<Self>,
        runtime: &Handle,
        tell: impl Fn(Pause) + Send + Sync + 'static,
    ) {
        runtime.spawn(self.follow_by(Arc::new(tell)));
    }

    fn follow_by(self: &Arc<Self>, tell: Tell) -> BoxFuture<'static, ()> {
        self.state().tell = Some(Arc::clone(&tell));
        let flood = Arc::downgrade(self);
        Box::pin(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(flood) = flood.upgrade() else { return };
                let pause = flood.pause();
                let over = pause.over;
                tell(pause);
                if over {
                    return;
                }
            }
        })
    }

    /// One more. Whether it is the first after a calm: to be told at once, and to be followed.
    pub(crate) fn count(&self) -> bool {
        self.add(1, String::new)
    }

    /// One more, which says something of its own.
    pub(crate) fn count_saying(&self, says: impl FnOnce() -> String) -> bool {
        self.add(1, says)
    }

    /// As [`count`](Self::count), for many that came together.
    pub(crate) fn count_many(&self, number: u64) -> bool {
        self.add(number, String::new)
    }

    fn add(&self, number: u64, says: impl FnOnce() -> String) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let first = state.times.is_none();
        if first {
            state.times = Some((now, now));
        } else {
            state.times = state.times.map(|(since, _)| (since, now));
            state.kept_back += number;
            state.says = says();
        }
        state.seen += number;
        first
    }

    fn pause(&self) -> Pause {
        self.state().pause()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pause(&mut self) -> Pause {
        let pause = Pause {
            seen: self.seen,
            kept_back: std::mem::take(&mut self.kept_back),
            says: std::mem::take(&mut self.says),
            lasts: self
                .times
                .map_or(Duration::ZERO, |(since, last)| last.duration_since(since)),
            over: false,
        };
        if pause.kept_back > 0 {
            return pause;
        }
        *self = Self::default();
        Pause {
            over: true,
            ..pause
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(tell) = state.tell.take() {
            let last = state.pause();
            tell(Pause { over: true, ..last });
        }
    }
}

impl fmt::Debug for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flood")
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

    #[test]
    fn it_lasts_to_the_last_one_and_not_to_the_look() {
        let flood = Flood::default();
        flood.count();
        std::thread::sleep(Duration::from_millis(2));
        flood.count_saying(|| "second".to_owned());
        let told = flood.pause();
        assert_eq!(told.says, "second");
        assert!(told.lasts >= Duration::from_millis(2), "{told:?}");
        std::thread::sleep(Duration::from_millis(2));
        let over = flood.pause();
        assert!(over.over, "{over:?}");
        assert_eq!(over.lasts, told.lasts);
    }

    #[tokio::test]
    async fn what_was_kept_back_is_told_when_nobody_counts_any_more() {
        let (tell, told) = std::sync::mpsc::channel();
        let flood = Arc::new(Flood::default());
        assert!(flood.count());
        flood.follow(move |pause| tell.send(pause).unwrap());
        assert!(!flood.count_saying(|| "third".to_owned()));
        drop(flood);
        let pause = told.try_recv().unwrap();
        assert_eq!((pause.seen, pause.kept_back, pause.over), (2, 1, true));
        assert_eq!(pause.says, "third");
        assert!(told.try_recv().is_err());
    }
}
