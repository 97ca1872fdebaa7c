//! What happens to the connection while a service runs.

use std::time::Duration;

use tokio::time::Instant;

use super::RunningService;
use crate::error::Incident;
use crate::wire::{Event, Listener, Refused, is_own_question};

/// How often it is told that messages are being dropped.
const FLOOD_TOLD_EVERY: Duration = Duration::from_secs(1);

/// The server tells of each message that it refuses; what comes within this time of the last belongs
/// to the same flood, and is told once.
const FLOOD: Duration = Duration::from_secs(1);

/// When the last of many was.
#[derive(Default)]
struct Flood(Option<Instant>);

impl Flood {
    /// Whether one more is the first for a while.
    fn begins(&mut self) -> bool {
        let now = Instant::now();
        let last = self.0.replace(now);
        last.is_none_or(|last| now.duration_since(last) > FLOOD)
    }
}

/// Sees what happens to the connection, until the service has stopped. `ended` is ready when the
/// discovery's subscriptions have ended: not every way in which a connection closes is announced.
pub(super) async fn watch(
    service: RunningService,
    ended: impl Future<Output = ()>,
    mut events: Listener,
) {
    let mut ended = std::pin::pin!(ended);
    let (mut drops, mut refusals) = (Drops::new(&events), Flood::default());
    let mut is_let_in = true;
    loop {
        let event = tokio::select! {
            _ = service.stopped() => return,
            () = &mut ended => Event::Closed,
            event = events.next() => event,
            () = drops.due() => {
                drops.tell(&service, &events);
                continue;
            }
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
            Event::Connected => {
                is_let_in = true;
                tracing::info!(service = %name, "connected to NATS");
            }
            Event::LoginRefused { reason } => {
                // Each attempt says so.
                if std::mem::replace(&mut is_let_in, false) {
                    let incident = Incident::CredentialsRefused { reason };
                    tracing::error!(service = %name, "{incident}");
                    service.report(incident);
                }
            }
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
                let endpoint = service.count_error(&subject, queue_group.as_deref(), &cause);
                service.report(Incident::SubscriptionRefused { subject, endpoint });
                service.stop_because(cause);
                service.stopped().await;
                return;
            }
            Event::LameDuck => {
                tracing::info!(service = %name, "the NATS server is about to go");
            }
            Event::Refused(Refused::Publish { subject }) => {
                if is_own_question(&subject) {
                    continue;
                }
                let cause = format!("the NATS server does not permit a message to `{subject}`");
                let endpoint = service.whose_reply(&subject, &cause);
                let incident = Incident::PublishRefused { subject, endpoint };
                if refusals.begins() {
                    tracing::error!(service = %name, "{incident}");
                }
                service.report(incident);
            }
            Event::Refused(refused) => {
                tracing::warn!(
                    subject = refused.subject(),
                    "the NATS server refused something on the connection of this service"
                );
            }
            Event::SlowConsumer => drops.go_on(&service, &events),
            Event::Other(text) => tracing::debug!(text, "event of the connection"),
        }
    }
}

/// Messages that the client drops, told once in a while.
struct Drops {
    told: u64,
    next: Option<Instant>,
}

impl Drops {
    fn new(events: &Listener) -> Self {
        Self {
            told: events.dropped(),
            next: None,
        }
    }

    fn go_on(&mut self, service: &RunningService, events: &Listener) {
        if self.next.is_none() {
            self.tell(service, events);
        }
    }

    /// Tells of those that were dropped since the last time, and when to look again; if there were
    /// none, it is over.
    fn tell(&mut self, service: &RunningService, events: &Listener) {
        let dropped = events.dropped() - self.told;
        self.told += dropped;
        self.next = (dropped > 0).then(|| Instant::now() + FLOOD_TOLD_EVERY);
        if dropped > 0 {
            let incident = Incident::SlowConsumer { dropped };
            tracing::error!(service = %service.name(), dropped, "{incident}");
            service.report(incident);
        }
    }

    /// Ready when it is time to tell again; never, while there is no flood.
    async fn due(&self) {
        match self.next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => std::future::pending().await,
        }
    }
}
