//! The caller's side: a typed call and what can come of it.
//!
//! - [`Caller`]: a connection with what all calls over it share; a generated client holds one;
//! - [`Call`]: one call, a builder until it is awaited;
//! - [`CallError`]: why there is no value.

mod call;
mod caller;
mod error;
mod outgoing;

pub(crate) use call::INSTANCE_HEADER;
pub use call::{Answer, Call};
pub use caller::Caller;
pub use error::{CallError, RemoteError};
pub use outgoing::Outgoing;
