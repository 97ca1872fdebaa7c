//! The caller's side: a typed call and what can come of it.
//!
//! - [`Caller`]: a connection with what all calls over it share; a generated client holds one;
//! - [`Call`]: one call, a builder until it is awaited;
//! - [`Gather`]: one request and every reply to it, together, as a [`GatherStream`], or the [`First`]
//!   good one;
//! - [`Parts`]: several calls under one `deadline`, each of which may be missing;
//! - [`CallError`]: why there is no value;
//! - `collection`: replies as they come, and when to stop waiting for more; `ahead`: read by a task.

mod ahead;
mod call;
mod caller;
mod collection;
mod deadline;
mod error;
mod first;
mod gather;
mod gather_stream;
mod outgoing;
mod parts;
mod reading;

pub(crate) use call::INSTANCE_HEADER;
pub use call::{Answer, Call};
pub use caller::Caller;
pub use collection::Ended;
pub(crate) use collection::{Collected, Content, Question, Window};
pub use error::{CallError, RemoteError};
pub use first::First;
pub use gather::{Gather, GatherFailure, Gathered};
pub use gather_stream::{GatherError, GatherStream};
pub use outgoing::Outgoing;
pub use parts::{IntoPart, JoinParts, Missing, Part, Parts};
pub use reading::ExpectedElse;
#[cfg(fuzzing)]
pub(crate) use reading::read_reply;
