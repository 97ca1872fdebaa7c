//! A subscription that has not been asked for yet.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use micro_names::{Shown, check_queue_group};
use serde::de::DeserializeOwned;

use super::asked::Asked;
use super::buffer::Bounds;
use super::error::SubscribeError;
use super::subject::Pattern;
use super::subscription::Subscription;
use crate::wire::Connection;

/// How many events may wait to be read: as many as async-nats has room for, and some seconds of a
/// stream that nobody could follow by eye.
const BUFFER_EVENTS: usize = 65_536;

/// How many bytes of them: as much as waits at an endpoint.
const BUFFER_BYTES: usize = 64 * 1024 * 1024;

/// A subscription that has not been asked for yet: awaiting it gives a [`Subscription`].
#[must_use = "nothing is subscribed to until awaited"]
pub struct Subscribe<T> {
    connection: Connection,
    subject: String,
    queue_group: Option<String>,
    bounds: Bounds,
    of: PhantomData<fn() -> T>,
}

impl<T> Subscribe<T> {
    pub(super) fn new(connection: &Connection, subject: &str) -> Self {
        Self {
            connection: connection.clone(),
            subject: subject.to_owned(),
            queue_group: None,
            bounds: Bounds {
                events: BUFFER_EVENTS,
                bytes: BUFFER_BYTES,
            },
            of: PhantomData,
        }
    }

    /// Shares the events out among all who subscribe in this group: each event is for one of them.
    /// Without it, every subscription gets every event.
    pub fn queue_group(mut self, name: impl Into<String>) -> Self {
        self.queue_group = Some(name.into());
        self
    }

    /// How many events may wait to be read, 65,536 unless said otherwise, and one at least. When one more
    /// comes, the oldest goes: [`EventError::Lagged`](crate::EventError::Lagged).
    pub fn buffer_events(mut self, events: usize) -> Self {
        self.bounds.events = events;
        self
    }

    /// How many bytes of memory they take, about: beside its body, subjects and headers, 512 bytes for each
    /// and 320 for each header. 64 MiB unless said otherwise. One that is larger than that waits alone.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.bounds.bytes = bytes;
        self
    }

    fn check(&self) -> Result<Pattern, SubscribeError> {
        let pattern = Pattern::parse(&self.subject).map_err(|problem| SubscribeError::Subject {
            subject: Shown(&self.subject).to_string(),
            problem,
        })?;
        if let Some(group) = &self.queue_group {
            check_queue_group(group).map_err(|problem| SubscribeError::QueueGroup {
                subject: self.subject.clone(),
                problem,
            })?;
        }
        Ok(pattern)
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for Subscribe<T> {
    type Output = Result<Subscription<T>, SubscribeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let pattern = self.check()?;
            let group = self.queue_group.as_deref();
            let asked = Asked::ask(self.connection, pattern, group, self.bounds).await?;
            Ok(Subscription::of(asked))
        })
    }
}

impl<T> fmt::Debug for Subscribe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("subject", &self.subject)
            .field("queue_group", &self.queue_group)
            .finish_non_exhaustive()
    }
}
