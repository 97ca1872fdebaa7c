//! What time it is: the provider `TimeTeller`.

use std::time::{Duration, SystemTime};

use micro::prelude::*;
use serde::{Deserialize, Serialize};

/// The time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Time {
    /// As RFC 3339 writes it, in UTC.
    pub(crate) time: String,
}

/// The provider.
#[derive(Clone, Debug)]
pub(crate) struct TimeTeller {
    /// How long it takes for an answer.
    pub(crate) delay: Duration,
}

/// Tells the time.
#[service(name = "TimeTeller", queue_group = "TimeTellers", client(vis = pub(crate)))]
impl TimeTeller {
    /// The time, for a request without a body.
    #[endpoint(name = "TimeTeller")]
    async fn time_teller(&self, ctx: &Context) -> Time {
        tracing::debug!(reply = ctx.reply_subject(), "replying to");
        tokio::time::sleep(self.delay).await;
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        Time { time }
    }
}
