//! Everybody who looks: each headline goes to all of them, and a slow one holds up nobody.
//!
//! There is one subscription, and what it gives is handed to viewers through a channel of bounded size.
//! Who falls behind by more than that misses the oldest, and is told how many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use micro::{Connection, Event, EventError, Subscription};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::news::{Headline, SUBJECT, TITLE_MAX_CHARS};

/// How far a viewer may be behind.
const BEHIND_MAX: usize = 256;

/// How many of the last headlines a new viewer sees.
const RECENT_MAX: usize = 30;

/// How many may look at a time.
const VIEWERS_MAX: usize = 1024;

/// How often to look whether NATS is there, which no event tells.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A headline, as browsers get it.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    #[serde(skip)]
    pub(crate) number: u64,
    topic: String,
    title: String,
    by: String,
    /// When it came here, in milliseconds since 1970.
    at: u64,
}

/// What there is to tell a viewer.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    News(Arc<Item>),
    /// So many headlines went by.
    Missed(u64),
    /// Whether NATS is there.
    Nats(bool),
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Tells the numbers of this process from those of another.
    run: String,
    news: broadcast::Sender<Told>,
    recent: Mutex<Recent>,
    nats: watch::Sender<bool>,
    seats: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Recent {
    count: u64,
    items: VecDeque<Arc<Item>>,
}

/// Somebody who looks.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// What was there before.
    backlog: VecDeque<Told>,
    news: broadcast::Receiver<Told>,
    nats: watch::Receiver<bool>,
    _seat: OwnedSemaphorePermit,
}

impl Hub {
    pub(crate) fn new(run: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            run: run.into(),
            news: broadcast::channel(BEHIND_MAX).0,
            recent: Mutex::default(),
            nats: watch::Sender::new(true),
            seats: Arc::new(Semaphore::new(VIEWERS_MAX)),
        }))
    }

    /// The name of a number, which stays its own when this process is started again.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.0.run)
    }

    /// A seat, with the headlines since the one that is known, if there are seats.
    pub(crate) fn join(&self, known: Option<&str>) -> Option<Viewer> {
        let seat = Arc::clone(&self.0.seats).try_acquire_owned().ok()?;
        let known = known.and_then(|id| {
            let (run, number) = id.rsplit_once('-')?;
            number.parse().ok().filter(|_: &u64| run == self.0.run)
        });
        let mut nats = self.0.nats.subscribe();
        let mut backlog = VecDeque::from([Told::Nats(*nats.borrow_and_update())]);
        let recent = self.0.recent.lock();
        let recent = recent.unwrap_or_else(PoisonError::into_inner);
        if let (Some(known), Some(first)) = (known, recent.items.front()) {
            let missed = first.number.saturating_sub(known + 1);
            backlog.extend((missed > 0).then_some(Told::Missed(missed)));
        }
        let new = recent.items.iter().filter(|item| Some(item.number) > known);
        backlog.extend(new.map(|item| Told::News(Arc::clone(item))));
        // While nobody adds one: none comes twice, and none is left out.
        let news = self.0.news.subscribe();
        Some(Viewer {
            backlog,
            news,
            nats,
            _seat: seat,
        })
    }

    fn add(&self, event: &Event<Headline>) {
        let cut = |text: &str| text.chars().take(TITLE_MAX_CHARS).collect::<String>();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.count += 1;
        let item = Arc::new(Item {
            number: recent.count,
            topic: cut(event.placeholder("topic").unwrap_or_default()),
            title: cut(&event.payload.title),
            by: cut(&event.payload.by),
            at: now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
        });
        if recent.items.len() == RECENT_MAX {
            recent.items.pop_front();
        }
        recent.items.push_back(Arc::clone(&item));
        // Nobody may be looking.
        let _ = self.0.news.send(Told::News(item));
    }

    /// Subscribes to what is published. It is handed on by what this gives, for as long as that is
    /// awaited and there is a connection.
    pub(crate) async fn relay(
        &self,
        nats: Connection,
    ) -> micro::Result<impl Future<Output = ()> + Send + use<>> {
        let headlines = nats.subscribe::<Headline>(SUBJECT).await?;
        Ok(self.clone().hand_on(headlines, nats))
    }

    async fn hand_on(self, mut headlines: Subscription<Headline>, nats: Connection) {
        let relaying = async {
            while let Some(headline) = headlines.next().await {
                match headline {
                    Ok(headline) => self.add(&headline),
                    Err(EventError::Lagged { missed, .. }) => {
                        let _ = self.0.news.send(Told::Missed(missed));
                    }
                    Err(error) => tracing::warn!(%error, "not shown"),
                }
            }
        };
        tokio::select! {
            () = relaying => {}
            () = self.look(&nats) => {}
        }
    }

    /// Tells whether NATS is there.
    async fn look(&self, nats: &Connection) {
        loop {
            let is_there = nats.is_connected();
            self.0
                .nats
                .send_if_modified(|was| std::mem::replace(was, is_there) != is_there);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Viewer {
    /// What comes next; never again, once there is nobody to tell it.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        if let Some(told) = self.backlog.pop_front() {
            return Some(told);
        }
        tokio::select! {
            told = self.news.recv() => match told {
                Ok(told) => Some(told),
                Err(broadcast::error::RecvError::Lagged(missed)) => Some(Told::Missed(missed)),
                Err(broadcast::error::RecvError::Closed) => None,
            },
            changed = self.nats.changed() => {
                changed.ok()?;
                Some(Told::Nats(*self.nats.borrow_and_update()))
            }
        }
    }
}
