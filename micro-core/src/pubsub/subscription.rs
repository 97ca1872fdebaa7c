//! Events as they come: a stream of them, of their values alone, or into a channel.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::task::coop::consume_budget;

use super::buffer::{Bounds, Buffer, End, Fill, Next};
use super::error::{EventError, SubscribeError};
use super::event::Event;
use super::subject::Pattern;
use crate::log::{CONNECTION, Flood, Pause, line};
use crate::wire::{self, Connection, Event as Happened, Listener, Reader};

/// Why there is no subscription where it cannot be told whether the server permits it.
const UNKNOWN: &str = "so much was refused on this connection at once that it is not known whether this was: try again";

/// Events of one type on a subject: a stream that ends when it is drained, or with the connection.
///
/// Made by [`Connection::subscribe`](crate::Connection::subscribe). It goes on when the connection is
/// lost and comes back; what was published meanwhile is lost. What it gives beside events is an
/// [`EventError`]: a body that is none of the type, that events came faster than they were read, or that
/// the connection was away. None of these ends it. Dropping it unsubscribes.
///
/// On a client of your own (`Connection::from`), nobody tells that the connection was away, that the
/// client has dropped something, or that the server refuses the subscription:
/// [`Connection::with_events`](crate::Connection::with_events) does.
///
/// [`values`](Self::values) is a stream of the values alone, and [`bind`](Self::bind) sends them into a
/// channel:
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(connection: micro::Connection) -> Result<(), micro::SubscribeError> {
/// let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(16);
/// let bound = tokio::spawn(connection.subscribe("numbers").await?.bind(sender));
/// while let Some(number) = receiver.recv().await {
///     println!("{number}");
/// }
/// if let Ok(Err(error)) = bound.await {
///     eprintln!("{error}");
/// }
/// # Ok(()) }
/// ```
pub struct Subscription<T> {
    asked: Arc<Asked>,
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
    runtime: Handle,
    watch: AbortHandle,
    /// How many messages the client had dropped when it was asked for.
    dropped: u64,
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

    async fn drain(&self) {
        self.buffer.ask();
        // Whoever gives this up is not left with a stream that never ends.
        let _ending = Ending(&self.reader);
        let connection = std::iter::once(&self.connection);
        wire::leave(connection, std::iter::once(&self.reader)).await;
    }

    fn subject(&self) -> String {
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

impl<T> Subscription<T> {
    pub(super) fn of(asked: Asked) -> Self {
        Self {
            dropped: asked.dropped,
            asked: Arc::new(asked),
            has_ended: false,
            of: PhantomData,
        }
    }

    /// The subject, as the server knows it: with `*` in the place of placeholders.
    pub fn subject(&self) -> &str {
        &self.asked.pattern.wire
    }

    /// Has the server send nothing more, and waits until what it has sent is here: then the stream gives
    /// what waits, and ends. At most for some 6 s; without a server there is nothing to wait for. Given up
    /// before, it ends with what is here by then.
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

    /// What drains it from elsewhere, such as when it is bound to a channel. It keeps no subscription.
    pub fn drain_handle(&self) -> DrainHandle {
        DrainHandle(Arc::downgrade(&self.asked))
    }

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

/// Drains a [`Subscription`] from elsewhere: made by its [`drain_handle`](Subscription::drain_handle).
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(connection: micro::Connection) -> Result<(), micro::SubscribeError> {
/// let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(16);
/// let numbers = connection.subscribe("numbers").await?;
/// let handle = numbers.drain_handle();
/// tokio::spawn(numbers.bind(sender));
/// tokio::spawn(async move { handle.drain().await });
/// while let Some(number) = receiver.recv().await {
///     println!("one of the last: {number}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DrainHandle(Weak<Asked>);

impl DrainHandle {
    /// Has the server send nothing more: see [`Subscription::drain`]. Where the subscription has been
    /// dropped, there is nothing to do.
    pub async fn drain(&self) {
        if let Some(asked) = self.0.upgrade() {
            asked.drain().await;
        }
    }
}

impl fmt::Debug for DrainHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainHandle").finish_non_exhaustive()
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
            Next::Interrupted => {
                let subject = subject();
                return Poll::Ready(Some(Err(EventError::Interrupted { subject })));
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
        let subject = self.subscription.asked.subject();
        match error {
            EventError::Decode { source, .. } => {
                let error = line(source.harmless());
                if self.unread.count_saying(|| error.clone()) {
                    tracing::warn!(target: CONNECTION, subject, error, "event not read");
                    self.unread.follow_on(&self.subscription.asked.runtime, move |pause| {
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
            let runtime = &self.subscription.asked.runtime;
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

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
