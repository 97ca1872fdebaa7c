//! From an admitted request to its reply.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tracing::{Instrument as _, Span};

use super::Endpoint;
use super::limits::Arrival;
use super::log::End;
use crate::context::Context;
use crate::error::{Fault, Incident, panic_text};
use crate::handler::{Outcome, Reply, Request};
use crate::wire::{Headers, Message, Outbound, PublishError, Subject};

/// How long handlers of one endpoint may compute at a time, on average, to be run where requests are
/// read. Heavier ones get a task of their own, so that the intake goes on and every core is used; a
/// task costs about 3 us, so this is where it stops to matter.
const HEAVY: Duration = Duration::from_micros(50);

/// The most that one handler counts for in that average. Time passes as well while a busy machine
/// runs something else in between: a few such handlers do not make an endpoint heavy, and those that
/// are heavy are all over it.
const HEAVY_MOST: Duration = Duration::from_micros(100);

/// The bounds of what a caller is told to wait when it was refused, and what it is told while no
/// handler has ended yet.
const RETRY_AFTER_LEAST: Duration = Duration::from_millis(1);
const RETRY_AFTER_MOST: Duration = Duration::from_mins(1);
const RETRY_AFTER_UNKNOWN: Duration = Duration::from_millis(100);

/// What `last_error` says of an answer that had nowhere to go.
const NO_REPLY_SUBJECT: &str = "the request has no reply subject, its reply was dropped";

/// What the handlers of an endpoint have been seen to cost.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// At a time: before they first wait, and whenever they go on.
    compute: Average,
    /// From their start to their reply.
    whole: Average,
}

/// A moving average in nanoseconds.
#[derive(Debug, Default)]
struct Average(AtomicU64);

impl Pace {
    pub(super) fn is_heavy(&self) -> bool {
        self.compute.get() > HEAVY
    }

    fn computed(&self, time: Duration) {
        self.compute.saw(time.min(HEAVY_MOST));
    }

    /// Nothing, before the first has ended.
    fn handler_time(&self) -> Option<Duration> {
        Some(self.whole.get()).filter(|time| !time.is_zero())
    }
}

impl Average {
    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// A lost update under concurrency only makes the average a little older.
    fn saw(&self, time: Duration) {
        let seen = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let average = self.0.load(Ordering::Relaxed);
        let next = match average {
            0 => seen,
            _ => average - average / 8 + seen / 8,
        };
        self.0.store(next, Ordering::Relaxed);
    }
}

impl Endpoint {
    /// One request, from the handler's start to the reply on its way.
    pub(super) async fn serve(&self, request: Arrival) {
        let Message {
            subject,
            reply: reply_to,
            payload,
            headers,
            ..
        } = request.message;
        let headers = headers.map(Headers::from_inner);
        let context = Arc::new(Context::new(
            Arc::clone(&self.place),
            subject,
            reply_to.clone(),
            headers,
            request.at,
        ));
        let request = Request::new(Arc::clone(&context), payload);

        let span = self.log.span(context.subject());
        let started = Instant::now();
        let answering = self.call(request);
        let reply = if span.is_disabled() {
            answering.await
        } else {
            answering.instrument(span.clone()).await
        };
        let took = started.elapsed();
        self.pace.whole.saw(took);
        self.counters.request(took);

        let said = context.said_so_far();
        let reply = reply
            .with_context_headers(said.headers)
            .naming_instance(&context);
        let mut counted = false;
        if let Some(text) = said.failure
            && !matches!(reply.outcome, Outcome::Fault(_))
        {
            self.counters.error(text);
            counted = true;
        }
        let end = self
            .answer(context.subject(), reply_to, reply, counted)
            .await;
        self.log.ended(&span, context.subject(), end, took);
    }

    /// Calls the handler, and turns what must not happen into a reply. All that is the user's runs
    /// within the catch, the drop of a handler that has taken too long included.
    async fn call(&self, request: Request) -> Reply {
        let handled = AssertUnwindSafe(async {
            if self.abandonment.has_begun() {
                return self.abandoned();
            }
            tokio::select! {
                // First the handler: one that does not wait costs nothing more.
                biased;
                reply = self.handle(request) => reply,
                () = self.abandonment.begun() => self.abandoned(),
            }
        });
        let handled = handled.catch_unwind().await;
        handled.unwrap_or_else(|panic| {
            let text = panic_text(panic);
            Reply::fault(Fault::internal(
                500,
                format_args!("the handler panicked: {text}"),
            ))
        })
    }

    async fn handle(&self, request: Request) -> Reply {
        match self.definition.timeout {
            None => self.handler.call(request).await,
            Some(limit) => tokio::time::timeout(limit, self.handler.call(request))
                .await
                .unwrap_or_else(|_| self.too_late(limit)),
        }
    }

