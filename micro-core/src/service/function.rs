//! A service that serves one request, or one event, and ends: a function.
//!
//! Its life is that of any service, with one difference: the first request that one of its endpoints
//! takes begins the stop. That is served to its end, its reply leaves, and what has come beside it is
//! handed on (`endpoint`'s `surplus`).

use std::sync::Arc;

use super::{RunningService, ServiceBuilder};
use crate::endpoint::Ticket;
use crate::task;

impl ServiceBuilder {
    /// Makes it a function: it serves one request or event, the first over all its endpoints and
    /// subscribers, and then stops as at [`RunningService::stop`].
    ///
    /// Requests that come at the same time are not lost. Those that have been sent to this instance
    /// before it could leave, it hands on: another instance of the queue group answers, and the first
    /// reply goes back to the caller. Where there is no other, the caller is told to try again, with code
    /// 503 and `Micro-Retry-After: 0`; and so it is where permissions do not allow this instance to send to
    /// its own subjects, or where there is no queue group, since the others have had the request then.
    /// Whoever comes later hears from the server that nobody serves the subject.
    ///
    /// Events are handed on by being published again, and are lost where nobody else subscribes, as
    /// NATS has it. This instance needs the permission to publish them; what the server refuses, or does
    /// not confirm, is counted as dropped and told to the owner
    /// ([`Incident::EventsDropped`](crate::Incident::EventsDropped)), and so is a request without a reply
    /// subject, as an error. To know of a refusal, a client of your own needs
    /// [`Connection::with_events`](crate::Connection::with_events).
    ///
    /// What is handed on reaches everybody on its subject, since NATS cannot send to one queue group
    /// alone: one of every other queue group, and every plain subscription, of whatever program, **sees it
    /// a second time**.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(connection: micro::Connection) -> Result<(), micro::Error> {
    /// use micro::{Request, ServiceBuilder};
    ///
    /// let function = ServiceBuilder::new("resize", "1.0.0")
    ///     .endpoint("resize", async |request: Request| request.payload().clone())
    ///     .once()
    ///     .start(&connection)
    ///     .await?;
    /// let report = function.stopped().await;
    /// assert!(report.cause.is_none());
    /// # Ok(()) }
    /// ```
    pub fn once(self) -> Self {
        self.once_of_all(Arc::default())
    }

    /// One request over all services that share the ticket.
    pub(crate) fn once_of_all(mut self, ticket: Arc<Ticket>) -> Self {
        self.ticket = Some(ticket);
        self
    }
}

impl RunningService {
    /// Whether it serves one request only: see [`ServiceBuilder::once`].
    pub(crate) fn is_function(&self) -> bool {
        self.inner.ticket.is_some()
    }

    /// Whether it is a function that has had its request.
    pub(crate) fn has_had_its_request(&self) -> bool {
        let ticket = self.inner.ticket.as_ref();
        ticket.is_some_and(|ticket| ticket.is_taken())
    }

    /// Has a function stop with its first request.
    pub(super) fn end_with_first_request(&self) {
        let Some(ticket) = self.inner.ticket.clone() else {
            return;
        };
        let service = self.clone();
        task::spawn(Box::pin(async move {
            tokio::select! {
                () = ticket.taken() => service.begin_stop(None),
                _ = service.stopped() => {}
            }
        }));
    }
}
