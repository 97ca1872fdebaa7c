//! The server's word that it has read what was asked for.

use std::time::{Duration, Instant};

use super::barrier::BarrierError;
use super::connection::Connection;

/// How long the server may take to confirm what was asked for.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait for it before asking again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a refusal may take from the connection to its listeners. It is a matter of
/// microseconds; past this a refusal is seen when it comes.
const FENCE_WITHIN: Duration = Duration::from_secs(1);

impl Connection {
    /// Waits for that word: then a message from any other connection to this server arrives, and what
    /// was refused is among the events. A connection that breaks takes the question with it, so it is
    /// asked more than once.
    pub(crate) async fn confirmed(&self) -> Result<(), String> {
        let asked = Instant::now();
        loop {
            // At once: the server reads one behind the other. Without the first, there is no use in
            // waiting for the second.
            let fence = async {
                self.fence(FENCE_WITHIN).await;
                Ok(())
            };
            let Err(error) = tokio::try_join!(self.barrier(ASK_AGAIN_AFTER), fence) else {
                return Ok(());
            };
            if asked.elapsed() < CONFIRM_WITHIN && error != BarrierError::Closed {
                continue;
            }
            return Err(if self.is_observed() {
                error.to_string()
            } else {
                format!(
                    "{error}; it may be refusing subscriptions or messages on `_INBOX.>`: use `Connection::with_events` to see what it refuses"
                )
            });
        }
    }
}
