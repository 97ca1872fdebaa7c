//! What an endpoint calls: from a request to a reply.
//!
//! - [`Request`] and [`Reply`]: what goes in and what comes out;
//! - [`Handler`]: anything that turns one into the other, an `async` closure above all;
//! - `room`: where a handler's future is kept while it is waited for;
//! - [`EventHandler`]: one whose answer nobody waits for;
//! - `early`: replies beside the one that a handler returns;
//! - `typed`: the traits by which an annotated method's parameters and its value are read and
//!   written, with the words that a person reads when a type does not fit.

mod early;
mod event;
mod example;
mod reply;
mod request;
mod room;
mod shareable;
mod typed;

use std::future::Future;
use std::pin::Pin;

pub use early::ReplyError;
pub use event::{EventHandler, EventResult};
pub use example::{any_payload, no_payload};
pub(crate) use reply::Outcome;
pub use reply::{IntoReply, Json, Reply};
pub use request::Request;
pub use room::Room;
pub use shareable::Shareable;
pub use typed::{
    CanBeShared, EndpointRequest, EndpointResponse, EventPayload, FromHeader, FromRequest,
    FromSubject, Header, HeaderParam, Probe, ProbeElse, RawPayload, ResultParts, Returned,
    ReturnedValue, ServerRequest, ServerResponse, Shared, Typed, failure, no_alias,
};

/// The future of a reply.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Reply> + Send + 'static>>;

/// What answers the requests of an endpoint.
///
/// Implemented for functions and closures from a [`Request`] to a future of anything that is
/// [`IntoReply`]:
///
/// ```
/// # use micro_core as micro;
/// use micro::{Error, Handler, Json, Request};
///
/// fn is_handler(_: impl Handler) {}
///
/// is_handler(|request: Request| async move { request.payload().clone() });
/// is_handler(async |request: Request| {
///     let numbers: Vec<f64> = request.json()?;
///     Ok::<_, Error>(Json(numbers.iter().sum::<f64>()))
/// });
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn call(&self, request: Request) -> HandlerFuture;

    /// Answers one request, with the future in memory that is there already.
    #[doc(hidden)]
    fn call_in(&self, request: Request, room: &mut Room) {
        let answer = self.call(request);
        #[allow(
            clippy::redundant_async_block,
            reason = "it is dropped when it is done, and not when the next takes its place"
        )]
        room.put(async move { answer.await });
    }
}

impl<F, Fut> Handler for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoReply,
{
    fn call(&self, request: Request) -> HandlerFuture {
        let answer = self(request);
        Box::pin(async move { answer.await.into_reply() })
    }

    fn call_in(&self, request: Request, room: &mut Room) {
        let answer = self(request);
        room.put(async move { answer.await.into_reply() });
    }
}
