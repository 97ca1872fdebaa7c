//! What a server costs in the long run: memory under a reader that does not read, and nothing left
//! behind by clients that come and go.
//!
//! `MICRO_SOAK_SECONDS` says how long they come and go (3 seconds if unset), and `MICRO_TEST_SEED`
//! where the random numbers start. With `MICRO_SOAK_ADDRESS` they come to a nats-server there too,
//! which shows that what is asked of the messages is right.

#[cfg(test)]
mod slow;
#[cfg(test)]
mod soak;

/// The resident memory of this process, where the system tells.
#[cfg(test)]
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The memory of the process is everybody's, so one test at a time.
#[cfg(test)]
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ONE.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
