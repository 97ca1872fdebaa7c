//! Events as they come: a stream of them, of their values alone, or into a channel.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::task::coop::consume_budget;

use super::buffer::{Bounds, Buffer, End, Fill, Next};
use super::error::{EventError, SubscribeError};
use super::event::Event;
use super::subject::Pattern;
use crate::log::{CONNECTION, Flood, Pause, line};
use crate::task;
use crate::wire::{self, Connection, Event as Happened, Listener, Reader, Refused};

/// Events of one type on a subject: a stream that ends when it is drained, or with the connection.
///
/// Made by [`Connection::subscribe`](crate::Connection::subscribe). It goes on when the connection is
/// lost and comes back; what was published meanwhile is lost. What it gives beside events is an
/// [`EventError`]: a body that is none of the type, or that events came faster than they were read.
/// Neither ends it. Dropping it unsubscribes.
///
/// [`values`](Self::values) is a stream of the values alone, and [`bind`](Self::bind) sends them into a
/// channel:
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(connection: micro::Connection) -> Result<(), micro::SubscribeError> {
/// let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(16);
/// tokio::spawn(connection.subscribe("numbers").await?.bind(sender));
/// while let Some(number) = receiver.recv().await {
///     println!("{number}");
/// }
/// # Ok(()) }
/// ```
pub struct Subscription<T> {
    asked: Asked,
    /// How many messages the client had dropped when it was last told.
    dropped: u64,
    has_ended: bool,
    of: PhantomData<fn() -> T>,
}

/// What is read, whatever its type. Dropped, it is unsubscribed.
pub(super) struct Asked {
    connection: Connection,
    pattern: Arc<Pattern>,
    buffer: Arc<Buffer>,
    reader: Reader,
    watch: AbortHandle,
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
        let subscription = connection.ask_for(subject, queue_group).await;
        let subscription =
            subscription.map_err(|error| SubscribeError::unasked(subject, &error.to_string()))?;
        let buffer = Arc::new(Buffer::new(bounds));
        let refusal = Refusal {
            subject: subject.to_owned(),
            queue_group: queue_group.map(str::to_owned),
        };
        let watch = Box::pin(watch(later, refusal.clone(), Arc::clone(&buffer)));
        // Read from now on: events may come before the server's word.
        let fill = Fill(Arc::clone(&buffer));
        let asked = Self {
            reader: Reader::start(&connection.runtime(), None, subscription, fill),
            watch: task::spawn(watch).abort_handle(),
            pattern: Arc::new(pattern),
            connection,
            buffer,
        };
        let confirmed = asked.connection.confirmed().await;
        if std::iter::from_fn(|| events.try_next()).any(|event| refusal.is(&event)) {
            return Err(SubscribeError::Refused {
                subject: refusal.subject,
            });
        }
        confirmed.map_err(|reason| SubscribeError::unasked(&refusal.subject, &reason))?;
        Ok(asked)
    }

    async fn drain(&self) {
        self.buffer.ask();
        let connection = std::iter::once(&self.connection);
        wire::leave(connection, std::iter::once(&self.reader)).await;
    }

    fn subject(&self) -> String {
        self.pattern.wire.clone()
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
        let Happened::Refused(Refused::Subscription {
            subject,
            queue_group,
        }) = event
        else {
            return false;
        };
        *subject == self.subject && (queue_group.is_none() || *queue_group == self.queue_group)
    }
}

/// Waits for the server to refuse it later on, at a reconnect.
async fn watch(mut events: Listener, refusal: Refusal, buffer: Arc<Buffer>) {
    while !refusal.is(&events.next().await) {}
    buffer.end(End::Refused);
}

impl<T> Subscription<T> {
    pub(super) fn of(asked: Asked) -> Self {
        Self {
            dropped: asked.connection.dropped(),
            asked,
            has_ended: false,
            of: PhantomData,
        }
    }

    /// The subject, as the server knows it: with `*` in the place of placeholders.
    pub fn subject(&self) -> &str {
        &self.asked.pattern.wire
    }

