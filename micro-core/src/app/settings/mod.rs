//! What a person says of the connection and the log, from the places where it can be said.
//!
//! - `spellings`: every flag and its environment variable, those of other programs included;
//! - `environment`: the variables;
//! - `layer`: what one place says;
//! - `context_file`: the contexts of the `nats` command;
//! - `backends`: the registries, brokers and transports of Go Micro, all of which NATS is here;
//! - `resolve`: which place goes before which;
//! - `hints`: what a person is told of it.

mod backends;
mod context_file;
mod environment;
mod hints;
mod layer;
mod resolve;
mod spellings;
#[cfg(test)]
mod table;

pub(super) use environment::Environment;
pub(super) use hints::Repeated;
pub(super) use resolve::{Settings, log_level, resolve};
pub(super) use spellings::{Flags, add_to, read_from};
