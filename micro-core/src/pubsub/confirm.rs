//! The server's word that it has read what was published.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::timeout;

use crate::wire::{Connection, FlushError};

/// How long that may take.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// How often a sink looks whether there is a server to ask.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Of all that goes over a connection, and over those beside it.
pub(super) async fn of_all(connection: &Connection) -> Result<(), FlushError> {
    let lanes = connection.lanes();
    try_join_all(lanes.map(|(_, lane)| Box::pin(of_one(lane)))).await?;
    Ok(())
}

/// Of what was published by a publisher, which uses one connection.
pub(super) async fn of_one(connection: &Connection) -> Result<(), FlushError> {
    in_time(connection, CONFIRM_WITHIN).await
}

async fn in_time(connection: &Connection, within: Duration) -> Result<(), FlushError> {
    if connection.is_closed() {
        return Err(FlushError::Closed);
    }
    Ok(connection.barrier(within).await?)
}

/// The same for a sink, whose back-pressure this is: while the server is away, it waits for it.
pub(super) async fn at_last(connection: Connection) -> Result<(), FlushError> {
    loop {
        // A client of the user's own may have ended, which only whoever asks it is told.
        while connection.is_kept() && !connection.is_connected() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let mut asked = pin!(in_time(&connection, Duration::MAX));
        if let Ok(confirmed) = timeout(CONFIRM_WITHIN, asked.as_mut()).await {
            return confirmed;
        }
        if connection.is_connected() {
            let after = CONFIRM_WITHIN;
            return Err(FlushError::Unconfirmed { after });
        }
        // One question is enough for that: each has a place in the client's queue, which is to be for what is
        // published.
        let back = async {
            while !connection.is_connected() && !connection.is_closed() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            confirmed = asked => return confirmed,
            () = back => {}
        }
    }
}