    /// Has the server send nothing more, and waits until what it has sent is here: then the stream gives
    /// what waits, and ends. At most for some 6 s; without a server there is nothing to wait for.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(mut orders: micro::Subscription<u64>) {
    /// orders.drain().await;
    /// while let Some(Ok(order)) = orders.next().await {
    ///     println!("the last ones: {}", order.payload);
    /// }
    /// # }
    /// ```
    pub async fn drain(&mut self) {
        self.asked.drain().await;
    }

    /// The values alone. What is no event is told in the log, at `WARN` of `micro::connection`.
    pub fn values(self) -> Values<T> {
        Values {
            subscription: self,
            unread: Arc::default(),
            missed: Arc::default(),
        }
    }
}

impl<T: DeserializeOwned + Send + 'static> Subscription<T> {
    /// Sends the [`values`](Self::values) into a channel, until its receiving half is dropped or there are
    /// no more. While the channel is full, they wait here.
    pub async fn bind(self, sender: mpsc::Sender<T>) {
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
    }
}

impl<T: DeserializeOwned + 'static> Subscription<T> {
    /// The next event, or what is in its place; `None` when it has ended. The same as that of
    /// `StreamExt`, for whoever has no other use for that.
    pub async fn next(&mut self) -> Option<Result<Event<T>, EventError>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event<T>, EventError>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let subject = || self.asked.subject();
        let dropped = self.asked.connection.dropped();
        if dropped > self.dropped {
            let error = EventError::Dropped {
                subject: subject(),
                dropped: dropped - self.dropped,
            };
            self.dropped = dropped;
            return Poll::Ready(Some(Err(error)));
        }
        // Whoever only reads keeps others from running otherwise, as long as there are events.
        ready!(pin!(consume_budget()).poll(cx));
        let end = match ready!(self.asked.buffer.poll_next(cx)) {
            Next::Message(message) => {
                return Poll::Ready(Some(Event::read(message, &self.asked.pattern)));
            }
            Next::Missed(missed) => {
                let subject = subject();
                return Poll::Ready(Some(Err(EventError::Lagged { subject, missed })));
            }
            Next::End(end) => end,
        };
        let subject = subject();
        self.has_ended = true;
        Poll::Ready(match end {
            End::Asked => None,
            End::Closed => Some(Err(EventError::Closed { subject })),
            End::Refused => Some(Err(EventError::Refused { subject })),
        })
    }
}

impl<T: DeserializeOwned + 'static> Stream for Subscription<T> {
    type Item = Result<Event<T>, EventError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}

/// The values of a [`Subscription`], without what came beside them. What is no event is told in the log.
///
/// The log has the first of each kind at once, and then their number.
pub struct Values<T> {
    subscription: Subscription<T>,
    unread: Arc<Flood>,
    missed: Arc<Flood>,
}

impl<T> Values<T> {
    /// Has the server send nothing more: see [`Subscription::drain`].
    pub async fn drain(&mut self) {
        self.subscription.drain().await;
    }

    fn tell(&self, error: EventError) {
        let subject = self.subscription.asked.subject();
        match error {
            EventError::Decode { source, .. } => {
                let error = line(source.harmless());
                if self.unread.count_saying(|| error.clone()) {
                    tracing::warn!(target: CONNECTION, subject, error, "event not read");
                    self.unread.follow(move |pause| {
                        let Pause { kept_back, says, .. } = pause;
                        if kept_back > 0 {
                            tracing::warn!(target: CONNECTION, subject, error = says, kept_back, "event not read");
                        }
                    });
                }
            }
            EventError::Lagged { missed, .. } => self.tell_missed(subject, missed),
            EventError::Dropped { dropped, .. } => self.tell_missed(subject, dropped),
            error @ (EventError::Refused { .. } | EventError::Closed { .. }) => {
                let error = line(&error.to_string());
                tracing::warn!(target: CONNECTION, subject, error, "subscription ended");
            }
        }
    }

    fn tell_missed(&self, subject: String, missed: u64) {
        if self.missed.count_many(missed) {
            tracing::warn!(target: CONNECTION, subject, missed, "events missed");
            self.missed.follow(move |Pause { kept_back, .. }| {
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
