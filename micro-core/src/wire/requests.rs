//! Requests and the replies to them, over one subscription of the connection.
//!
//! async-nats has this too, but keeps an entry for ever for each request that times out or is
//! given up. Here the entry goes with the future that waits for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Client, Message, Subject};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::task;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Message>>>>;

/// The reply inbox of a connection.
#[derive(Debug)]
pub(super) struct Requests {
    inbox: String,
    next: AtomicU64,
    waiting: Waiting,
    reader: AbortHandle,
}

impl Requests {
    /// Subscribes to an inbox of the connection's own and reads it until this is dropped.
    pub(super) fn open(client: &Client) -> BoxFuture<'_, Result<Self, async_nats::SubscribeError>> {
        Box::pin(async move {
            let inbox = client.new_inbox();
            let mut replies = client.subscribe(format!("{inbox}.*")).await?;
            let waiting = Waiting::default();
            let reader = task::spawn({
                let waiting = Arc::clone(&waiting);
                Box::pin(async move {
                    while let Some(message) = replies.next().await {
                        let ticket = message.subject.rsplit('.').next().map(str::parse);
                        if let Some(Ok(ticket)) = ticket
                            && let Some(caller) = entries(&waiting).remove(&ticket)
                        {
                            // The caller may have given up just now.
                            let _ = caller.send(message);
                        }
                    }
                    // The connection is closed: dropping the senders tells everybody who still waits.
                    entries(&waiting).clear();
                })
            });
            Ok(Self {
                inbox,
                next: AtomicU64::new(0),
                waiting,
                reader: reader.abort_handle(),
            })
        })
    }

    /// Whether anybody waits for a reply.
    pub(super) fn are_waited_for(&self) -> bool {
        !entries(&self.waiting).is_empty()
    }

    /// A subject for one reply, and the future of that reply.
    pub(super) fn expect_reply(&self) -> (Subject, Pending) {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        entries(&self.waiting).insert(ticket, sender);
        let subject = Subject::from(format!("{}.{ticket}", self.inbox));
        let pending = Pending {
            ticket,
            waiting: Arc::clone(&self.waiting),
            receiver,
        };
        (subject, pending)
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// A reply that has not come yet. Dropping it gives the request up.
pub(super) struct Pending {
    ticket: u64,
    waiting: Waiting,
    receiver: oneshot::Receiver<Message>,
}

impl Pending {
    /// The reply; `None` when the connection is closed before it comes.
    pub(super) async fn reply(&mut self) -> Option<Message> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        entries(&self.waiting).remove(&self.ticket);
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

fn entries(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Message>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
