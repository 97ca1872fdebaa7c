//! What master and workers say to each other.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The answer to a worker that asks for work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToDo {
    /// Something to do.
    Task(Assignment),
    /// Nothing, for now: what is in progress may come back when a lease runs out.
    Empty {
        /// How many tasks others have.
        in_progress: usize,
    },
}

/// A task, and for how long it is whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    /// The number of the task.
    pub(crate) id: u32,
    /// The name of its file.
    pub(crate) uuid: Uuid,
    /// What shows that the task is still the worker's: a new one each time it is handed out.
    pub(crate) lease: Uuid,
    /// For how long it is, in milliseconds.
    pub(crate) lease_ms: u64,
}

/// A task that is done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// The number of the task.
    pub(crate) id: u32,
    /// The lease that came with it.
    pub(crate) lease: Uuid,
    /// The name of the result's file.
    pub(crate) result: Uuid,
}

/// Why a task does not count as finished.
#[derive(Debug, PartialEq, Eq, thiserror::Error, micro::ServiceError)]
pub(crate) enum FinishError {
    /// No such task.
    #[error("there is no task {id}")]
    #[service_error(code = 404)]
    NoTask {
        /// The number that was named.
        id: u32,
    },
    /// It took too long, and the task is somebody else's to do.
    #[error("the lease of task {id} has run out: this result does not count")]
    #[service_error(code = 409)]
    LeaseLost {
        /// The number of the task.
        id: u32,
    },
    /// The master could not write it down, and does not know it once it is started again.
    #[error("cannot keep it: {reason}")]
    #[service_error(code = 503, internal)]
    NotKept {
        /// Why.
        reason: String,
    },
}

/// How far the tasks are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// How many wait.
    pub(crate) to_do: usize,
    /// How many a worker has.
    pub(crate) in_progress: usize,
    /// How many are done.
    pub(crate) finished: usize,
    /// Each of them.
    pub(crate) tasks: Vec<Task>,
}

/// One task, as it is now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Its number.
    pub(crate) id: u32,
    /// The name of its file.
    pub(crate) uuid: Uuid,
    /// 0 to do, 1 in progress, 2 finished.
    pub(crate) state: u8,
    /// The name of the result's file.
    pub(crate) finished_uuid: Option<Uuid>,
    /// How often it was handed out: more than once, and somebody has failed at it.
    pub(crate) handed_out: u32,
    /// Whether its file is with the file server. It is handed out from then on.
    pub(crate) uploaded: bool,
}

/// Where the files are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    /// Such as `http://127.0.0.1:3000`.
    pub(crate) address: String,
}
