//! The server's word that it has read what was published.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::error::FlushError;
use crate::wire::Connection;

/// How long that may take.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// How often a sink looks whether there is a server to ask.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Of all that goes over a connection, and over those beside it.
pub(super) async fn of_all(connection: &Connection) -> Result<(), FlushError> {
    let lanes = connection.lanes();
    try_join_all(lanes.map(|(_, lane)| Box::pin(in_time(lane)))).await?;
    Ok(())
}

/// Of what was published by a publisher, which uses one connection.
pub(super) async fn in_time(connection: &Connection) -> Result<(), FlushError> {
    if connection.is_closed() {
        return Err(FlushError::Closed);
    }
    Ok(connection.barrier(CONFIRM_WITHIN).await?)
}

/// The same for a sink, whose back-pressure this is: while the server is away, it waits for it, and asks
/// nothing, which would only fill the client's queue.
pub(super) async fn at_last(connection: Connection) -> Result<(), FlushError> {
    loop {
        // A client of the user's own may have ended, which only whoever asks it is told.
        while connection.is_kept() && !connection.is_connected() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        match in_time(&connection).await {
            Err(FlushError::Unconfirmed { .. }) if !connection.is_connected() => {}
            confirmed => return confirmed,
        }
    }
}
