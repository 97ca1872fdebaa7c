//! The tasks, and who has them.
//!
//! Nothing here waits, and no timer runs: whoever looks at the tasks first takes back those whose
//! lease has run out. So there is no lock that a timer could forget to release.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::contract::{Assignment, FinishError, Finished, Report, Task, ToDo};

/// All tasks.
#[derive(Debug)]
pub(crate) struct Tasks {
    all: Vec<Entry>,
    lease: Duration,
}

#[derive(Debug)]
struct Entry {
    uuid: Uuid,
    uploaded: bool,
    handed_out: u32,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    ToDo,
    Held { lease: Uuid, until: Instant },
    Finished { lease: Uuid, result: Uuid },
}

/// A task, as it outlasts the master.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    uuid: Uuid,
    uploaded: bool,
    handed_out: u32,
    lease: Option<Uuid>,
    result: Option<Uuid>,
}

impl Tasks {
    /// New tasks, to be uploaded. `lease` is how long a worker has one for itself.
    pub(crate) fn new(count: usize, lease: Duration) -> Self {
        let task = || Entry {
            uuid: Uuid::new_v4(),
            uploaded: false,
            handed_out: 0,
            progress: Progress::ToDo,
        };
        Self {
            all: std::iter::repeat_with(task).take(count).collect(),
            lease,
        }
    }

    /// Those of a master before this one. The leases of tasks in progress begin anew: their workers
    /// know nothing of a master that was started again, and go on.
    pub(crate) fn of_kept(kept: Vec<Kept>, lease: Duration, now: Instant) -> Self {
        let task = |kept: Kept| Entry {
            uuid: kept.uuid,
            uploaded: kept.uploaded,
            handed_out: kept.handed_out,
            progress: match (kept.lease, kept.result) {
                (Some(lease), Some(result)) => Progress::Finished { lease, result },
                (Some(token), None) => Progress::Held {
                    lease: token,
                    until: now + lease,
                },
                (None, _) => Progress::ToDo,
            },
        };
        Self {
            all: kept.into_iter().map(task).collect(),
            lease,
        }
    }

    pub(crate) fn to_keep(&self) -> Vec<Kept> {
        let kept = |entry: &Entry| {
            let (lease, result) = match entry.progress {
                Progress::ToDo => (None, None),
                Progress::Held { lease, .. } => (Some(lease), None),
                Progress::Finished { lease, result } => (Some(lease), Some(result)),
            };
            Kept {
                uuid: entry.uuid,
                uploaded: entry.uploaded,
                handed_out: entry.handed_out,
                lease,
                result,
            }
        };
        self.all.iter().map(kept).collect()
    }

    /// The files that the file server has not got yet.
    pub(crate) fn to_upload(&self) -> Vec<Uuid> {
        let missing = self.all.iter().filter(|entry| !entry.uploaded);
        missing.map(|entry| entry.uuid).collect()
    }

    pub(crate) fn is_uploaded(&mut self, uuid: Uuid) {
        if let Some(entry) = self.all.iter_mut().find(|entry| entry.uuid == uuid) {
            entry.uploaded = true;
        }
    }

