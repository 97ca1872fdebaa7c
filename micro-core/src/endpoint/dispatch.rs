//! From what a handler answers to the reply that is sent; and what those are told who get no handler.

use std::sync::Arc;
use std::task;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::Span;

use super::Endpoint;
use super::limits::Arrival;
use super::log::End;
use super::work::Work;
use crate::context::Context;
use crate::error::{Fault, Incident};
use crate::handler::{Outcome, Reply};
use crate::wire::{Connection, Headers, Message, Outbound, Outbox, PublishError, Sent, Subject};

/// The bounds of what a caller is told to wait when it was refused, and what it is told while no
/// handler has ended yet.
const RETRY_AFTER_LEAST: Duration = Duration::from_millis(1);
const RETRY_AFTER_MOST: Duration = Duration::from_mins(1);
const RETRY_AFTER_UNKNOWN: Duration = Duration::from_millis(100);

/// What `last_error` says of an answer that had nowhere to go.
const NO_REPLY_SUBJECT: &str = "the request has no reply subject, its reply was dropped";

impl Endpoint {
    /// Counts what a handler has answered, and sends it, if that is all there is to do and can be done
    /// at once. Returns the rest of what is to be done.
    pub(super) fn conclude(
        self: &Arc<Self>,
        work: &mut Work,
        mut reply: Reply,
        took: Duration,
        outbox: Option<(&mut Outbox, &mut task::Context<'_>)>,
    ) -> Option<BoxFuture<'static, ()>> {
        self.pace.computed(work.computed);
        self.pace.answered(took);
        self.counters.request(took);
        let (said, mut reply_to) = Context::conclude(&mut work.context);
        if self.is_subscriber() {
            self.conclude_event(work, said, reply, took);
            return None;
        }
        // Most have none, and a reply is large enough to be left where it is.
        if said.headers.is_some() || work.context.headers().is_some() {
            reply = reply
                .with_context_headers(said.headers)
                .naming_instance(&work.context);
        }
        let mut counted = false;
        if let Some(text) = said.failure
            && !matches!(reply.outcome, Outcome::Fault(_))
        {
            self.counters.error(text);
            counted = true;
        }
        if let Some((outbox, cx)) = outbox
            && let (Outcome::Success(payload), None) = (&mut reply.outcome, &reply.headers)
            && let Some(to) = reply_to.take_if(|to| outbox.takes(to, payload))
        {
            self.note(&to, counted);
            return match outbox.send(to, std::mem::take(payload), cx) {
                Sent::Now(Ok(())) => {
                    let subject = work.context.subject();
                    self.log.ended(&work.span, subject, End::Ok, took);
                    None
                }
                Sent::Now(Err(error)) => {
                    self.sent(&work.context, &work.span, Err(error), counted, took);
                    None
                }
                Sent::Later(sending) => {
                    let (endpoint, context) = (Arc::clone(self), Arc::clone(&work.context));
                    let span = work.span.clone();
                    Some(Box::pin(async move {
                        let sent = sending.await;
                        endpoint.sent(&context, &span, sent, counted, took);
                    }))
                }
            };
        }
        let (endpoint, context) = (Arc::clone(self), Arc::clone(&work.context));
        let span = work.span.clone();
        Some(Box::pin(async move {
            let connection = context.way_back();
            let answering =
                endpoint.answer(connection, context.subject(), reply_to, reply, counted);
            let end = answering.await;
            endpoint.log.ended(&span, context.subject(), end, took);
        }))
    }

    /// Tells how a reply left that had nothing more to it.
    fn sent(
        &self,
        context: &Context,
        span: &Span,
        sent: Result<(), PublishError>,
        counted: bool,
        took: Duration,
    ) {
        let end = match sent {
            Ok(()) => End::Ok,
            Err(error) => {
                if !counted {
                    self.counters.error(error.to_string());
                }
                self.unsent(context.subject(), &error)
            }
        };
        self.log.ended(span, context.subject(), end, took);
    }

    /// Answers "busy" at once. Counted as a request and an error that took no time.
    pub(super) async fn refuse(&self, request: Arrival) {
        let name = &self.definition.name;
        let text = format!("endpoint `{name}` is at its limits, try again later");
        let queue = self.limits.rounds_pending();
        let hint = self
            .pace
            .handler_time()
            .map_or(RETRY_AFTER_UNKNOWN, |time| {
                let hint = time.saturating_mul(queue);
                hint.clamp(RETRY_AFTER_LEAST, RETRY_AFTER_MOST)
            });
        self.log.overloaded();
        self.turn_away(request, text, hint).await;
    }

