//! Events: published to a subject, read by everybody who is subscribed to it.
//!
//! - `subject`: where an event can go, and what can be subscribed to;
//! - [`Publish`]: one event, a builder until it is awaited; [`Publisher`]: many of one type, and a sink;
//! - [`Subscribe`]: a subscription that has not been asked for yet; [`Subscription`]: events as a stream;
//!   [`Event`]: one of them; [`Values`]: their values alone;
//! - `asked`: what is asked of the server for that; `buffer`: what of it waits to be read;
//! - `confirm`: the server's word that it has what was published;
//! - `error`: what can come of all that.
//!
//! Delivery is at most once, and nothing is kept. To publish never waits for those who read, and
//! succeeds when there are none; whoever subscribes later gets nothing of it, and what is on its way
//! when a connection breaks is lost. It is never delivered twice, but for what a function hands on
//! ([`ServiceBuilder::once`](crate::ServiceBuilder::once)). For what must not be lost, have it confirmed by
//! its reader (a request), or kept by JetStream, with [`Connection::client`](crate::Connection::client).

mod asked;
mod buffer;
mod confirm;
mod error;
mod event;
mod publish;
mod publisher;
mod subject;
mod subscribe;
mod subscription;
mod values;

pub use error::{EventError, PublisherError, SubscribeError};
pub use event::Event;
pub use publish::Publish;
pub use publisher::Publisher;
pub use subscribe::Subscribe;
pub use subscription::{DrainHandle, Subscription};
pub use values::Values;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::wire::{Connection, FlushError};

/// Events.
///
/// Delivery is at most once, and nothing is kept: whoever is subscribed when an event is published gets
/// it, as long as no connection breaks on the way. What must not be lost is for a request, which its reader
/// confirms, or for JetStream, by way of [`client`](Self::client): nothing here pretends to be either.
impl Connection {
    /// Publishes one event, as JSON; [`Bytes`](bytes::Bytes) as they are.
    ///
    /// It waits for nobody who reads, and succeeds when nobody does. Where the connection is down, it is
    /// sent when that is back; 2,048 of them can wait for that, and then this waits.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::PublisherError> {
    /// connection.publish("orders.eu.created", &42).await?;
    /// connection
    ///     .publish("orders.eu.created", &43)
    ///     .header("X-Tenant", "acme")
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn publish<T: Serialize + 'static>(&self, subject: &str, event: &T) -> Publish {
        Publish::to(self, subject, event)
    }

    /// What publishes events of one type to one subject.
    ///
    /// # Errors
    ///
    /// When no event can go there: a subject with wildcards or placeholders, or one that is reserved.
    pub fn publisher<T: Serialize + 'static>(
        &self,
        subject: &str,
    ) -> Result<Publisher<T>, PublisherError> {
        Publisher::new(self, subject)
    }

    /// Subscribes to a subject, `*` for any token and `>` for any rest of it. Awaited, it gives a stream of
    /// events: when there is one, an event that any other connection publishes is in it.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::SubscribeError> {
    /// let mut orders = connection.subscribe::<u64>("orders.{region}.created").await?;
    /// while let Some(order) = orders.next().await {
    ///     match order {
    ///         Ok(order) => println!("{:?}: {}", order.placeholder("region"), order.payload),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn subscribe<T: DeserializeOwned + 'static>(&self, subject: &str) -> Subscribe<T> {
        Subscribe::new(self, subject)
    }

    /// Waits, for at most 5 s, until the server has read all that was published on this connection
    /// before. It says nothing of those who are subscribed, nor of what was lost when the connection broke
    /// in the meantime.
    ///
    /// # Errors
    ///
    /// When the server does not say so in time, such as because it is away, and when the connection is
    /// closed.
    pub async fn flush(&self) -> Result<(), FlushError> {
        confirm::of_all(self).await
    }
}

/// Events.
impl Context {
    /// Publishes one event, on the connection that the request came by: see [`Connection::publish`].
    ///
    /// ```
    /// # use micro_core as micro;
    /// use micro::{Context, Error};
    ///
    /// async fn order(ctx: &Context, number: u64) -> Result<u64, Error> {
    ///     ctx.publish("orders.eu.created", &number).await?;
    ///     Ok(number)
    /// }
    /// ```
    pub fn publish<T: Serialize + 'static>(&self, subject: &str, event: &T) -> Publish {
        Publish::to(self.way_back(), subject, event)
    }
}
