//! One call: a builder until it is awaited.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::time::{Instant as Moment, timeout_at};

use super::deadline::{Limit, end};
use super::reading::Reading;
use super::{CallError, Outgoing};
use crate::wire::{Headers, RequestError};

/// The header by which a caller asks which instance answers, and by which the instance tells.
pub(crate) const INSTANCE_HEADER: &str = "Micro-Instance";

/// A call that has not been made yet: awaiting it makes it.
///
/// `R` is the value of the reply, `E` the error that the endpoint may answer with.
#[must_use = "a call does nothing until awaited"]
pub struct Call<'a, R, E> {
    pub(super) outgoing: Outgoing<'a>,
    pub(super) timeout: Duration,
    /// Not beyond this moment, whenever the call is made.
    pub(super) until: Option<Moment>,
    pub(super) reading: Reading<R, E>,
}

impl<R, E> Call<'_, R, E> {
    /// How long to wait for the reply; 5 s unless the [`Caller`](super::Caller) says otherwise. The
    /// service is told, in the header `Micro-Timeout`:
    /// [`Context::remaining`](crate::Context::remaining).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self.outgoing = self.outgoing.patience(timeout);
        self
    }

    /// The same, and over by a deadline.
    pub(super) fn no_later_than(mut self, limit: Limit) -> Self {
        if limit.within < self.timeout {
            self = self.timeout(limit.within);
        }
        self.until = Some(limit.until);
        self
    }

    /// Sets a header of the request. One that cannot be sent is the call's error.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.outgoing = self.outgoing.header(name, value);
        self
    }

    /// Makes the call and gives the reply's headers, its instance and its time beside the value.
    ///
    /// # Errors
    ///
    /// As awaiting the call.
    pub async fn answer(self) -> Result<Answer<R>, CallError<E>> {
        let mut call = self.header(INSTANCE_HEADER, "?");
        let started = Instant::now();
        let (value, headers) = call.make().await?;
        let took = started.elapsed();
        Ok(Answer {
            instance: headers.get(INSTANCE_HEADER).map(str::to_owned),
            value,
            headers,
            took,
        })
    }

    /// By reference, so that there is one copy of it in the future.
    async fn make(&mut self) -> Result<(R, Headers), CallError<E>> {
        let subject = self.outgoing.subject();
        if let Some(reason) = self.outgoing.problem.take() {
            return Err(CallError::Request {
                subject: subject.to_string(),
                reason,
            });
        }
        let request = self.outgoing.caller.connection().request(
            subject.clone(),
            self.outgoing.headers.take(),
            std::mem::take(&mut self.outgoing.payload),
        );
        match timeout_at(end(self.timeout, self.until), request).await {
            Ok(Ok(message)) => {
                if let Some(status) = message.status {
                    return Err(CallError::of_status(&subject, status.as_u16()));
                }
                let headers = message.headers.map(Headers::from_inner);
                self.reading.read(&subject, headers, &message.payload)
            }
            Ok(Err(RequestError::NoResponders)) => Err(CallError::NoResponders {
                subject: subject.to_string(),
            }),
            Ok(Err(RequestError::Publish(source))) => Err(CallError::Transport {
                subject: subject.to_string(),
                source,
            }),
            Err(_) => Err(CallError::Timeout {
                subject: subject.to_string(),
                after: self.timeout,
            }),
        }
    }
}

impl<'a, R, E> IntoFuture for Call<'a, R, E>
where
    R: Send + 'static,
    E: Send + 'static,
{
    type Output = Result<R, CallError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move { self.make().await.map(|(value, _)| value) })
    }
}

impl<R, E> fmt::Debug for Call<'_, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("subject", &self.outgoing.subject())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A reply with what came beside its value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer<R> {
    /// The value.
    pub value: R,
    /// The headers of the reply.
    pub headers: Headers,
    /// The id of the instance that answered; `None` if the service is not one of this framework's.
    pub instance: Option<String>,
    /// The time from sending the request to having the reply.
    pub took: Duration,
}
