//! Where a service was started, if what it reads is read elsewhere.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// The runtime that a service was started on. When it ends, what is read on its behalf elsewhere ends
/// with it: nobody would serve what takes long.
///
/// It is no use to have it be the current runtime of what is polled elsewhere: then
/// `tokio::task::block_in_place` there would have its blocking threads go on with the worker it
/// leaves, and it could not end as long as there is a connection.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    handle: Handle,
    guests: Arc<Guests>,
    /// Closed when nobody can send more guests.
    _here: Arc<oneshot::Sender<()>>,
}

/// The tasks elsewhere that end with it.
#[derive(Debug, Default)]
struct Guests(Mutex<Vec<AbortHandle>>);

impl Home {
    /// The current runtime.
    pub(crate) fn current() -> Self {
        let (here, gone) = oneshot::channel();
        let home = Self {
            handle: Handle::current(),
            guests: Arc::default(),
            _here: Arc::new(here),
        };
        let mut guard = Guard(Some(Arc::clone(&home.guests)));
        home.handle.spawn(async move {
            // Not reached where the runtime ends first.
            let _ = gone.await;
            guard.disarm();
        });
        home
    }

    /// Runs what is for this one here.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(future);
    }

    /// Runs a future on another runtime, as long as this one is there.
    pub(super) fn send(
        &self,
        elsewhere: &Handle,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = elsewhere.spawn(future);
        let mut guests = self.guests.all();
        // Not each time: a service may have a thousand endpoints, and change them often.
        if guests.len() == guests.capacity() {
            guests.retain(|guest| !guest.is_finished());
            let room = guests.len().max(8);
            guests.reserve(room);
        }
        guests.push(task.abort_handle());
    }
}

impl Guests {
    fn all(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropped with the runtime, if that ends before the guests.
struct Guard(Option<Arc<Guests>>);

impl Guard {
    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(guests) = &self.0 {
            guests.all().iter().for_each(AbortHandle::abort);
        }
    }
}
