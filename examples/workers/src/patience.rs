//! How long to wait before the next try: longer each time, and for each a little different, so that
//! many do not come back at once.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Pauses for whoever waits for a server that is away.
pub(crate) fn for_others() -> ExponentialBackoff {
    pauses(Duration::from_millis(100), Duration::from_secs(5))
}

/// Pauses for whoever waits for something to do.
pub(crate) fn for_work() -> ExponentialBackoff {
    pauses(Duration::from_millis(50), Duration::from_secs(2))
}

/// Waits for the next of the pauses.
pub(crate) async fn pause(pauses: &mut ExponentialBackoff) {
    // They do not end; a second is what to make of it if they did.
    let pause = pauses.next().unwrap_or(Duration::from_secs(1));
    tokio::time::sleep(pause).await;
}

fn pauses(first: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
        .build()
}
