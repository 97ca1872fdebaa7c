//! The server's word that it has read what was published.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::error::FlushError;
use crate::wire::{BarrierError, Connection};

/// How long that may take.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn in_time(connection: &Connection) -> Result<(), FlushError> {
    if connection.is_closed() {
        return Err(FlushError::Closed);
    }
    let lanes = connection.lanes();
    let crossing = lanes.map(|(_, lane)| Box::pin(lane.barrier(CONFIRM_WITHIN)));
    match try_join_all(crossing).await {
        Ok(_) => Ok(()),
        Err(BarrierError::Closed) => Err(FlushError::Closed),
        Err(BarrierError::TimedOut(after)) => Err(FlushError::Unconfirmed { after }),
    }
}

/// The same for a sink, whose back-pressure this is: while the server is away, it waits for it.
pub(super) async fn at_last(connection: Connection) -> Result<(), FlushError> {
    loop {
        match in_time(&connection).await {
            Err(FlushError::Unconfirmed { .. }) if !connection.is_connected() => {}
            confirmed => return confirmed,
        }
    }
}
