//! Leaving subjects without losing a request.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::time::timeout;

use super::barrier::BarrierError;
use super::{Connection, Reader};
use crate::log::CONNECTION;
use crate::task;

/// How long the server may take to confirm that nothing more will come. Past it the readers end all
/// the same; requests that were on their way then get no answer.
pub(crate) const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// Ends the readers of some connections once everything that the server has sent to them is handed over: tells the server
/// to send nothing more, waits for its word that nothing more will come, reads to the end, and only
/// then has the client forget the subscriptions.
///
/// The first step leans on how nats-server reads `UNSUB` (see [`Subscription`](super::Subscription)).
/// A server that reads it otherwise sends on until the last step, which is what a plain drain does:
/// requests that are on their way at that moment are lost. So they are where the barrier does not
/// come back, which is told. Without a server there is nothing to wait for.
pub(crate) fn leave<'a>(
    connections: impl Iterator<Item = &'a Connection>,
    readers: impl Iterator<Item = &'a Reader>,
) -> BoxFuture<'a, ()> {
    Box::pin(leave_all(connections.collect(), readers.collect()))
}

async fn leave_all(connections: Vec<&Connection>, readers: Vec<&Reader>) {
    // A reader that is blocked by a handler must not have the others lose what is under way.
    let leaving = task::all(readers.iter().map(|reader| reader.leave().boxed()));
    let _ = timeout(LEAVE_WITHIN, leaving).await;
    task::all(connections.into_iter().map(|one| cross(one).boxed())).await;
    let finishing = task::all(readers.iter().map(|reader| reader.finish().boxed()));
    if timeout(LEAVE_WITHIN, finishing).await.is_err() {
        tracing::warn!(target: CONNECTION, "stopping without having read to the end: a handler blocks the task that reads requests, or the connection takes nothing");
    }
}

async fn cross(connection: &Connection) {
    if connection.is_connected()
        && let Err(error @ BarrierError::TimedOut(_)) = connection.barrier(LEAVE_WITHIN).await
    {
        tracing::warn!(target: CONNECTION, %error, "stopping without the server's word that nothing more will come");
    }
}