    /// Hands out the next task. One that was handed out before comes after those that were not: what
    /// cannot be done keeps nobody from the rest.
    pub(crate) fn next(&mut self, now: Instant) -> ToDo {
        self.take_back(now);
        let free = self.all.iter_mut().zip(1..).filter(|(entry, _)| {
            let is_free = entry.progress == Progress::ToDo;
            is_free && entry.uploaded
        });
        let Some((entry, id)) = free.min_by_key(|(entry, _)| entry.handed_out) else {
            return ToDo::Empty {
                in_progress: self.count(|progress| matches!(progress, Progress::Held { .. })),
            };
        };
        let lease = Uuid::new_v4();
        entry.handed_out = entry.handed_out.saturating_add(1);
        entry.progress = Progress::Held {
            lease,
            until: now + self.lease,
        };
        ToDo::Task(Assignment {
            id,
            uuid: entry.uuid,
            lease,
            lease_ms: u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Counts a task as finished, for whoever has it, and once: the same said twice is the same,
    /// since the answer to the first may have been lost.
    pub(crate) fn finish(&mut self, finished: &Finished, now: Instant) -> Result<(), FinishError> {
        self.take_back(now);
        let id = finished.id;
        let place = usize::try_from(id).ok().and_then(|id| id.checked_sub(1));
        let entry = place
            .and_then(|place| self.all.get_mut(place))
            .ok_or(FinishError::NoTask { id })?;
        let done = Progress::Finished {
            lease: finished.lease,
            result: finished.result,
        };
        match entry.progress {
            Progress::Held { lease, .. } if lease == finished.lease => entry.progress = done,
            progress if progress == done => {}
            _ => return Err(FinishError::LeaseLost { id }),
        }
        Ok(())
    }

    pub(crate) fn report(&mut self, now: Instant) -> Report {
        self.take_back(now);
        let task = |(entry, id): (&Entry, u32)| {
            let (state, finished_uuid) = match entry.progress {
                Progress::ToDo => (0, None),
                Progress::Held { .. } => (1, None),
                Progress::Finished { result, .. } => (2, Some(result)),
            };
            Task {
                id,
                uuid: entry.uuid,
                state,
                finished_uuid,
                handed_out: entry.handed_out,
                uploaded: entry.uploaded,
            }
        };
        let tasks: Vec<_> = self.all.iter().zip(1..).map(task).collect();
        let count = |state| tasks.iter().filter(|task| task.state == state).count();
        Report {
            to_do: count(0),
            in_progress: count(1),
            finished: count(2),
            tasks,
        }
    }

    /// Whether there is nothing left to wait for.
    pub(crate) fn are_finished(&self) -> bool {
        self.count(|progress| matches!(progress, Progress::Finished { .. })) == self.all.len()
    }

    fn count(&self, is: impl Fn(&Progress) -> bool) -> usize {
        self.all.iter().filter(|entry| is(&entry.progress)).count()
    }

    fn take_back(&mut self, now: Instant) {
        for entry in &mut self.all {
            if matches!(entry.progress, Progress::Held { until, .. } if until <= now) {
                entry.progress = Progress::ToDo;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_mins(2);

    fn tasks(count: usize) -> Tasks {
        let mut tasks = Tasks::new(count, LEASE);
        for uuid in tasks.to_upload() {
            tasks.is_uploaded(uuid);
        }
        tasks
    }

    fn next(tasks: &mut Tasks, now: Instant) -> Assignment {
        match tasks.next(now) {
            ToDo::Task(assignment) => assignment,
            ToDo::Empty { in_progress } => panic!("empty, {in_progress} in progress"),
        }
    }

    fn done(assignment: &Assignment) -> Finished {
        Finished {
            id: assignment.id,
            lease: assignment.lease,
            result: Uuid::new_v4(),
        }
    }

    #[test]
    fn a_task_is_handed_out_once_its_file_is_there_and_to_one() {
        let now = Instant::now();
        let mut tasks = Tasks::new(2, LEASE);
        let empty = |in_progress| ToDo::Empty { in_progress };
        assert_eq!(tasks.next(now), empty(0));
        let second = tasks.to_upload()[1];
        tasks.is_uploaded(second);
        assert_eq!(next(&mut tasks, now).uuid, second);
        assert_eq!(tasks.next(now), empty(1));
    }

    #[test]
    fn a_lease_that_runs_out_gives_the_task_to_another_and_the_late_result_does_not_count() {
        let start = Instant::now();
        let mut tasks = tasks(1);
        let late = start + LEASE;
        let nearly = start + LEASE.mul_f64(0.999);
        let first = next(&mut tasks, start);
        assert_eq!(tasks.next(nearly), ToDo::Empty { in_progress: 1 });
        // Taken back, and nobody else has it yet.
        let lost = Err(FinishError::LeaseLost { id: 1 });
        assert_eq!(tasks.finish(&done(&first), late), lost);
        let second = next(&mut tasks, late);
        assert_eq!((second.id, second.uuid), (first.id, first.uuid));
        assert_eq!(tasks.finish(&done(&first), late), lost);
        let result = done(&second);
        assert_eq!(tasks.finish(&result, late), Ok(()));
        // Its answer was lost, and it is said again.
        assert_eq!(tasks.finish(&result, late), Ok(()));
        assert_eq!(tasks.finish(&done(&first), late), lost);
        let report = tasks.report(late);
        assert_eq!(report.tasks[0].finished_uuid, Some(result.result));
        assert_eq!((report.finished, report.tasks[0].handed_out), (1, 2));
        assert!(tasks.are_finished());
    }

    #[test]
    fn what_nobody_can_do_comes_after_the_rest() {
        let start = Instant::now();
        let mut tasks = tasks(2);
        assert_eq!(next(&mut tasks, start).id, 1);
        assert_eq!(next(&mut tasks, start + LEASE).id, 2);
    }

    #[test]
    fn a_stranger_finishes_nothing() {
        let now = Instant::now();
        let mut tasks = tasks(1);
        let mut finished = done(&next(&mut tasks, now));
        for id in [0, 2, u32::MAX] {
            finished.id = id;
            assert_eq!(
                tasks.finish(&finished, now),
                Err(FinishError::NoTask { id })
            );
        }
        finished.id = 1;
        finished.lease = Uuid::new_v4();
        assert_eq!(
            tasks.finish(&finished, now),
            Err(FinishError::LeaseLost { id: 1 })
        );
    }

    #[test]
    fn a_master_after_this_one_knows_what_this_one_knew() {
        let now = Instant::now();
        let mut before = tasks(3);
        let finished = done(&next(&mut before, now));
        before.finish(&finished, now).unwrap();
        let under_way = next(&mut before, now);
        let json = serde_json::to_string(&before.to_keep()).unwrap();
        let kept = serde_json::from_str(&json).unwrap();

        let restart = now + LEASE * 10;
        let mut after = Tasks::of_kept(kept, LEASE, restart);
        let report = after.report(restart);
        assert_eq!(
            (report.to_do, report.in_progress, report.finished),
            (1, 1, 1)
        );
        assert_eq!(report.tasks[0].finished_uuid, Some(finished.result));
        assert_eq!(after.finish(&done(&under_way), restart), Ok(()));
        assert_eq!(after.finish(&finished, restart), Ok(()));
    }
}
