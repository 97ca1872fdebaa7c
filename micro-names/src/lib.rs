//! Names, subjects, queue groups, versions and durations of a NATS service: one grammar for
//! compile time and run time.
//!
//! The macros check literals with these functions while a program is compiled, the runtime
//! checks values known only later with the same ones, so the two can never disagree. Every
//! check answers with a [`Problem`]: what is wrong, what to write instead, and why.
//!
//! One idea a file: [`problem`](Problem), `names`, `version`, `queue_group`, `header`,
//! `metadata`, `duration`, `length`, `token` (one piece of a subject) and `subject` (the whole
//! pattern); [`shown`](Shown) is for what others wrote.

mod duration;
mod header;
mod length;
mod metadata;
mod names;
mod problem;
mod queue_group;
mod shown;
mod subject;
mod token;
mod version;

pub use crate::duration::{check_duration, parse_duration};
pub use crate::header::{check_header_name, is_reply_only_header};
pub use crate::length::CONTROL_LINE_MAX_BYTES;
pub use crate::metadata::{SUBSCRIBERS_KEY, check_metadata_key, is_reserved_metadata_key};
pub use crate::names::check_name;
pub use crate::problem::Problem;
pub use crate::queue_group::check_queue_group;
pub use crate::shown::Shown;
pub use crate::subject::{Subject, Wildcards, check_group, join};
pub use crate::token::check_token;
pub use crate::version::check_version;
