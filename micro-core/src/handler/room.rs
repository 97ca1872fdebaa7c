//! Where the future of a reply is kept while it is waited for.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::ReusableBoxFuture;
use tracing::Span;

use super::Reply;
use crate::error::Fault;

/// Room for one future of a reply. The memory is used again by the next, if that is as large: those of
/// one endpoint are.
#[derive(Default)]
pub struct Room(Option<ReusableBoxFuture<'static, Reply>>);

impl Room {
    /// Puts a future in, in place of the last.
    pub fn put(&mut self, future: impl Future<Output = Reply> + Send + 'static) {
        match &mut self.0 {
            Some(room) => room.set(future),
            none => *none = Some(ReusableBoxFuture::new(future)),
        }
    }

    /// The same for a future that blocks whatever thread polls it: it runs on one that is for that. One
    /// that has begun goes on when nobody waits for it any more; one that has not is not begun.
    pub fn put_blocking(&mut self, future: impl Future<Output = Reply> + Send + 'static) {
        self.put(blocking(future));
    }

    /// Drops the future that is in it.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    /// Polls the future that is in it; never ready if there is none.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        self.0.as_mut().map_or(Poll::Pending, |room| room.poll(cx))
    }
}

async fn blocking(future: impl Future<Output = Reply> + Send + 'static) -> Reply {
    let (span, runtime) = (Span::current(), Handle::current());
    // The place of a panic is known in its own thread only.
    let run = move || {
        let run = AssertUnwindSafe(|| runtime.block_on(future));
        span.in_scope(|| catch_unwind(run).unwrap_or_else(Reply::panicked))
    };
    let mut running = Running(tokio::task::spawn_blocking(run));
    (&mut running.0).await.unwrap_or_else(|_| {
        let text = "the program ends, and the handler was not begun";
        Reply::fault(Fault::new(503, text).retry_after(Duration::ZERO))
    })
}

/// What runs on another thread. Not begun, once this is dropped.
struct Running(JoinHandle<Reply>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}
