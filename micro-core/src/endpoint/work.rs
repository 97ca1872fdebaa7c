//! One request while it is served: its handler, and what keeps that in bounds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};
use tracing::Span;

use super::limits::Arrival;
use super::turns::Turn;
use super::{Definition, Endpoint, Role};
use crate::context::Context;
use crate::error::Fault;
use crate::handler::{Reply, Request, Room};
use crate::wire::{Headers, Message};

/// A request that is being served; or the memory of one that was, for the next.
pub(super) struct Work {
    pub(super) context: Arc<Context>,
    room: Room,
    /// What is entered whenever the handler runs.
    pub(super) span: Span,
    pub(super) started: Instant,
    /// For how long it has computed so far.
    pub(super) computed: Duration,
    /// When the handler must be done, once it has been seen to wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// What others wait for until it is done.
    pub(super) turn: Option<Turn>,
}

impl Work {
    /// Takes the handler's future away. What it holds is the user's, and may panic.
    fn clear(&mut self) -> Result<(), Reply> {
        let Self { room, span, .. } = self;
        within(span, || room.clear())
    }
}

impl Endpoint {
    /// Memory for a request.
    #[allow(
        clippy::unnecessary_box_returns,
        reason = "it is moved about for each request"
    )]
    pub(super) fn work(&self) -> Box<Work> {
        Box::new(Work {
            context: Arc::new(Context::idle(Arc::clone(&self.place))),
            room: Room::default(),
            span: Span::none(),
            started: Instant::now(),
            computed: Duration::ZERO,
            timer: None,
            turn: None,
        })
    }

    /// Calls the handler for a request. The reply, if there is one without the handler having run.
    pub(super) fn begin(
        &self,
        work: &mut Work,
        request: Arrival,
        started: Instant,
    ) -> Option<Reply> {
        let Arrival { message, at, lane } = request;
        if self.has_rules() {
            work.turn = self.turn_of(&message);
        }
        let Message {
            subject,
            reply,
            payload,
            headers,
            ..
        } = message;
        let headers = headers.map(Headers::from_inner);
        Context::refill(&mut work.context, subject, reply, headers, at, lane);
        work.started = started;
        work.computed = Duration::ZERO;
        work.span = match self.definition.role {
            Role::Request => self.log.span(work.context.subject()),
            Role::Event => self.log.event_span(work.context.subject()),
        };
        if self.abandonment.has_begun() {
            return Some(self.abandoned());
        }
        let Work {
            context,
            room,
            span,
            ..
        } = work;
        let request = Request::new(Arc::clone(context), payload);
        within(span, || self.handler.call_in(request, room)).err()
    }

    /// Lets the handler go on, and turns what must not happen into a reply.
    pub(super) fn poll(&self, work: &mut Work, cx: &mut task::Context<'_>) -> Poll<Reply> {
        let Work { room, span, .. } = work;
        match within(span, || room.poll(cx)) {
            Ok(Poll::Ready(reply)) => Poll::Ready(reply),
            Ok(Poll::Pending) => self.poll_bounds(work, cx),
            Err(panic) => {
                // The drop of what has panicked may do so as well.
                let _ = work.clear();
                Poll::Ready(panic)
            }
        }
    }

    /// Whether a handler that waits has done so for too long.
    fn poll_bounds(&self, work: &mut Work, cx: &mut task::Context<'_>) -> Poll<Reply> {
        let reply = if self.abandonment.has_begun() {
            self.abandoned()
        } else {
            let Some(limit) = self.definition.timeout else {
                return Poll::Pending;
            };
            let timer = work.timer.get_or_insert_with(|| {
                // One that is never due, where it is out of reach.
                let far = work.started + Duration::from_hours(24 * 365);
                let due = work.started.checked_add(limit).unwrap_or(far);
                Box::pin(sleep_until(due.into()))
            });
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.too_late(limit)
        };
        Poll::Ready(work.clear().err().unwrap_or(reply))
    }

    /// The answer of a handler that was given up. It may have done some of its work, so this is no
    /// invitation to try again.
    fn abandoned(&self) -> Reply {
        let Definition { role, name, .. } = &self.definition;
        let text = format!("{role} `{name}` stopped before its handler was done");
        Reply::fault(Fault::new(503, text))
    }

    fn too_late(&self, limit: Duration) -> Reply {
        let Definition { role, name, .. } = &self.definition;
        let text = match role {
            Role::Request => format!("{role} `{name}` did not answer within {limit:?}"),
            Role::Event => format!("{role} `{name}` was not done within {limit:?}"),
        };
        Reply::fault(Fault::new(504, &text).noting(&text))
    }
}

impl Work {
    /// The request is done with: nothing of it is kept but memory.
    pub(super) fn rest(&mut self) {
        self.timer = None;
        if !self.span.is_disabled() {
            self.span = Span::none();
        }
        Context::empty(&mut self.context);
    }
}

/// Runs what is the user's: within the span of its request, if that is on, and within a catch.
fn within<T>(span: &Span, run: impl FnOnce() -> T) -> Result<T, Reply> {
    let run = AssertUnwindSafe(|| {
        if span.is_disabled() {
            run()
        } else {
            span.in_scope(run)
        }
    });
    catch_unwind(run).map_err(Reply::panicked)
}
