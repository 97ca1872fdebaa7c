//! What happens to the connection while a service runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::RunningService;
use crate::error::Incident;
use crate::log::{CONNECTION, Flood, Pause, line, micros};
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
    let mut away = None;
    let refusals = Arc::default();
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
        let (name, instance) = (service.name(), service.id());
        match event {
            Event::Disconnected => {
                away.get_or_insert_with(Instant::now);
                tracing::warn!(target: CONNECTION, service = name, instance, "disconnected");
            }
            Event::Connected => {
                let duration_us = away.take().map(|since| micros(since.elapsed()));
                tracing::info!(target: CONNECTION, service = name, instance, duration_us, "reconnected");
            }
            Event::Closed => {
                tracing::error!(target: CONNECTION, service = name, instance, "closed");
                service.report(Incident::ConnectionClosed);
                service.stop_because("its connection to NATS is closed");
                service.stopped().await;
                return;
            }
            Event::Refused(Refused::Subscription {
                subject,
                queue_group,
            }) if service.needs(&subject, queue_group.as_deref()) => {
                tracing::error!(target: CONNECTION, service = name, instance, subject, "subscription refused");
                let cause =
                    format!("the NATS server does not permit a subscription to `{subject}`");
                service.count_error(&subject, queue_group.as_deref(), &cause);
                service.report(Incident::SubscriptionRefused { subject });
                service.stop_because(cause);
                service.stopped().await;
                return;
            }
            Event::Refused(refused) => {
                log_refused(&service, &refusals, refused.subject());
            }
            Event::SlowConsumer => {
                let now = Instant::now();
                let told = flood.replace(now);
                if told.is_none_or(|last| now.duration_since(last) > FLOOD) {
                    tracing::error!(target: CONNECTION, service = name, instance, "messages dropped");
                    service.report(Incident::SlowConsumer);
                }
            }
            Event::Other(text) => {
                let error = line(&text);
                tracing::debug!(target: CONNECTION, service = name, instance, error, "event");
            }
        }
    }
}

/// Something of whoever shares the connection. A stranger who names a reply subject that is not
/// permitted can cause it, again and again.
fn log_refused(service: &RunningService, refusals: &Arc<Flood>, subject: &str) {
    if !refusals.count() {
        return;
    }
    let (service, instance) = (service.name().to_owned(), service.id().to_owned());
    let subject = line(subject);
    tracing::warn!(target: CONNECTION, service, instance, subject, "refused");
    refusals.follow(move |Pause { kept_back, .. }| {
        if kept_back > 0 {
            tracing::warn!(target: CONNECTION, service, instance, kept_back, "refused");
        }
    });
}
