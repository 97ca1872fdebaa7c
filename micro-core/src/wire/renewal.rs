//! Another client in place of one that has failed.
//!
//! A client of async-nats 0.51 ends with a panic at a carriage return inside the value of a header
//! (nats-io/nats.rs#1612), which anybody who may publish to a subject of the connection can send.
//! What was on its way is lost then, as when the connection breaks. Everything else goes on: the
//! subscriptions are made again and read by whoever read them.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_nats::{ClientError, ServerAddr};
use futures_util::future::BoxFuture;

use super::connect::dial;
use super::connection::Inner;
use super::keeper::Again;
use super::moving::ask;
use crate::log::CONNECTION;

/// How long to wait before another attempt: at first, and at most.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(4));

/// How long a client has to have lived for the next to be made without a pause. A message that is
/// sent again and again must not have every server of the cluster busy with logins.
const GOOD_LIFE: Duration = Duration::from_secs(10);

/// How often clients have failed of late.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    last: Option<Instant>,
    pause: Duration,
}

impl Renewal {
    /// Makes another client, however long that takes, unless nobody has the connection any more.
    pub(super) fn renew<'a>(
        &'a mut self,
        connection: &'a Weak<Inner>,
        again: &'a Again,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tracing::error!(
                target: CONNECTION,
                "the NATS client has failed, most likely at a message that it cannot read (such as one with a carriage return in a header); what was on its way is lost, and another client takes over"
            );
            if self.last.is_none_or(|last| last.elapsed() > GOOD_LIFE) {
                self.pause = Duration::ZERO;
            }
            loop {
                tokio::time::sleep(self.pause).await;
                let (first, most) = RETRY_AFTER;
                self.pause = most.min(first.max(self.pause * 2));
                let Some(inner) = connection.upgrade().filter(|inner| !inner.is_closed()) else {
                    return;
                };
                match replace(&inner, again).await {
                    Ok(()) => {
                        self.last = Some(Instant::now());
                        return;
                    }
                    Err(reason) => {
                        let event = async_nats::Event::ClientError(ClientError::Other(reason));
                        inner.events.observe(&event);
                    }
                }
            }
        })
    }
}

async fn replace(inner: &Arc<Inner>, again: &Again) -> Result<(), String> {
    let renewing = inner.events.renewing();
    let client = dial((again.options)(&inner.events), servers(inner, again)).await;
    let client = client.map_err(|error| error.to_string())?;
    let _gate = inner.gate.write().await;
    for slot in inner.slots() {
        slot.put(ask(&client, &slot).await?, None, None);
    }
    if inner.links.replace(client) {
        inner.events.renewed(renewing);
    }
    Ok(())
}

/// Where to look for a server: as at first, and where the last one said that there are others.
fn servers(inner: &Inner, again: &Again) -> Vec<ServerAddr> {
    let mut servers = again.servers.clone();
    if again.discovers {
        let told = inner.links.current().client.server_info().connect_urls;
        let told = told.iter().filter_map(|url| url.parse().ok());
        servers.extend(told.filter(|url: &ServerAddr| !again.servers.contains(url)));
    }
    servers
}
