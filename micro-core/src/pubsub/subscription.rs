//! Events as they come: a stream of them.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::coop::consume_budget;

use super::asked::Asked;
use super::buffer::{End, Next};
use super::error::EventError;
use super::event::Event;

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

    /// Where it is read.
    pub(super) fn runtime(&self) -> &Handle {
        &self.asked.runtime
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

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Event<T>, EventError>>> {
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
