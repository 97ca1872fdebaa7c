//! A program around services: from its arguments to its exit code.
//!
//! - `args`: what stands on the command line;
//! - `settings`: what flags, variables, contexts and the program say of the connection;
//! - `nats`: where NATS is, the dev server included;
//! - `program`: how it was started, as a person would type it;
//! - `banner`: what a person sees at the start;
//! - `call`: the `call` subcommand;
//! - `signals`: what ends the program;
//! - `registry`: services that registered themselves;
//! - `run`: all of it in its order;
//! - `runtime`: what `#[micro::main]` runs it on.

mod args;
mod banner;
mod call;
mod error;
mod nats;
mod program;
mod registry;
mod run;
mod runtime;
mod settings;
mod signals;

pub use args::AppArgs;
#[cfg(test)]
pub(crate) use args::duration;
pub use error::AppError;
pub use registry::{Construct, Registered, Registry, RegistryError, build_default, build_with};
pub use run::{App, RunningApp, run_all};
pub use runtime::{block_on, block_on_main};
