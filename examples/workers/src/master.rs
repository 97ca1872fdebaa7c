//! The master: uploads the files of its tasks, and hands the tasks out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use micro::Error;
use micro::prelude::*;
use uuid::Uuid;

use crate::contract::{FinishError, Finished, Report, ToDo};
use crate::files::Files;
use crate::patience;
use crate::say::say;
use crate::state_file::{StateError, StateFile};
use crate::tasks::Tasks;
use crate::trouble::Trouble;

/// How many tasks there are.
const TASKS: usize = 20;

/// What is in each of their files.
const TEXT: &str = "get,my,data,my,get,get,have";

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Master(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Held for a look or a change, and for the time that it takes to write that down: by threads
    /// that may block, and never across a wait.
    tasks: Mutex<Tasks>,
    state: Option<StateFile>,
    /// Passed once all are finished, which is said once.
    end: Once,
}

/// Hands out tasks, each to one worker at a time.
#[service(name = "work", group = "Work", client(vis = pub(crate)))]
impl Master {
    /// How far the tasks are.
    #[endpoint(name = "Report", blocking)]
    fn report(&self) -> Report {
        self.tasks().report(Instant::now())
    }

    /// The next task, or that there is none for now.
    #[endpoint(name = "TaskToDo", blocking)]
    fn task_to_do(&self) -> Result<ToDo, Error> {
        let mut tasks = self.tasks();
        let next = tasks.next(Instant::now());
        match next {
            ToDo::Task(_) => self.keep(&tasks)?,
            ToDo::Empty { .. } if tasks.are_finished() => {
                // Whoever has finished the last one has said so by now, and asks for more.
                self.0
                    .end
                    .call_once(|| say(format_args!("all {TASKS} tasks are finished")));
            }
            ToDo::Empty { .. } => {}
        }
        Ok(next)
    }

    /// Takes the result of a task.
    #[endpoint(name = "TaskFinished", blocking)]
    fn task_finished(&self, finished: Finished) -> Result<(), FinishError> {
        let mut tasks = self.tasks();
        tasks.finish(&finished, Instant::now())?;
        let kept = self.keep(&tasks);
        kept.map_err(|error| FinishError::NotKept {
            reason: error.to_string(),
        })
    }
}

impl Master {
    /// New tasks, or those that the file has. `lease` is how long a worker has a task for itself.
    pub(crate) fn new(lease: Duration, state: Option<PathBuf>) -> Result<Self, StateError> {
        let state = state.map(StateFile::new);
        let kept = state.as_ref().map(StateFile::read).transpose()?.flatten();
        let tasks = match kept {
            Some(kept) => Tasks::of_kept(kept, lease, Instant::now()),
            None => Tasks::new(TASKS, lease),
        };
        let tasks = Mutex::new(tasks);
        let end = Once::new();
        Ok(Self(Arc::new(Inner { tasks, state, end })))
    }

    /// Gives the file server the files that it has not got, however long it takes to find one.
    pub(crate) async fn upload(self, files: Files) {
        let trouble = Trouble::new("no file server takes the tasks' files");
        for uuid in self.to_upload() {
            let mut pauses = patience::for_others();
            while let Err(error) = files.put(uuid, TEXT.to_owned()).await {
                trouble.is(error);
                patience::pause(&mut pauses).await;
            }
            trouble.is_over();
            let master = self.clone();
            let noting = tokio::task::spawn_blocking(move || master.note_upload(uuid));
            // What cannot be kept is uploaded once more by the next master, which harms nobody.
            if let Err(error) = noting.await.map_err(Into::into).flatten() {
                tracing::warn!(%error, "cannot keep the state of the tasks");
            }
        }
    }

    fn to_upload(&self) -> Vec<Uuid> {
        self.tasks().to_upload()
    }

    fn note_upload(&self, uuid: Uuid) -> std::io::Result<()> {
        let mut tasks = self.tasks();
        tasks.is_uploaded(uuid);
        self.keep(&tasks)
    }

    /// Under the lock, so that what is written last is what is so.
    fn keep(&self, tasks: &Tasks) -> std::io::Result<()> {
        let state = self.0.state.as_ref();
        state.map_or(Ok(()), |state| state.write(&tasks.to_keep()))
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
