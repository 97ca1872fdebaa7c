//! Futures whose type is forgotten.
//!
//! What awaits a future holds all of its states, and is compiled with all of its code: a bound on its
//! time, a task, or another future once more for each. That is worth it for what each request goes
//! through. What happens once in the life of a service or of a connection is behind one of these, or
//! behind a function that gives a [`BoxFuture`], and is compiled once.

use futures_util::future::{BoxFuture, join_all};
use tokio::task::JoinHandle;

/// Runs something in a task of its own.
pub(crate) fn spawn(task: BoxFuture<'static, ()>) -> JoinHandle<()> {
    tokio::spawn(task)
}

/// Runs something on a thread that may block.
pub(crate) fn spawn_blocking(task: Box<dyn FnOnce() + Send>) -> JoinHandle<()> {
    tokio::task::spawn_blocking(task)
}

/// Waits for all of them at once.
pub(crate) fn all<'a>(futures: impl Iterator<Item = BoxFuture<'a, ()>>) -> BoxFuture<'a, ()> {
    let futures: Vec<_> = futures.collect();
    Box::pin(async move {
        join_all(futures).await;
    })
}
