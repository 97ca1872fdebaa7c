//! What a program does beside its services, until it stops.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stop waits for what is under way. A second signal does not cut it short any more, so it
/// is shorter than a person's patience.
const GRACE: Duration = Duration::from_secs(10);

/// Tasks that are asked to end together, and waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    /// Is cancelled when it is time to end.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs what ends by itself when [`stop`](Self::stop) is cancelled.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Asks all to end, and waits for them.
    pub(crate) async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        let ended = tokio::time::timeout(GRACE, self.tasks.wait()).await;
        if ended.is_err() {
            tracing::warn!(grace = ?GRACE, "ended without what was still under way");
        }
    }
}
