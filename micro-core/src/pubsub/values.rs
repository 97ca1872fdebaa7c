//! The values of the events alone, as a stream or into a channel, and the log of what came beside them.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::error::EventError;
use super::subscription::Subscription;
use crate::log::{CONNECTION, Flood, Pause, line};

impl<T> Subscription<T> {
    /// The values alone. What is no event is told in the log, at `WARN` of `micro::connection`.
    pub fn values(self) -> Values<T> {
        Values {
            subscription: self,
            end: None,
            unread: Arc::default(),
            missed: Arc::default(),
        }
    }
}

impl<T: DeserializeOwned + Send + 'static> Subscription<T> {
    /// Sends the [`values`](Self::values) into a channel, until its receiving half is dropped or there are
    /// no more. While the channel is full, they wait here. Drained by its
    /// [`drain_handle`](Self::drain_handle), it ends when all that was sent before is in the channel.
    ///
    /// # Errors
    ///
    /// When the server no longer permits the subscription, and when the connection is closed.
    pub async fn bind(self, sender: mpsc::Sender<T>) -> Result<(), EventError> {
        let mut values = self.values();
        let sending = async {
            while let Some(value) = values.next().await
                && sender.send(value).await.is_ok()
            {}
        };
        tokio::select! {
            () = sending => {}
            () = sender.closed() => {}
        }
        values.end.map_or(Ok(()), Err)
    }
}

/// The values of a [`Subscription`], without what came beside them. What is no event is told in the log.
///
/// The log has the first of each kind at once, and then their number.
pub struct Values<T> {
    subscription: Subscription<T>,
    /// Why there are no more, if that was not asked for.
    end: Option<EventError>,
    unread: Arc<Flood>,
    missed: Arc<Flood>,
}

impl<T> Values<T> {
    /// Has the server send nothing more: see [`Subscription::drain`].
    pub async fn drain(&mut self) {
        self.subscription.drain().await;
    }

    fn tell(&mut self, error: EventError) {
        let subject = self.subscription.subject().to_owned();
        match error {
            EventError::Decode { source, .. } => {
                let error = line(source.harmless());
                if self.unread.count_saying(|| error.clone()) {
                    tracing::warn!(target: CONNECTION, subject, error, "event not read");
                    self.unread.follow_on(self.subscription.runtime(), move |pause| {
                        let Pause { kept_back, says, .. } = pause;
                        if kept_back > 0 {
                            tracing::warn!(target: CONNECTION, subject, error = says, kept_back, "event not read");
                        }
                    });
                }
            }
            EventError::Lagged { missed, .. } => self.tell_missed(subject, missed),
            EventError::Dropped { dropped, .. } => self.tell_missed(subject, dropped),
            EventError::Interrupted { .. } => {
                tracing::warn!(target: CONNECTION, subject, "subscription interrupted");
            }
            end @ (EventError::Refused { .. } | EventError::Closed { .. }) => {
                let error = line(&end.to_string());
                tracing::warn!(target: CONNECTION, subject, error, "subscription ended");
                self.end = Some(end);
            }
        }
    }

    fn tell_missed(&self, subject: String, missed: u64) {
        if self.missed.count_many(missed) {
            tracing::warn!(target: CONNECTION, subject, missed, "events missed");
            let runtime = self.subscription.runtime();
            self.missed.follow_on(runtime, move |Pause { kept_back, .. }| {
                if kept_back > 0 {
                    tracing::warn!(target: CONNECTION, subject, missed = kept_back, "events missed");
                }
            });
        }
    }
}

impl<T: DeserializeOwned + 'static> Values<T> {
    /// The next value; `None` when there are no more.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            match ready!(self.subscription.poll(cx)) {
                Some(Ok(event)) => return Poll::Ready(Some(event.payload)),
                Some(Err(error)) => self.tell(error),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T: DeserializeOwned + 'static> Stream for Values<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll(cx)
    }
}

impl<T> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("subject", &self.subscription.subject())
            .finish_non_exhaustive()
    }
}
