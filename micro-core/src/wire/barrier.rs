//! A round trip through the server on one connection.
//!
//! `flush` of async-nats empties a socket buffer and tells nothing about the server. A message to
//! oneself does: the server reads a connection's lines in order, so once the message is back, every
//! line before it has been acted upon, and every message that the server delivered to this
//! connection before it has arrived.

use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;

use super::events::{Event, Events};

/// Why the round trip did not come back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BarrierError {
    #[error("the connection to NATS is closed")]
    Closed,
    #[error("the NATS server did not answer within {0:?}")]
    TimedOut(Duration),
}

/// Waits until the server has read everything that `client` sent before, `within` a bound.
pub(crate) fn barrier<'a>(
    client: &'a Client,
    events: &'a Events,
    within: Duration,
) -> BoxFuture<'a, Result<(), BarrierError>> {
    Box::pin(async move {
        tokio::time::timeout(within, round_trip(client, events))
            .await
            .unwrap_or(Err(BarrierError::TimedOut(within)))
    })
}

/// Waits until every refusal that the server has sent before has reached `events`.
///
/// The client hands what the server says beside messages to a task of its own, so a message that is
/// back proves nothing about it. What does is a later event of the same kind: a subscription that
/// the server cannot take is answered by an error that changes nothing, behind all earlier ones.
pub(crate) fn fence<'a>(
    client: &'a Client,
    events: &'a Events,
    within: Duration,
) -> BoxFuture<'a, Result<(), BarrierError>> {
    Box::pin(async move {
        let fence = events.fence();
        let subject = format!("{}.>.fence", client.new_inbox());
        let _fence = client
            .subscribe(subject)
            .await
            .map_err(|_| BarrierError::Closed)?;
        tokio::time::timeout(within, fence.answered())
            .await
            .map_err(|_| BarrierError::TimedOut(within))
    })
}

/// How the subject of a round trip ends.
const QUESTION: &str = "micro-barrier";

/// Whether a message that was refused is one of ours that proves as much by being refused.
pub(crate) fn is_own_question(subject: &str) -> bool {
    subject.rsplit('.').next() == Some(QUESTION)
}

/// Three things can come back, and each of them proves the same: the message itself; "no
/// responders" for it, where the connection does not hear its own messages (`no_echo`); or the
/// refusal of the message, where permissions forbid it.
async fn round_trip(client: &Client, events: &Events) -> Result<(), BarrierError> {
    let inbox = client.new_inbox();
    let mut refusals = events.listen();
    let mut echo = client
        .subscribe(format!("{inbox}.*"))
        .await
        .map_err(|_| BarrierError::Closed)?;
    client
        .publish_with_reply(
            format!("{inbox}.{QUESTION}"),
            format!("{inbox}.back"),
            bytes::Bytes::new(),
        )
        .await
        .map_err(|_| BarrierError::Closed)?;
    let refused = async {
        loop {
            if let Event::Refused(refused) = refusals.next().await
                && refused.subject().starts_with(&inbox)
            {
                return;
            }
        }
    };
    tokio::select! {
        message = echo.next() => message.map(|_| ()).ok_or(BarrierError::Closed),
        () = refused => Ok(()),
    }
}
