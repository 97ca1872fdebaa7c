//! The worker: loops that each pull a task, count the words of its file, put the result, and say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use micro::prelude::*;
use micro::{Connection, Shown};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::WorkerArgs;
use crate::contract::{Assignment, FinishError, Finished, ToDo};
use crate::files::{FileError, Files};
use crate::master::MasterClient;
use crate::patience;
use crate::say::say;
use crate::trouble::Trouble;
use crate::words::Counts;

/// What the loops of a worker have come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    finished: AtomicU64,
    given_up: AtomicU64,
}

/// The numbers of a worker since its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Tasks that it has finished.
    finished: u64,
    /// Tasks that it could not finish while they were its own.
    given_up: u64,
}

/// Works on tasks, and tells how many.
#[service(name = "worker", group = "Work", client = false)]
impl Tally {
    /// What this worker has done; every worker answers.
    #[endpoint(name = "Workers", queue_group = false)]
    async fn workers(&self) -> Done {
        Done {
            finished: self.0.finished.load(Ordering::Relaxed),
            given_up: self.0.given_up.load(Ordering::Relaxed),
        }
    }
}

/// What the loops of a worker share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    master: MasterClient,
    files: Files,
    tally: Tally,
    /// How long a task takes at least.
    takes: Duration,
    no_tasks: Arc<Trouble>,
    no_files: Arc<Trouble>,
    no_thanks: Arc<Trouble>,
}

/// Why a task was not finished by whoever had it.
#[derive(Debug, thiserror::Error)]
enum GivenUp {
    #[error("it was not done while it was ours")]
    Late,
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Refused(FinishError),
}

impl Worker {
    pub(crate) fn new(nats: &Connection, tally: Tally, args: &WorkerArgs) -> Self {
        Self {
            master: MasterClient::with(Caller::new(nats).timeout(args.within)),
            files: Files::over(nats),
            tally,
            takes: args.takes,
            no_tasks: Arc::new(Trouble::new("no master answers")),
            no_files: Arc::new(Trouble::new("files do not come or do not go")),
            no_thanks: Arc::new(Trouble::new("results are not taken")),
        }
    }

    /// One of the loops, until it is to stop. A task that it has by then is finished first.
    pub(crate) async fn work(self, stop: CancellationToken) {
        let mut idle = patience::for_work();
        let mut trouble = patience::for_others();
        while !stop.is_cancelled() {
            match self.master.task_to_do().await {
                Ok(ToDo::Task(task)) => {
                    self.no_tasks.is_over();
                    (idle, trouble) = (patience::for_work(), patience::for_others());
                    self.work_on(&task).await;
                }
                Ok(ToDo::Empty { .. }) => {
                    self.no_tasks.is_over();
                    trouble = patience::for_others();
                    stop.run_until_cancelled(patience::pause(&mut idle)).await;
                }
                Err(error) => {
                    self.no_tasks.is(error);
                    stop.run_until_cancelled(patience::pause(&mut trouble))
                        .await;
                }
            }
        }
    }

    async fn work_on(&self, task: &Assignment) {
        let started = Instant::now();
        // Past the lease it is somebody else's, and whatever comes of it does not count.
        let lease = Duration::from_millis(task.lease_ms);
        let finished = tokio::time::timeout(lease, self.finish(task)).await;
        let id = task.id;
        match finished.unwrap_or(Err(GivenUp::Late)) {
            Ok(counts) => {
                self.tally.0.finished.fetch_add(1, Ordering::Relaxed);
                let (counts, took) = (counts.to_string(), started.elapsed().as_millis());
                say(format_args!("task {id:2}  {}  ({took} ms)", Shown(&counts)));
            }
            Err(reason) => {
                self.tally.0.given_up.fetch_add(1, Ordering::Relaxed);
                say(format_args!("task {id:2}  given up: {reason}"));
            }
        }
    }

    async fn finish(&self, task: &Assignment) -> Result<Counts, GivenUp> {
        let (counts, ()) = tokio::join!(self.count(task.uuid), tokio::time::sleep(self.takes));
        let counts = counts?;
        let result = Uuid::new_v4();
        let mut pauses = patience::for_others();
        while let Err(error) = self.files.put(result, counts.to_lines()).await {
            self.no_files.is(error);
            patience::pause(&mut pauses).await;
        }
        self.no_files.is_over();
        let finished = Finished {
            id: task.id,
            lease: task.lease,
            result,
        };
        self.tell(&finished).await?;
        Ok(counts)
    }

    async fn count(&self, file: Uuid) -> Result<Counts, FileError> {
        let mut pauses = patience::for_others();
        loop {
            match self.files.count(file).await {
                Ok(counts) => {
                    self.no_files.is_over();
                    return Ok(counts);
                }
                Err(error) if error.is_passing() => self.no_files.is(error),
                Err(error) => return Err(error),
            }
            patience::pause(&mut pauses).await;
        }
    }

    /// Tells the master until it answers: once more is as good as once.
    async fn tell(&self, finished: &Finished) -> Result<(), GivenUp> {
        let mut pauses = patience::for_others();
        loop {
            match self.master.task_finished(finished).await {
                Ok(()) => {
                    self.no_thanks.is_over();
                    return Ok(());
                }
                Err(CallError::Service(
                    error @ (FinishError::NoTask { .. } | FinishError::LeaseLost { .. }),
                )) => return Err(GivenUp::Refused(error)),
                Err(error) => self.no_thanks.is(error),
            }
            patience::pause(&mut pauses).await;
        }
    }
}
