//! What happens to the connection while a service runs.

use std::time::{Duration, Instant};

use super::RunningService;
use crate::error::Incident;
use crate::wire::{Event, Listener, Refused};

/// The client tells of each message that it drops; what comes within this time of the last belongs
/// to the same flood, and is told once.
const FLOOD: Duration = Duration::from_secs(1);

/// Sees what happens to the connection, until the service has stopped. `ended` is ready when the
/// discovery's subscriptions have ended: not every way in which a connection closes is announced.
pub(super) async fn watch(
    service: RunningService,
    ended: impl Future<Output = ()>,
    mut events: Listener,
) {
    let mut ended = std::pin::pin!(ended);
    let mut flood = None;
    loop {
        let event = tokio::select! {
            _ = service.stopped() => return,
            () = &mut ended => Event::Closed,
            event = events.next() => event,
        };
        if service.is_stopping() {
            // What ends now was asked to.
            service.stopped().await;
            return;
        }
        let name = service.name();
        match event {
            Event::Disconnected => {
                tracing::warn!(service = %name, "connection to NATS lost, trying to get it back");
            }
            Event::Connected => tracing::info!(service = %name, "connected to NATS"),
            Event::Closed => {
                tracing::error!(service = %name, "connection to NATS closed");
                service.report(Incident::ConnectionClosed);
                service.stop_because("its connection to NATS is closed");
                service.stopped().await;
                return;
            }
            Event::Refused(Refused::Subscription {
                subject,
                queue_group,
            }) if service.needs(&subject, queue_group.as_deref()) => {
                tracing::error!(service = %name, %subject, "the NATS server does not permit this subscription");
                let cause =
                    format!("the NATS server does not permit a subscription to `{subject}`");
                service.count_error(&subject, queue_group.as_deref(), &cause);
                service.report(Incident::SubscriptionRefused { subject });
                service.stop_because(cause);
                service.stopped().await;
                return;
            }
            Event::Refused(refused) => {
                tracing::warn!(
                    subject = refused.subject(),
                    "the NATS server refused something on the connection of this service"
                );
            }
            Event::SlowConsumer => {
                let now = Instant::now();
                let told = flood.replace(now);
                if told.is_none_or(|last| now.duration_since(last) > FLOOD) {
                    tracing::error!(
                        service = %name,
                        "messages came faster than they were read, and some were dropped"
                    );
                    service.report(Incident::SlowConsumer);
                }
            }
            Event::Other(text) => tracing::debug!(text, "event of the connection"),
        }
    }
}
