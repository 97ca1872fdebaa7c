//! When something has to be over.

use std::time::Duration;

use tokio::time::Instant;

/// What a deadline is that no clock can tell: about ten years.
const NEVER: Duration = Duration::from_hours(24 * 365 * 10);

/// The moment that is `within` from now, or `until` if that is sooner.
pub(super) fn end(within: Duration, until: Option<Instant>) -> Instant {
    let now = Instant::now();
    let own = now.checked_add(within).unwrap_or_else(|| now + NEVER);
    until.map_or(own, |until| until.min(own))
}

/// The deadline that several calls have in common.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// How long it was when it was set.
    pub(super) within: Duration,
    pub(super) until: Instant,
}

impl Limit {
    pub(super) fn after(within: Duration) -> Self {
        Self {
            within,
            until: end(within, None),
        }
    }
}
