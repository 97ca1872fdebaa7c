//! What the programs in `fuzz/` reach into: the two places where a stranger's bytes are read on the
//! asking side. What is read on the serving side they reach over the wire.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::client::{CallError, read_reply};
use crate::discovery::{Info, Ping, Stats, Unreadable, read_document};
use crate::error::ServiceError;
use crate::wire::Headers;

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
