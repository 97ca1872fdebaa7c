//! Handlers of events: those that answer nothing.

use std::future::Future;

use super::{Handler, IntoReply, Reply, Request};
use crate::error::ServiceError;

/// What handles the events of a subscriber: a [`Handler`] that answers nothing.
///
/// Implemented for functions and closures from a [`Request`] to a future of `()` or `Result<(), E>`.
/// An error goes to the log and to the service's error handler, and counts as one of the subscriber.
///
/// ```
/// # use micro_core as micro;
/// use micro::{Error, EventHandler, Request};
///
/// fn is_event_handler(_: impl EventHandler) {}
///
/// is_event_handler(async |event: Request| println!("{}", event.context().subject()));
/// is_event_handler(async |event: Request| {
///     let [width, height]: [u32; 2] = event.json()?;
///     println!("{width} x {height}");
///     Ok::<_, Error>(())
/// });
/// ```
pub trait EventHandler: Handler {}

impl<F, Fut> EventHandler for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: EventResult,
{
}

/// What a handler of events may return: `()` or `Result<(), E>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a handler of events",
    label = "nobody waits for it",
    note = "an event has no answer: return `()` or `Result<(), E>`, where `E` is an error such as `micro::Error`"
)]
pub trait EventResult: IntoReply {
    /// What became of the event.
    #[doc(hidden)]
    fn handled(self) -> Reply
    where
        Self: Sized,
    {
        self.into_reply()
    }
}

impl EventResult for () {}

impl<E: ServiceError> EventResult for Result<(), E> {}
