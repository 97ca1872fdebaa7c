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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest_and_do_not_end() {
        let pauses: Vec<_> = for_others().take(1_000).collect();
        assert_eq!(pauses.len(), 1_000);
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(5));
        // Each is itself, and as much again at most.
        for (pause, power) in pauses.iter().zip(0_u32..) {
            let least = first
                .saturating_mul(2_u32.saturating_pow(power))
                .min(longest);
            assert!(least <= *pause && *pause <= least * 2, "{power}: {pause:?}");
        }
    }
}
