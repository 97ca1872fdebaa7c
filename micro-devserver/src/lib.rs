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
//! - no subject mapping and no message tracing;
//! - no limit on the number of connections, which is 65,536 there, and no reload of a configuration.
//!
//! # Those who do not read
//!
//! Of what is sent to one client, 64 MiB may wait ([`Builder::max_pending`]), in this process and
//! not counting what its socket holds. Above three quarters of that, those who publish to it are
//! slowed; the message that does not fit ends it, without a word, and so does a socket that takes
//! nothing for 10 seconds ([`Builder::write_deadline`]). The others get everything. The buffers
//! grow by doubling and there are two, so that one such client can take four times that bound of
//! address space, and twice of memory. [`DevServer::stats`] tells what waits, and how many were cut
//! off.
//!
//! # Where it differs
//!
//! What is here is meant to behave as nats-server does. Known differences in what is said, each
//! shown by a test that plays both servers:
//!
//! - INFO has no `git_commit`, `xkey`, `api_lvl` and `remote_account`, which say nothing here.
//! - nats-server measures the round trip with a PING some two seconds after CONNECT. Nobody would
//!   look at it here, and the first PING comes after a whole interval.
//! - What nats-server keeps for routes, gateways and JetStream is free here, for there are none: the
//!   queue group `_sys_`, subjects that begin with `_GR_.` or `$NRG.`, and replies that begin with
//!   `_R_.`, `_GR_.` or `$JS.ACK.`.
//! - `HMSG` is refused; nats-server takes that word of servers from a client too.
//! - Where arguments must come, a line feed after blanks ends the line, which is refused.
//!   nats-server's parser takes it for the first byte of an argument and reads on.
//! - A carriage return inside a control line is a byte like others. nats-server's parser takes it
//!   for the end, and loses the byte before the real one.
//! - What follows `-ERR` is not read; nats-server carries out what came in the same packet.
//! - A pedantic client is told about a subject once. nats-server judges a publication again whose
//!   payload is not in the packet of its line.
//! - Of INFO from a client it matters that it is a JSON object, and of `import` and `export` in
//!   CONNECT that they are; nats-server looks at the types inside.
//! - Of a client's several subscriptions that a message reaches, the same is first each time, and
//!   gets the no-responders answer; nats-server leaves that to chance.
//!
//! And in time, which no test measures:
//!
//! - The write deadline here is the time in which the socket takes nothing at all; there it is the
//!   time for a whole write. A publisher that crowds others is slowed by 5 ms for each read of its
//!   socket; there by 2 to 5 ms for each delivery, up to 10 ms a read.
//! - After an `-ERR` that ends a connection, what the client still sends is read and dropped for a
//!   second, so that it can read why. nats-server closes at once.

mod connection;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
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
