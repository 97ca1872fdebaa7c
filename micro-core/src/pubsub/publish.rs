//! One event on its way out: a builder until it is awaited.

use std::fmt;
use std::future::IntoFuture;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::error::PublisherError;
use super::subject::to_publish;
use crate::codec;
use crate::wire::{Connection, Headers, Outbound, PublishError, Subject};

/// An event that has not been published yet: awaiting it publishes it.
///
/// It has been written by then; what cannot be sent is the error of awaiting it.
#[must_use = "an event is not published until awaited"]
pub struct Publish {
    connection: Connection,
    subject: Subject,
    reply: Option<Subject>,
    headers: Option<Headers>,
    payload: Bytes,
    problem: Option<PublisherError>,
}

impl Publish {
    pub(super) fn to<T: Serialize + 'static>(
        connection: &Connection,
        subject: &str,
        event: &T,
    ) -> Self {
        match to_publish(subject) {
            Ok(subject) => Self::new(connection, subject, event),
            Err(problem) => Self {
                connection: connection.clone(),
                subject: Subject::from_static(""),
                reply: None,
                headers: None,
                payload: Bytes::new(),
                problem: Some(PublisherError::subject(subject, problem)),
            },
        }
    }

    /// To a subject that is known to be one.
    pub(super) fn new<T: Serialize + 'static>(
        connection: &Connection,
        subject: Subject,
        event: &T,
    ) -> Self {
        let (payload, problem) = match codec::encode_guarded("the event", event) {
            Ok(payload) => (payload, None),
            Err(reason) => {
                let encode = PublisherError::Encode {
                    subject: subject.to_string(),
                    reason,
                };
                (Bytes::new(), Some(encode))
            }
        };
        Self {
            connection: connection.clone(),
            subject,
            reply: None,
            headers: None,
            payload,
            problem,
        }
    }

    /// Sets a header, in place of an earlier value.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(source) = self.headers.get_or_insert_default().insert(name, value) {
            let subject = self.subject.to_string();
            self.refuse(PublisherError::Header { subject, source });
        }
        self
    }

    /// Says where answers are waited for.
    pub fn reply_to(mut self, subject: &str) -> Self {
        match to_publish(subject) {
            Ok(reply) => self.reply = Some(reply),
            Err(problem) => self.refuse(PublisherError::subject(subject, problem)),
        }
        self
    }

    /// The first thing that is wrong is what is told.
    fn refuse(&mut self, problem: PublisherError) {
        self.problem.get_or_insert(problem);
    }

    async fn send(self) -> Result<(), PublisherError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if self.connection.is_closed() {
            return Err(PublisherError::unsent(&self.subject, PublishError::Closed));
        }
        let message = Outbound {
            subject: self.subject.clone(),
            reply: self.reply,
            headers: self.headers,
            payload: self.payload,
        };
        // Without a server and without room, it would wait for ever.
        let sent = tokio::select! {
            biased;
            sent = self.connection.send(message) => sent,
            () = self.connection.until_closed() => Err(PublishError::Closed),
        };
        sent.map_err(|error| PublisherError::unsent(&self.subject, error))
    }
}

impl IntoFuture for Publish {
    type Output = Result<(), PublisherError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("subject", &self.subject.as_str())
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}
