//! What publishes events of one type to one subject: an event at a time, or as a sink.

use std::fmt;
use std::future::IntoFuture as _;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::Sink;
use futures_util::future::BoxFuture;
use futures_util::task::noop_waker_ref;
use serde::Serialize;
use tokio::sync::mpsc;

use super::confirm;
use super::error::PublisherError;
use super::publish::Publish;
use super::subject::to_publish;
use crate::wire::{Connection, FlushError, Subject};

/// Publishes events of one type to one subject. Made by [`Connection::publisher`](crate::Connection::publisher);
/// cloning is cheap.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(connection: micro::Connection) -> Result<(), micro::PublisherError> {
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Headline {
///     title: String,
/// }
///
/// let news = connection.publisher::<Headline>("news.world")?;
/// news.publish(&Headline { title: "It works".to_owned() }).await?;
/// # Ok(()) }
/// ```
///
/// It is a [`Sink`] as well, so that a stream is forwarded to it in one line. It is ready when the
/// client has room, and flushed when the server has read what was sent; while the server is away, both
/// wait for it.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(connection: micro::Connection) -> Result<(), micro::PublisherError> {
/// use futures_util::{StreamExt as _, stream};
///
/// let numbers = stream::iter(0..5);
/// numbers.map(Ok).forward(connection.publisher("numbers")?).await?;
/// # Ok(()) }
/// ```
///
/// And the receiving half of a channel is bound to it in one:
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(connection: micro::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, receiver) = tokio::sync::mpsc::channel(16);
/// tokio::spawn(connection.publisher("numbers")?.bind(receiver));
/// sender.send(10).await?;
/// # Ok(()) }
/// ```
pub struct Publisher<T> {
    connection: Connection,
    subject: Subject,
    /// Locked by nobody: it makes what is in it fit to be shared.
    sink: Mutex<Sending>,
    of: PhantomData<fn(&T)>,
}

/// What a sink has under way.
#[derive(Default)]
struct Sending {
    event: Option<BoxFuture<'static, Result<(), PublisherError>>>,
    flush: Option<BoxFuture<'static, Result<(), FlushError>>>,
    /// Whether something was sent that nobody has confirmed.
    is_open: bool,
}

impl<T: Serialize + 'static> Publisher<T> {
    pub(super) fn new(connection: &Connection, subject: &str) -> Result<Self, PublisherError> {
        let checked = to_publish(subject);
        Ok(Self {
            subject: checked.map_err(|problem| PublisherError::subject(subject, problem))?,
            connection: connection.clone(),
            sink: Mutex::default(),
            of: PhantomData,
        })
    }

    /// Publishes one event: see [`Connection::publish`](crate::Connection::publish).
    pub fn publish(&self, event: &T) -> Publish {
        Publish::new(&self.connection, self.subject.clone(), event)
    }

    /// Publishes what comes out of a channel until that is closed, and waits then until the server has
    /// read it.
    ///
    /// # Errors
    ///
    /// The first event that cannot be published ends it, and closes the channel.
    pub async fn bind(self, mut receiver: mpsc::Receiver<T>) -> Result<(), PublisherError> {
        while let Some(event) = receiver.recv().await {
            let publish = self.publish(&event);
            drop(event);
            publish.await?;
        }
        let flushed = confirm::at_last(self.connection.clone()).await;
        flushed.map_err(|source| self.unflushed(source))
    }
}

impl<T> Publisher<T> {
    /// The subject that events go to.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Waits until the server has read what was published: see
    /// [`Connection::flush`](crate::Connection::flush).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn flush(&self) -> Result<(), FlushError> {
        confirm::of_one(&self.connection).await
    }

    fn unflushed(&self, source: FlushError) -> PublisherError {
        PublisherError::Flush {
            subject: self.subject.to_string(),
            source,
        }
    }

    fn sending(&mut self) -> &mut Sending {
        self.sink.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sending {
    /// Ready when the client has taken the last event.
    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PublisherError>> {
        let Some(event) = &mut self.event else {
            return Poll::Ready(Ok(()));
        };
        let taken = ready!(event.as_mut().poll(cx));
        self.event = None;
        Poll::Ready(taken)
    }
}

impl<T: Serialize + 'static> Sink<T> for Publisher<T> {
    type Error = PublisherError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sending().poll_taken(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, event: T) -> Result<(), Self::Error> {
        let publish = self.publish(&event);
        let sending = self.sending();
        sending.is_open = true;
        // It confirms what was sent before it was asked for, and not this.
        sending.flush = None;
        let mut next = match sending.event.take() {
            None => publish.into_future(),
            // It was not asked whether it is ready.
            Some(last) => Box::pin(async move {
                last.await?;
                publish.await
            }),
        };
        // Mostly the client has room. If it has none, whoever asks for the next one is woken.
        match next
            .as_mut()
            .poll(&mut Context::from_waker(noop_waker_ref()))
        {
            Poll::Ready(sent) => sent,
            Poll::Pending => {
                sending.event = Some(next);
                Ok(())
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let connection = self.connection.clone();
        let sending = self.sending();
        ready!(sending.poll_taken(cx))?;
        if !sending.is_open {
            return Poll::Ready(Ok(()));
        }
        let flush = sending
            .flush
            .get_or_insert_with(|| Box::pin(confirm::at_last(connection)));
        let flushed = ready!(flush.as_mut().poll(cx));
        sending.flush = None;
        // What is not confirmed is still to be.
        sending.is_open = flushed.is_err();
        Poll::Ready(flushed.map_err(|source| self.unflushed(source)))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_flush(cx)
    }
}

/// Of a sink, with nothing under way.
impl<T> Clone for Publisher<T> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection.clone(),
            subject: self.subject.clone(),
            sink: Mutex::default(),
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}