    /// Gives up what was not done in time, because the endpoint goes: what waits is not started,
    /// handlers that run are dropped, and each caller is told.
    pub(crate) async fn abandon(&self) {
        // Before the handlers are given up, none of which then begins one of these.
        let pending = self.limits.take_pending();
        self.abandonment.begin(pending.len());
        if self.is_subscriber() {
            self.counters.dropped(pending.len() as u64);
            self.limits.idle().await;
            return;
        }
        let text = format!("endpoint `{}` is stopping, try again", self.definition.name);
        // Another instance has taken over, or will.
        let fault = Fault::new(503, text).retry_after(Duration::ZERO);
        // All are counted first: telling them may take longer than there is time.
        for _ in &pending {
            self.counters.request(Duration::ZERO);
            self.counters.error(fault.stats_text());
        }
        // At once: one connection may take nothing, and another does.
        let telling = pending.into_iter().map(|request| {
            let fault = fault.clone();
            let telling: BoxFuture<'_, ()> = Box::pin(async move {
                self.tell(request, fault, true).await;
                self.abandonment.told_one();
            });
            telling
        });
        crate::task::all(telling).await;
        self.limits.idle().await;
    }

    /// How many requests were not begun because the endpoint goes, and not told so. Events never are.
    pub(crate) fn untold(&self) -> usize {
        self.abandonment.untold()
    }

    /// Answers a request that was not begun.
    pub(super) async fn turn_away(&self, request: Arrival, text: String, retry_after: Duration) {
        self.counters.request(Duration::ZERO);
        let fault = Fault::new(503, text).retry_after(retry_after);
        self.tell(request, fault, false).await;
    }

    async fn tell(&self, request: Arrival, fault: Fault, counted: bool) {
        let Message { subject, reply, .. } = request.message;
        let connection = self.connection().lane(request.lane);
        let code = fault.code();
        self.answer(connection, &subject, reply, Reply::fault(fault), counted)
            .await;
        let end = End::Refused(code);
        self.log.ended(&Span::none(), &subject, end, Duration::ZERO);
    }

    /// Sends the reply. A request counts as one error at most, and counts before its reply is sent:
    /// when the caller has it, STATS has it too. `counted` says that it has counted as one before,
    /// for a reply that the handler sent itself.
    async fn answer(
        &self,
        connection: &Connection,
        subject: &str,
        reply_to: Option<Subject>,
        reply: Reply,
        counted: bool,
    ) -> End {
        let count = |text: String| {
            if !counted {
                self.counters.error(text);
            }
        };
        let Reply { outcome, headers } = reply;
        match (outcome, reply_to) {
            (Outcome::Silence, _) => End::Silent,
            (Outcome::Success(payload), Some(reply_to)) => {
                self.note(&reply_to, counted);
                match send(connection, reply_to.clone(), headers, payload).await {
                    Err(PublishError::TooLarge { bytes, limit_bytes }) => {
                        let fault = too_large(bytes, limit_bytes);
                        count(fault.stats_text());
                        self.log.failed(subject, &fault);
                        self.send_fault(connection, subject, reply_to, &fault, None)
                            .await
                    }
                    Err(error) => {
                        count(error.to_string());
                        self.unsent(subject, &error)
                    }
                    Ok(()) => End::Ok,
                }
            }
            (Outcome::Success(payload), None) => {
                // An empty answer that nobody waits for is what a command without a caller has.
                if payload.is_empty() {
                    return End::Ok;
                }
                count(NO_REPLY_SUBJECT.to_owned());
                let incident = Incident::NoReplySubject {
                    subject: subject.to_owned(),
                };
                self.report(incident);
                End::NoReplySubject
            }
            (Outcome::Fault(fault), reply_to) => {
                count(fault.stats_text());
                self.log.failed(subject, &fault);
                match reply_to {
                    Some(reply_to) => {
                        self.send_fault(connection, subject, reply_to, &fault, headers)
                            .await
                    }
                    None => End::Error(fault.code()),
                }
            }
        }
    }

    /// Sends an error that has been counted. If it is too large, the caller is told that.
    async fn send_fault(
        &self,
        connection: &Connection,
        subject: &str,
        reply_to: Subject,
        fault: &Fault,
        headers: Option<Headers>,
    ) -> End {
        self.note(&reply_to, true);
        let own = fault.headers();
        let all = match headers {
            Some(mut all) => {
                all.replace_with(&own);
                all
            }
            None => own,
        };
        let sent = send(connection, reply_to.clone(), Some(all), fault.body()).await;
        let (sent, code) = match sent {
            Err(PublishError::TooLarge { bytes, limit_bytes }) => {
                let fault = too_large(bytes, limit_bytes);
                let sent = send(connection, reply_to, Some(fault.headers()), fault.body());
                (sent.await, fault.code())
            }
            sent => (sent, fault.code()),
        };
        match sent {
            Ok(()) => End::Error(code),
            Err(error) => self.unsent(subject, &error),
        }
    }

    /// Notes a reply, for the server's refusal of it, where such are heard.
    fn note(&self, reply_to: &str, counted: bool) {
        if self.place.connection.is_observed() {
            self.place.recent.note(reply_to, counted);
        }
    }

    /// Tells of a reply that did not leave.
    fn unsent(&self, subject: &str, error: &PublishError) -> End {
        self.report(Incident::ReplyNotSent {
            subject: subject.to_owned(),
            reason: error.to_string(),
        });
        End::Unsent
    }

    fn report(&self, incident: Incident) {
        self.log.dropped(&incident);
        self.place.incidents.report(incident);
    }
}

/// Boxed, since this is large and there are several ways to it.
async fn send(
    connection: &Connection,
    reply_to: Subject,
    headers: Option<Headers>,
    payload: bytes::Bytes,
) -> Result<(), PublishError> {
    let message = Outbound {
        subject: reply_to,
        reply: None,
        headers,
        payload,
    };
    Box::pin(connection.answer(message)).await
}

fn too_large(bytes: usize, limit_bytes: usize) -> Fault {
    let text = format!(
        "the reply of {bytes} bytes and its headers exceed the server's limit of {limit_bytes} bytes"
    );
    Fault::new(413, &text).noting(&text)
}
