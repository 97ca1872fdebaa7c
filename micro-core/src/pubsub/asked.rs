//! What a subscription has asked the server for: read into its buffer, and watched over.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::buffer::{Bounds, Buffer, End, Fill};
use super::error::SubscribeError;
use super::subject::Pattern;
use crate::wire::{self, Connection, Event as Happened, Listener, Reader};

/// Why there is no subscription where it cannot be told whether the server permits it.
const UNKNOWN: &str = "so much was refused on this connection at once that it is not known whether this was: try again";

/// What is read, whatever its type. Dropped, it is unsubscribed.
pub(super) struct Asked {
    pub(super) connection: Connection,
    pub(super) pattern: Arc<Pattern>,
    pub(super) buffer: Arc<Buffer>,
    reader: Reader,
    pub(super) runtime: Handle,
    watch: AbortHandle,
    /// How many messages the client had dropped when it was asked for.
    pub(super) dropped: u64,
}

impl Asked {
    /// Subscribes, and has the server confirm it.
    pub(super) async fn ask(
        connection: Connection,
        pattern: Pattern,
        queue_group: Option<&str>,
        bounds: Bounds,
    ) -> Result<Self, SubscribeError> {
        let subject = pattern.wire.as_str();
        let (mut events, later) = (connection.listen(), connection.listen());
        let (runtime, dropped) = (connection.runtime(), connection.dropped());
        let subscription = connection.ask_for(subject, queue_group).await;
        let subscription =
            subscription.map_err(|error| SubscribeError::unasked(subject, &error.to_string()))?;
        subscription.owes_nothing();
        let buffer = Arc::new(Buffer::new(bounds));
        let refusal = Refusal {
            subject: subject.to_owned(),
            queue_group: queue_group.map(str::to_owned),
        };
        let watch = Box::pin(watch(later, refusal.clone(), Arc::clone(&buffer)));
        // Read from now on: events may come before the server's word.
        let fill = Fill(Arc::clone(&buffer));
        let asked = Self {
            reader: Reader::start(&runtime, None, subscription, fill),
            watch: runtime
                .spawn::<BoxFuture<'static, ()>>(watch)
                .abort_handle(),
            runtime,
            dropped,
            pattern: Arc::new(pattern),
            connection,
            buffer,
        };
        let confirmed = asked.connection.confirmed().await;
        for event in std::iter::from_fn(|| events.try_next()) {
            if refusal.is(&event) {
                return Err(SubscribeError::Refused {
                    subject: refusal.subject,
                });
            }
            if event == Happened::Missed {
                return Err(SubscribeError::unasked(&refusal.subject, UNKNOWN));
            }
        }
        confirmed.map_err(|reason| SubscribeError::unasked(&refusal.subject, &reason))?;
        Ok(asked)
    }

    pub(super) async fn drain(&self) {
        self.buffer.ask();
        // Whoever gives this up is not left with a stream that never ends.
        let _ending = Ending(&self.reader);
        let connection = std::iter::once(&self.connection);
        wire::leave(connection, std::iter::once(&self.reader)).await;
    }

    pub(super) fn subject(&self) -> String {
        self.pattern.wire.clone()
    }
}

/// Ends a reader, whichever step it is at.
struct Ending<'a>(&'a Reader);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.watch.abort();
        self.buffer.close();
        self.reader.abandon();
    }
}

/// What the server says when it does not permit a subscription.
#[derive(Clone)]
struct Refusal {
    subject: String,
    queue_group: Option<String>,
}

impl Refusal {
    fn is(&self, event: &Happened) -> bool {
        let Happened::Refused(refused) = event else {
            return false;
        };
        refused.takes_away(&self.subject, self.queue_group.as_deref())
    }
}

/// Waits for the server to refuse it later on, at a reconnect or a reload, and notes where something may be
/// missing. What was not heard may have said so.
async fn watch(mut events: Listener, refusal: Refusal, buffer: Arc<Buffer>) {
    loop {
        let event = events.next().await;
        if matches!(event, Happened::Interrupted | Happened::Missed) {
            buffer.interrupt();
        }
        if refusal.is(&event) {
            return buffer.end(End::Refused);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::super::buffer::Next;
    use super::*;
    use crate::wire::Events;

    #[tokio::test]
    async fn what_was_not_heard_may_have_been_an_interruption() {
        let events = Events::new();
        let buffer = Arc::new(Buffer::new(Bounds {
            events: 1,
            bytes: 1,
        }));
        let refusal = Refusal {
            subject: "a".to_owned(),
            queue_group: None,
        };
        let watching = watch(events.listen(), refusal, Arc::clone(&buffer));
        events.flood();
        assert!(pin!(watching).now_or_never().is_none());
        let told = poll_fn(|cx| buffer.poll_next(cx)).now_or_never();
        assert!(matches!(told, Some(Next::Interrupted)), "{told:?}");
    }
}
