//! A small core-NATS server on loopback, for development and tests.
//!
//! [`DevServer`] speaks the NATS client protocol well enough that the usual clients work with it
//! unchanged. It runs as tasks on the current tokio runtime and needs no program to be installed,
//! so that every test can have its own:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = micro_devserver::DevServer::start().await?;
//! let nats = async_nats::connect(server.url()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does
//!
//! Subjects and wildcards, queue groups, headers, requests and replies, the no-responders answer
//! with its `Nats-Subject` header, `UNSUB` with and without a limit, echo, verbose and pedantic,
//! the limits on payload and control line, PING both ways, and cutting off clients that do not
//! read. Its model is nats-server 2.15, down to the bytes of its answers; the same scripts of bytes
//! are replayed on both in the tests.
//!
//! # What it does not
//!
//! It is no server for production, and it listens on 127.0.0.1 only. It has
//!
//! - no JetStream, so no streams, key-value or object stores: requests to `$JS.API.` get no
//!   responders;
//! - no clusters, gateways or leaf nodes, no WebSocket and no MQTT;
//! - no TLS, no authentication, accounts or permissions: credentials in CONNECT are ignored, and
//!   everybody may do everything;
//! - no system account and no monitoring: requests to `$SYS.` get no responders, and nothing
//!   listens on HTTP;
//! - no subject mapping and no message tracing.
//!
//! # Where it differs
//!
//! What is here is meant to behave as nats-server does. Known differences:
//!
//! - nats-server measures the round trip with a PING some two seconds after CONNECT; here the first
//!   PING comes after a whole interval.
//! - The write deadline here is the time in which the socket takes nothing at all; there it is the
//!   time for a whole write. A publisher that crowds others is slowed by 5 ms for each read of its
//!   socket; there by 2 to 5 ms for each delivery, up to 10 ms a read.
//! - Of `SUB` to a subject with queue group `_sys_`, and of publications to subjects and replies
//!   that nats-server reserves for itself (`$GNR.`, `_GR_.`, `_R_.`), nothing is refused.
//! - Numbers are sent on as numbers: a payload announced as `005` bytes is delivered as `5`.
//! - A carriage return inside a control line is a byte like others, and an empty line of arguments
//!   is refused at its end; nats-server's parser loses a byte or reads on in these cases.
//! - INFO has no `git_commit`, `xkey`, `api_lvl` and `remote_account`. In CONNECT, field names are
//!   read as they are written, where nats-server ignores case; a field that comes twice is refused,
//!   and one that nobody needs here may have any type.
//! - A pedantic client is told about a subject once, not once for each packet of the publication.

mod connection;
mod info;
mod limits;
mod outbound;
mod protocol;
mod router;
mod server;
mod stats;
mod subjects;
mod sublist;

pub use info::SERVER_NAME;
pub use server::{Builder, DevServer, StartError};
pub use stats::Stats;
