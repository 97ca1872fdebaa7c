//! Where the future of a reply is kept while it is waited for.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};

use tokio_util::sync::ReusableBoxFuture;

use super::Reply;

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

    /// Drops the future that is in it.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    /// Polls the future that is in it; never ready if there is none.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        self.0.as_mut().map_or(Poll::Pending, |room| room.poll(cx))
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}
