//! Replies that a handler sends itself, beside the one that it returns.

use super::{IntoReply, Outcome, Reply};
use crate::context::Context;
use crate::error::Incident;
use crate::wire::{Outbound, PublishError, Subject};

/// Why a reply was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The caller wants no reply.
    #[error("the request on `{subject}` has no reply subject: its caller wants no reply")]
    NoReplySubject {
        /// The subject of the request.
        subject: String,
    },
    /// The reply could not be sent.
    #[error("the reply to the request on `{subject}` was not sent: {source}")]
    NotSent {
        /// The subject of the request.
        subject: String,
        /// Why.
        source: PublishError,
    },
}

impl Context {
    /// Sends a reply now, beside the one that the handler returns: a caller that gathers replies
    /// gets all of them, one that waits for a single reply gets the first.
    ///
    /// Return [`Reply::silence`] from the handler to have this be the only one. However many replies
    /// there are, the request counts once, and as one error at most; what is sent after the handler
    /// has returned is not counted any more.
    ///
    /// ```
    /// # use micro_core as micro;
    /// use micro::{Error, Reply, Request};
    ///
    /// async fn countdown(request: Request) -> Result<Reply, Error> {
    ///     for left in ["3", "2", "1"] {
    ///         request.context().reply(left).await?;
    ///     }
    ///     Ok(Reply::silence())
    /// }
    /// # micro::ServiceBuilder::new("countdown", "1.0.0").endpoint("countdown", countdown);
    /// ```
    ///
    /// # Errors
    ///
    /// When the request has no reply subject, or one that is not answered
    /// ([`PublishError::ReplySubject`]), when the reply is larger than the server accepts, or when the
    /// connection is closed. It counts as an error of the endpoint.
    pub async fn reply(&self, reply: impl IntoReply) -> Result<(), ReplyError> {
        let set_so_far = self.said().headers.clone();
        let Reply { outcome, headers } = reply
            .into_reply()
            .with_context_headers(set_so_far)
            .naming_instance(self);
        let (headers, payload) = match outcome {
            Outcome::Silence => return Ok(()),
            Outcome::Success(payload) => (headers, payload),
            Outcome::Fault(fault) => {
                self.said().failure = Some(fault.stats_text());
                let mut all = headers.unwrap_or_default();
                all.replace_with(&fault.headers());
                (Some(all), fault.body())
            }
        };
        let subject = || self.subject().to_owned();
        let Some(reply_to) = self.reply_subject() else {
            let error = ReplyError::NoReplySubject { subject: subject() };
            self.incidents()
                .report(Incident::NoReplySubject { subject: subject() });
            return Err(self.failed(error));
        };
        // The one reply that counts is the handler's own.
        self.recent().note(reply_to, true);
        let message = Outbound {
            subject: Subject::from(reply_to),
            reply: None,
            headers,
            payload,
        };
        self.way_back().answer(message).await.map_err(|source| {
            self.incidents().report(Incident::ReplyNotSent {
                subject: subject(),
                reason: source.to_string(),
            });
            let subject = subject();
            self.failed(ReplyError::NotSent { subject, source })
        })
    }

    fn failed(&self, error: ReplyError) -> ReplyError {
        self.said().failure = Some(error.to_string());
        error
    }
}