    /// The answer of a handler that was given up. It may have done some of its work, so this is no
    /// invitation to try again.
    fn abandoned(&self) -> Reply {
        let name = &self.definition.name;
        Reply::fault(Fault::new(
            503,
            format_args!("endpoint `{name}` stopped before its handler was done"),
        ))
    }

    fn too_late(&self, limit: Duration) -> Reply {
        let name = &self.definition.name;
        let text = format!("endpoint `{name}` did not answer within {limit:?}");
        Reply::fault(Fault::new(504, &text).noting(&text))
    }

    /// Answers "busy" at once. Counted as a request and an error that took no time.
    pub(super) async fn refuse(&self, message: Message) {
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
        self.turn_away(message, text, hint).await;
    }

    /// Gives up what was not done in time, because the endpoint goes: what waits is not started,
    /// handlers that run are dropped, and each caller is told.
    pub(crate) async fn abandon(&self) {
        // Before the handlers are given up, none of which then begins one of these.
        let pending = self.limits.take_pending();
        self.abandonment.begin(pending.len());
        let text = format!("endpoint `{}` is stopping, try again", self.definition.name);
        // Another instance has taken over, or will.
        let fault = Fault::new(503, text).retry_after(Duration::ZERO);
        // All are counted first: telling them may take longer than there is time.
        for _ in &pending {
            self.counters.request(Duration::ZERO);
            self.counters.error(fault.stats_text());
        }
        for request in pending {
            self.tell(request.message, fault.clone(), true).await;
            self.abandonment.told_one();
        }
        self.limits.idle().await;
    }

    /// How many requests were not begun because the endpoint goes, and not told so.
    pub(crate) fn untold(&self) -> usize {
        self.abandonment.untold()
    }

    /// Answers a request that was not begun.
    async fn turn_away(&self, message: Message, text: String, retry_after: Duration) {
        self.counters.request(Duration::ZERO);
        let fault = Fault::new(503, text).retry_after(retry_after);
        self.tell(message, fault, false).await;
    }

    async fn tell(&self, message: Message, fault: Fault, counted: bool) {
        let Message { subject, reply, .. } = message;
        let code = fault.code();
        self.answer(&subject, reply, Reply::fault(fault), counted)
            .await;
        let end = End::Refused(code);
        self.log.ended(&Span::none(), &subject, end, Duration::ZERO);
    }

    /// Sends the reply. A request counts as one error at most, and counts before its reply is sent:
    /// when the caller has it, STATS has it too. `counted` says that it has counted as one before,
    /// for a reply that the handler sent itself.
    async fn answer(
        &self,
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
                match self.send(reply_to.clone(), headers, payload).await {
                    Err(PublishError::TooLarge { bytes, limit_bytes }) => {
                        let fault = too_large(bytes, limit_bytes);
                        count(fault.stats_text());
                        self.log.failed(subject, &fault);
                        self.send_fault(subject, reply_to, &fault, None).await
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
                    Some(reply_to) => self.send_fault(subject, reply_to, &fault, headers).await,
                    None => End::Error(fault.code()),
                }
            }
        }
    }

    /// Sends an error that has been counted. If it is too large, the caller is told that.
    async fn send_fault(
        &self,
        subject: &str,
        reply_to: Subject,
        fault: &Fault,
        headers: Option<Headers>,
    ) -> End {
        self.note(&reply_to, true);
        let mut all = headers.unwrap_or_default();
        all.replace_with(&fault.headers());
        let sent = self.send(reply_to.clone(), Some(all), fault.body()).await;
        let (sent, code) = match sent {
            Err(PublishError::TooLarge { bytes, limit_bytes }) => {
                let fault = too_large(bytes, limit_bytes);
                let sent = self.send(reply_to, Some(fault.headers()), fault.body());
                (sent.await, fault.code())
            }
            sent => (sent, fault.code()),
        };
        match sent {
            Ok(()) => End::Error(code),
            Err(error) => self.unsent(subject, &error),
        }
    }

    async fn send(
        &self,
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
        self.place.connection.answer(message).await
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

fn too_large(bytes: usize, limit_bytes: usize) -> Fault {
    let text = format!(
        "the reply of {bytes} bytes and its headers exceed the server's limit of {limit_bytes} bytes"
    );
    Fault::new(413, &text).noting(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_computes_is_heavy_and_what_was_interrupted_is_not() {
        let pace = Pace::default();
        for _ in 0..10 {
            pace.computed(Duration::from_micros(2));
        }
        for _ in 0..3 {
            pace.computed(Duration::from_millis(8));
        }
        assert!(!pace.is_heavy());
        for _ in 0..30 {
            pace.computed(Duration::from_micros(60));
        }
        assert!(pace.is_heavy());
        for _ in 0..10 {
            pace.computed(Duration::from_micros(2));
        }
        assert!(!pace.is_heavy());
    }
}
