//! The runtime of [micro](https://docs.rs/micro-rs): NATS services, discovery, typed calls and the
//! program around them.
//!
//! Users depend on `micro-rs` (library name `micro`), which re-exports this crate and the macros.
//! The layers, from the outside in; a module uses only those below it:
//!
//! | module | holds |
//! |---|---|
//! | `app` | a program: arguments, where NATS is, banner, signals, exit code |
//! | `service` | a running service: builder, groups, start, stop |
//! | `discovery` | PING, INFO, STATS |
//! | `endpoint` | one subscription: limits, dispatch, counters, reply |
//! | `handler` | from a request to a reply, typed or raw |
//! | `client` | the caller's side |
//! | `pubsub` | events: publishers, and subscriptions as streams |
//! | `context`, `error`, `codec` | what a handler may ask; what a failure is; bytes and values |
//! | `log` | the words of the log |
//! | `task` | futures whose type is forgotten |
//! | `wire` | the only module that touches async-nats |

mod app;
mod client;
mod codec;
mod context;
mod discovery;
mod endpoint;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod log;
mod pubsub;
mod service;
mod task;
#[cfg(test)]
mod vectors;
mod wire;

pub use app::{App, AppArgs, AppError, Construct, Registry, RegistryError, RunningApp, run_all};
pub use async_nats;
pub use bytes::Bytes;
pub use client::{
    Answer, Call, CallError, Caller, Ended, First, Gather, GatherError, GatherFailure,
    GatherStream, Gathered, IntoPart, JoinParts, Missing, Outgoing, Part, Parts, RemoteError,
};
pub use codec::DecodeError;
pub use context::{Context, Metadata};
pub use discovery::{Discovery, DiscoveryError, Found, Info, Ping, Seen, Stats, Unreadable};
pub use endpoint::{
    EndpointInfo, EndpointStats, EventKey, EventOrder, SubscriberInfo, SubscriberStats,
};
pub use error::{Error, Fault, FaultField, FaultMessage, Incident, Result, ServiceError};
pub use handler::{
    EndpointRequest, EndpointResponse, EventHandler, EventPayload, EventResult, FromHeader,
    FromRequest, FromSubject, Handler, HandlerFuture, IntoReply, Json, RawPayload, Reply,
    ReplyError, Request, ServerRequest, ServerResponse, Shareable,
};
pub use micro_devserver::DevServer;
pub use micro_names::{Problem, Shown};
pub use pubsub::{
    DrainHandle, Event, EventError, Publish, Publisher, PublisherError, Subscribe, SubscribeError,
    Subscription, Values,
};
pub use service::{
    Abandoned, AddError, Endpoint, EndpointDef, EndpointOptions, Group, OrderDef, QueueGroup,
    RunningEndpoint, RunningService, RunningSubscriber, Service, ServiceBuilder, ServiceDef,
    StartError, StopReport, Subscriber, SubscriberDef, SubscriberOptions,
};
pub use wire::{
    ConnectError, ConnectOptions, ConnectSetting, Connection, Events, FlushError, HeaderError,
    Headers, PublishError,
};

/// What generated code names. Not part of the public API: the name changes with each release, so
/// that macros and runtime of different releases do not compile together.
#[doc(hidden)]
pub mod __private0 {
    pub use inventory;

    pub use crate::app::{Registered, block_on, block_on_main, build_default, build_with};
    pub use crate::client::{ExpectedElse, Outgoing};
    pub use crate::error::{FaultField, FaultMessage};
    pub use crate::handler::{
        CanBeShared, Header, HeaderParam, Probe, ProbeElse, ResultParts, Returned, ReturnedValue,
        Room, Shared, Typed, any_payload, failure, no_alias, no_payload,
    };
    pub use crate::service::{
        Endpoint, EndpointAt, EndpointDef, OrderDef, QueueGroup, Service, ServiceDef, Subscriber,
        SubscriberAt, SubscriberDef,
    };
}
