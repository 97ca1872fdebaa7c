//! The connection to NATS, and the only module that touches `async-nats`.
//!
//! Everything above speaks of a [`Connection`], [`Headers`] and [`Subscription`]s; what async-nats
//! does to the unwary (a drain that loses requests, header values that panic, errors that only a
//! callback sees, a flush that is no barrier) is dealt with here, once:
//!
//! - `connect`: from options to a connection, or to an error that says what is wrong;
//! - `options`: what can be said of a connection: `urls`, `auth`, `tls`, the `secret`s in them and
//!   each `setting_path`;
//! - `shard`: a thread for a connection, `home`: what goes on elsewhere then;
//! - `link`: the client underneath, `keeper`: what keeps there being one, by `moving` to another
//!   server before this one goes, and by `renewal` of a client that has failed;
//! - `look`: whether a server is there, and what it says first;
//! - `connect_error`: why there is no connection;
//! - `connection`: ask for subjects, send, close; `outbound`: what is sent; `outbox`: send at once;
//! - `error`: what can come of that;
//! - `barrier`: a round trip, the only proof that the server has read what was sent before;
//! - `confirm`: the same of what was asked for, with what it has refused;
//! - `subscription` and `reader`: reading requests; `aside`: reading the rest;
//! - `leave`: ending that without losing one;
//! - `requests`: requests and the reply to each;
//! - `replies`: the replies to one request that several may answer;
//! - `memory`: what a message takes of it;
//! - `events`: what the server says that belongs to no message;
//! - `headers`: names and values that can be written safely.

mod aside;
mod auth;
mod barrier;
mod confirm;
mod connect;
mod connect_error;
mod connection;
mod error;
mod events;
mod headers;
mod home;
mod keeper;
mod leave;
mod link;
mod look;
mod memory;
mod moving;
mod options;
mod outbound;
mod outbox;
mod reader;
mod renewal;
mod replies;
mod reply_subject;
mod requests;
mod secret;
mod setting_path;
mod shard;
mod subscription;
mod tls;
mod urls;

pub(crate) use aside::read_aside;
pub(crate) use async_nats::{Client as NatsClient, Message, Subject};
pub(crate) use auth::{Auth, Source};
pub(crate) use barrier::is_own_question;
pub(crate) use connect::{check, connect};
pub use connect_error::{ConnectError, ConnectSetting};
pub use connection::Connection;
pub(crate) use connection::Lane;
pub(crate) use error::{AskError, RequestError};
pub use error::{FlushError, PublishError};
pub use events::Events;
pub(crate) use events::{Event, Listener, Refused};
pub(crate) use headers::HeaderName;
pub use headers::{HeaderError, Headers};
pub(crate) use home::Home;
pub(crate) use leave::{LEAVE_WITHIN, leave};
pub(crate) use look::look;
pub(crate) use memory::{HEADER_BYTES, MESSAGE_BYTES, apart, weight};
pub use options::ConnectOptions;
pub(crate) use options::DEFAULT_URL;
pub(crate) use outbound::Outbound;
pub(crate) use outbox::{Outbox, Sent};
pub(crate) use reader::{Reader, Receive};
pub(crate) use replies::{Replies, says_no_responders};
pub(crate) use secret::Secret;
pub(crate) use setting_path::{SettingPath, is_content};
pub(crate) use subscription::Subscription;
pub(crate) use urls::ServerUrls;
