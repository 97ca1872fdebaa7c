//! What a failure is, on both sides of the wire.
//!
//! - [`Fault`]: a failure as it travels, a code, a text and, if there is one, a body;
//! - [`ServiceError`]: a type of yours that becomes a fault and comes back from one;
//! - [`Error`]: the failure for everything without a type of its own;
//! - [`Incident`]: what goes wrong beside any one request.

mod fault;
mod general;
mod harmless;
mod incident;
mod panic;
mod service_error;

pub use fault::{Fault, FaultField, FaultMessage};
pub(crate) use fault::{one_line, refuse_reserved};
pub use general::{Error, Result};
pub(crate) use harmless::harmless;
pub use incident::Incident;
pub(crate) use incident::{Heard, Incidents};
pub(crate) use panic::{panic_text, remember_places};
pub use service_error::ServiceError;
