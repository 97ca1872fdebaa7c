//! How much CPU time processes have used, as precisely as the system tells.

use std::fs;
use std::path::Path;

/// A tick of `/proc/<pid>/stat`: 10 ms on every Linux that is built for people.
const TICK_NS: u64 = 10_000_000;

/// The CPU time of processes in nanoseconds; nothing where the system is not Linux.
///
/// Threads that have ended are not in it, and of a thread that runs at this moment what it has used since
/// the kernel's last tick is not, 4 ms as a rule: little beside a round, and the same for all.
pub(crate) fn used_ns(processes: &[u32]) -> Option<u64> {
    processes.iter().map(|&process| of_process(process)).sum()
}

fn of_process(process: u32) -> Option<u64> {
    let precise = tasks(process)
        .map(|task| run_time(&task.join("schedstat")))
        .sum::<Option<u64>>()
        .filter(|&time| time > 0);
    precise.or_else(|| in_ticks(process))
}

fn tasks(process: u32) -> impl Iterator<Item = std::path::PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    tasks
        .into_iter()
        .flatten()
        .flatten()
        .map(|task| task.path())
}

fn run_time(schedstat: &Path) -> Option<u64> {
    let text = fs::read_to_string(schedstat).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn in_ticks(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets and may have anything in it.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * TICK_NS)
}

/// A process and its children.
pub(crate) fn family(process: u32) -> Vec<u32> {
    let mut family = vec![process];
    for task in tasks(process) {
        let children = fs::read_to_string(task.join("children")).unwrap_or_default();
        family.extend(
            children
                .split_ascii_whitespace()
                .flat_map(str::parse::<u32>),
        );
    }
    family
}
