//! What programs of this repository reach into and nobody else. Those in `fuzz/` reach the two places
//! where a stranger's bytes are read on the asking side; what is read on the serving side they reach
//! over the wire. `benches/instructions.rs` hands requests to an endpoint, without a subscription.

use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::client::{CallError, read_reply};
use crate::discovery::{Info, Ping, Stats, Unreadable, read_document};
use crate::endpoint::{self, Endpoint};
use crate::error::ServiceError;
use crate::service::{ServiceBuilder, StartError};
use crate::wire::{Connection, Headers, Lane, Message, Receive as _};

/// One body, read as the answer to each of the three verbs.
#[derive(Debug)]
pub struct Documents {
    /// As the answer to PING.
    pub ping: Result<Ping, Unreadable>,
    /// As the answer to INFO.
    pub info: Result<Info, Unreadable>,
    /// As the answer to STATS.
    pub stats: Result<Stats, Unreadable>,
}

/// Reads an answer to the discovery.
pub fn documents(headers: Option<&Headers>, body: &Bytes) -> Documents {
    Documents {
        ping: read_document(headers, body),
        info: read_document(headers, body),
        stats: read_document(headers, body),
    }
}

/// Reads the reply to a call.
///
/// # Errors
///
/// When it is none of a value.
pub fn reply<R, E>(headers: Option<Headers>, body: &Bytes) -> Result<R, CallError<E>>
where
    R: DeserializeOwned + 'static,
    E: ServiceError,
{
    read_reply("subject".to_owned(), headers, body)
}

/// Headers as they come from the wire: unchecked.
pub fn headers(inner: async_nats::HeaderMap) -> Headers {
    Headers::from_inner(inner)
}

/// An endpoint that is handed its requests.
pub struct Intake {
    endpoint: Arc<Endpoint>,
    receive: Box<dyn FnMut(Message) -> bool + Send>,
}

impl Intake {
    /// The endpoints of a service that does not run, in the order in which they were added. Their
    /// replies go by `connection`.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the service.
    pub fn of(service: ServiceBuilder, connection: &Connection) -> Result<Vec<Self>, StartError> {
        let endpoints = service.unread(connection)?;
        Ok(endpoints.into_iter().map(Self::new).collect())
    }

    fn new(endpoint: Endpoint) -> Self {
        let endpoint = Arc::new(endpoint);
        let mut intake = endpoint::Intake::new(Arc::clone(&endpoint), Lane::default(), None);
        let assumed = Arc::clone(&endpoint);
        Self {
            endpoint,
            receive: Box::new(move |request| {
                assumed.assume_cheap();
                let mut cx = Context::from_waker(Waker::noop());
                intake.receive(request, &mut cx);
                intake.is_ready()
            }),
        }
    }

    /// Does with a request what is done with one that was read. Whether that could be done without
    /// waiting: a handler that waits does so elsewhere.
    pub fn hand_over(&mut self, request: Message) -> bool {
        (self.receive)(request)
    }

    /// Requests that have ended, and those of them that ended in an error.
    pub fn counted(&self) -> (u64, u64) {
        let counted = self.endpoint.counted();
        (counted.num_requests, counted.num_errors)
    }
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}
