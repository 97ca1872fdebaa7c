//! What a connection goes over: a client, and the reply inbox over it.
//!
//! It has the same for as long as it lives, but for a client that [fails](super::renewal).

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_nats::{Client, SubscribeError};
use tokio::sync::OnceCell;

use super::replies::Inboxes;
use super::requests::Requests;

pub(super) struct Link {
    pub(super) client: Client,
    requests: OnceCell<Requests>,
    /// Those of requests that several may answer.
    pub(super) inboxes: Inboxes,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            requests: OnceCell::new(),
            inboxes: Inboxes::default(),
        }
    }

    /// The reply inbox, which is opened when it is first needed.
    pub(super) async fn requests(&self) -> Result<&Requests, SubscribeError> {
        if let Some(requests) = self.requests.get() {
            return Ok(requests);
        }
        let opened = self
            .requests
            .get_or_try_init(|| Requests::open(&self.client));
        // Once, and not to make each call's future larger.
        Box::pin(opened).await
    }

    /// No reply comes any more.
    pub(super) fn give_up(&self) {
        if let Some(requests) = self.requests.get() {
            requests.give_up();
        }
    }

    /// How many wait for a reply over it, or for several.
    pub(super) fn calls_waiting(&self) -> usize {
        self.requests.get().map_or(0, Requests::waiting) + self.inboxes.open()
    }
}

/// The first link of a connection, and the one that has taken its place.
pub(super) struct Links {
    first: Link,
    later: RwLock<Option<Arc<Link>>>,
    /// Whether it is the last: changes while the other is locked.
    is_closed: AtomicBool,
    /// How often it has been replaced: each message asks whether it was, and a lock would be what
    /// that costs most.
    replaced: AtomicUsize,
}

impl Links {
    pub(super) fn new(client: Client) -> Self {
        Self {
            first: Link::new(client),
            later: RwLock::default(),
            is_closed: AtomicBool::new(false),
            replaced: AtomicUsize::new(0),
        }
    }

    /// Changes with the current link.
    pub(super) fn version(&self) -> usize {
        self.replaced.load(Ordering::Acquire)
    }

    pub(super) fn current(&self) -> Current<'_> {
        if self.version() > 0 {
            let later = self.later.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(later) = &*later {
                return Current::Later(Arc::clone(later));
            }
        }
        Current::First(&self.first)
    }

    /// Whether there was a place to take.
    pub(super) fn replace(&self, client: Client) -> bool {
        let mut later = self.later.write().unwrap_or_else(PoisonError::into_inner);
        if self.is_closed.load(Ordering::Relaxed) {
            return false;
        }
        *later = Some(Arc::new(Link::new(client)));
        self.replaced.fetch_add(1, Ordering::Release);
        true
    }

    /// From now on there is no other.
    pub(super) fn close(&self) {
        let _later = self.later.write().unwrap_or_else(PoisonError::into_inner);
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

/// The link of a connection at some moment.
pub(super) enum Current<'a> {
    First(&'a Link),
    Later(Arc<Link>),
}

impl Deref for Current<'_> {
    type Target = Link;

    fn deref(&self) -> &Link {
        match self {
            Self::First(link) => link,
            Self::Later(link) => link,
        }
    }
}
