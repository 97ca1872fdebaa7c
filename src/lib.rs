//! NATS microservices from an annotated `impl` block.
//!
//! Annotate the methods, and get a service that any NATS program can find, call and watch
//! (ADR-32: Go's `micro`, the `nats` command, and every other implementation), with JSON in and
//! out, a typed client, and a stop that loses no request.
//!
//! ```no_run
//! use micro::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! pub struct Operands {
//!     pub a: f64,
//!     pub b: f64,
//! }
//!
//! #[derive(Default)]
//! pub struct Numbers;
//!
//! /// Arithmetic on two numbers.
//! #[service(name = "numbers", version = "1.0.0")]
//! impl Numbers {
//!     /// Adds two numbers.
//!     #[endpoint(group = "numbers")]
//!     async fn add(&self, operands: Operands) -> f64 {
//!         operands.a + operands.b
//!     }
//! }
//!
//! #[micro::main]
//! async fn main() -> micro::Result<()> {
//!     App::from_args().service(Numbers).run().await
//! }
//! ```
//!
//! # Where to go
//!
//! - [`service`] and [`endpoint`]: what can be said of a service, and what the methods may look
//!   like;
//! - [`ServiceError`]: errors that arrive at the caller as the variant they were;
//! - [`Call`] and [`Caller`]: the other side; [`Call::gather`] for the replies of many,
//!   [`Call::first`] for the first good one, [`Parts`] for several calls under one deadline;
//! - [`Connection::publish`], [`Publisher`] and [`Subscription`]: events, at most once, as streams and
//!   channels;
//! - [`Discovery`]: which services are there, in this language and others;
//! - [`ServiceBuilder`]: services without macros, for endpoints that are known at run time only;
//! - [`subscribe`]: methods that hear of what happened elsewhere, and answer nothing;
//!   [`ServiceBuilder::subscriber`] without macros;
//! - [`App`]: the program around services: arguments, logging, signals;
//! - [`ConnectOptions`]: servers, credentials, TLS, contexts: every flag and its variable;
//! - [`Connection`]: bring a NATS client of your own;
//! - [`macro@test`] and [`DevServer`]: test a service over the wire, with nothing installed.
//!
//! # What a service promises
//!
//! - **It is there when it says so.** When a start returns, the server has confirmed every
//!   subscription; if one is refused, nothing runs.
//! - **Every request gets one answer**: the value, the service's error, or a code: 400 for a body
//!   that does not decode (with the path and the position of the fault), 413 for a reply that the
//!   server would not take, 500 for a panic, 503 over the limits, 504 after the endpoint's timeout.
//! - **Every event that reaches a subscriber is handled once, or counted as what became of it**: failed,
//!   or dropped, where it came on top of what may wait. NATS delivers at most once: it keeps no event for
//!   a service that is not there, and what is on its way when a connection breaks is in no counter. What
//!   comes to a function beside its one event is published again ([`ServiceBuilder::once`]).
//! - **A stop loses nothing.** Endpoints leave their subjects, what was under way is answered, what had
//!   been sent to subscribers is handled, and only then is the service gone. SIGINT and SIGTERM do the
//!   same.
//! - **It can be watched**: PING, INFO and STATS are answered from a task that no handler holds up.
//!   The log has a line for each turn in a service's life, with the targets `micro::service`,
//!   `micro::request`, `micro::event` and `micro::connection`, and a span for each request at debug;
//!   `docs/operations.md` in the repository shows what each situation prints.

pub use micro_core::{
    Abandoned, AddError, Answer, App, AppArgs, AppError, Bytes, Call, CallError, Caller,
    ConnectError, ConnectOptions, ConnectSetting, Connection, Context, DecodeError, DevServer,
    Discovery, DiscoveryError, DrainHandle, Ended, Endpoint, EndpointDef, EndpointInfo,
    EndpointOptions, EndpointRequest, EndpointResponse, EndpointStats, Error, Event, EventError,
    EventHandler, EventKey, EventOrder, EventPayload, EventResult, Events, Fault, FaultField,
    FaultMessage, First, FlushError, Found, FromHeader, FromRequest, FromSubject, Gather,
    GatherError, GatherFailure, GatherStream, Gathered, Group, Handler, HandlerFuture, HeaderError,
    Headers, Incident, Info, IntoPart, IntoReply, JoinParts, Json, Metadata, Missing, OrderDef,
    Outgoing, Part, Parts, Ping, Problem, Publish, PublishError, Publisher, PublisherError,
    QueueGroup, RawPayload, Registry, RegistryError, RemoteError, Reply, ReplyError, Request,
    Result, RunningApp, RunningEndpoint, RunningService, RunningSubscriber, Seen, ServerRequest,
    ServerResponse, Service, ServiceBuilder, ServiceDef, ServiceError, Shareable, Shown,
    StartError, Stats, StopReport, Subscribe, SubscribeError, Subscriber, SubscriberDef,
    SubscriberInfo, SubscriberOptions, SubscriberStats, Subscription, Unreadable, Values,
    async_nats, run_all,
};
#[doc = include_str!("docs/service_error.md")]
pub use micro_macros::ServiceError;
#[doc = include_str!("docs/endpoint.md")]
pub use micro_macros::endpoint;
#[doc = include_str!("docs/main.md")]
pub use micro_macros::main;
#[doc = include_str!("docs/service.md")]
pub use micro_macros::service;
#[doc = include_str!("docs/subscribe.md")]
pub use micro_macros::subscribe;
#[doc = include_str!("docs/test.md")]
pub use micro_macros::test;

#[doc(hidden)]
pub use micro_core::__private0;

/// What most services use: `use micro::prelude::*;`.
pub mod prelude {
    pub use crate::{
        App, Bytes, CallError, Caller, Connection, Context, FromRequest, Publisher, Service,
        ServiceBuilder, ServiceError, Subscription, endpoint, service, subscribe,
    };
}
