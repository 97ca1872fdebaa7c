//! A connection with what all calls over it share.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Call, Outgoing};
use crate::error::ServiceError;
use crate::wire::{Connection, NatsClient};

/// How long a call waits for its reply unless it says otherwise.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The side of a connection that calls services. Cloning is cheap.
///
/// A generated client makes one from a connection; make it yourself to set a bound for all its
/// calls: `NumbersClient::with(Caller::new(&connection).timeout(..))`.
#[derive(Clone, Debug)]
pub struct Caller {
    connection: Connection,
    /// As it was asked for.
    timeout: Option<Duration>,
}

impl Caller {
    /// A caller over `connection`; calls wait 5 s for their replies.
    pub fn new(connection: impl Into<Connection>) -> Self {
        Self {
            connection: connection.into(),
            timeout: None,
        }
    }

    /// How long calls wait for their replies, unless a call says otherwise. Services are told, as
    /// with [`Call::timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A call without a generated client: a request with a JSON body, or with the bytes themselves
    /// if the payload is [`Bytes`](bytes::Bytes).
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::Error> {
    /// use micro::{Caller, Error};
    ///
    /// let caller = Caller::new(&connection);
    /// let length: usize = caller.call::<_, _, Error>("text.length", "hello").await?;
    /// # Ok(()) }
    /// ```
    pub fn call<P, R, E>(&self, subject: impl Into<String>, payload: P) -> Call<'_, R, E>
    where
        P: Serialize + 'static,
        R: DeserializeOwned + 'static,
        E: ServiceError,
    {
        Outgoing::new(self, subject.into()).json(&payload).call()
    }

    /// The connection that calls go over.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn chosen_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

impl From<Connection> for Caller {
    fn from(connection: Connection) -> Self {
        Self::new(connection)
    }
}

impl From<&Connection> for Caller {
    fn from(connection: &Connection) -> Self {
        Self::new(connection)
    }
}

impl From<NatsClient> for Caller {
    fn from(client: NatsClient) -> Self {
        Self::new(client)
    }
}

impl From<&NatsClient> for Caller {
    fn from(client: &NatsClient) -> Self {
        Self::new(client)
    }
}
