//! What happens to the connection while a service runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::RunningService;
use crate::endpoint::Endpoint;
use crate::error::Incident;
use crate::log::{CONNECTION, Flood, Pause, line, micros};
use crate::wire::{Event, Listener, Refused, is_own_question};

/// How often it is told that messages are being dropped.
const DROPS_TOLD_EVERY: Duration = Duration::from_secs(1);

/// How many reasons are told of why a connection does not come back. The client has about ten.
const REASONS_MAX: usize = 16;

/// Sees what happens to the connection, until the service has stopped. `ended` is ready when the
/// discovery's subscriptions have ended: not every way in which a connection closes is announced.
pub(super) async fn watch(
    service: RunningService,
    mut ended: BoxFuture<'static, ()>,
    mut events: Listener,
) {
    let mut drops = Drops::new(&events);
    let (mut away, mut is_let_in) = (None::<Away>, true);
    let mut refusals = Refusals::default();
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
        let (name, instance) = (service.name(), service.id());
        match event {
            Event::ClientFailed if service.connection().is_kept() => {
                away.get_or_insert_with(Away::now);
                tracing::warn!(target: CONNECTION, service = name, instance, "client failed");
                service.report(Incident::ClientFailed);
            }
            Event::Disconnected => {
                away.get_or_insert_with(Away::now);
                tracing::warn!(target: CONNECTION, service = name, instance, "disconnected");
            }
            Event::Connected => {
                is_let_in = true;
                let duration_us = away.take().map(|away| micros(away.since.elapsed()));
                tracing::info!(target: CONNECTION, service = name, instance, duration_us, "reconnected");
            }
            Event::LoginRefused { reason } => {
                // Each attempt says so.
                if std::mem::replace(&mut is_let_in, false) {
                    let error = line(&reason);
                    tracing::error!(target: CONNECTION, service = name, instance, error, "credentials refused");
                    service.report(Incident::CredentialsRefused { reason });
                }
            }
            Event::Closed | Event::ClientFailed => {
                if !service.ends_first() {
                    service.stopped().await;
                    return;
                }
                tracing::error!(target: CONNECTION, service = name, instance, "closed");
                service.report(Incident::ConnectionClosed);
                service.stop_because("its connection to NATS is closed");
                service.stopped().await;
                return;
            }
            Event::Refused(Refused::Subscription {
                subject,
                queue_group,
                ..
            }) if service.needs(&subject, queue_group.as_deref()) => {
                if !service.ends_first() {
                    service.stopped().await;
                    return;
                }
                tracing::error!(target: CONNECTION, service = name, instance, subject, "subscription refused");
                let cause =
                    format!("the NATS server does not permit a subscription to `{subject}`");
                let member = service.count_error(&subject, queue_group.as_deref(), &cause);
                service.report(subscription_refused(subject, member.as_deref()));
                service.stop_because(cause);
                service.stopped().await;
                return;
            }
            Event::LameDuck => {
                tracing::info!(target: CONNECTION, service = name, instance, "the server is about to go");
            }
            Event::Refused(Refused::Publish { subject }) => {
                if is_own_question(&subject) {
                    continue;
                }
                // A stranger may have chosen it, and anybody may ask for STATS.
                let shown = line(&subject);
                let cause = format!("the NATS server does not permit a message to `{shown}`");
                let member = service.whose_reply(&subject, &cause);
                let name = member.as_ref().map(|member| &*member.definition.name);
                refusals.log(&service, name, &subject);
                service.report(publish_refused(subject, member.as_deref()));
            }
            Event::Refused(refused) => {
                refusals.log(&service, None, refused.subject());
            }
            Event::Interrupted | Event::Missed => {}
            Event::SlowConsumer => drops.go_on(&service, &events),
            Event::Other(text) => {
                let error = line(&text);
                if away.as_mut().is_some_and(|away| away.is_new(&error)) {
                    tracing::warn!(target: CONNECTION, service = name, instance, error, "reconnect failed");
                } else {
                    tracing::debug!(target: CONNECTION, service = name, instance, error, "event");
                }
            }
        }
    }
}

fn subscription_refused(subject: String, member: Option<&Endpoint>) -> Incident {
    let (endpoint, subscriber) = named(member);
    Incident::SubscriptionRefused {
        subject,
        endpoint,
        subscriber,
    }
}

fn publish_refused(subject: String, member: Option<&Endpoint>) -> Incident {
    let (endpoint, subscriber) = named(member);
    Incident::PublishRefused {
        subject,
        endpoint,
        subscriber,
    }
}

/// The name of an endpoint, or that of a subscriber.
fn named(member: Option<&Endpoint>) -> (Option<String>, Option<String>) {
    match member {
        Some(member) if member.is_subscriber() => (None, Some(member.definition.name.clone())),
        member => (member.map(|member| member.definition.name.clone()), None),
    }
}

/// A connection that went.
struct Away {
    since: Instant,
    /// Why it did not come back, as far as that was told.
    told: Vec<String>,
}

impl Away {
    fn now() -> Self {
        Self {
            since: Instant::now(),
            told: Vec::new(),
        }
    }

    /// Whether this is to be told: each attempt to come back says the same again.
    fn is_new(&mut self, reason: &str) -> bool {
        let is_new = self.told.len() < REASONS_MAX && self.told.iter().all(|told| told != reason);
        if is_new {
            self.told.push(reason.to_owned());
        }
        is_new
    }
}

/// Messages that the server refuses, and subscriptions of somebody else's. A stranger who names a
/// reply subject that is not permitted can cause them again and again, for one endpoint: those of
/// the others, and of the program itself, are told all the same.
#[derive(Default)]
struct Refusals(HashMap<Option<String>, Arc<Flood>>);

impl Refusals {
    fn log(&mut self, service: &RunningService, endpoint: Option<&str>, subject: &str) {
        let endpoint = endpoint.map(str::to_owned);
        let flood = self.0.entry(endpoint.clone()).or_default();
        if !flood.count_saying(|| line(subject)) {
            return;
        }
        let (service, instance) = (service.name().to_owned(), service.id().to_owned());
        let subject = line(subject);
        tracing::error!(
            target: CONNECTION,
            service,
            instance,
            endpoint,
            subject,
            "refused"
        );
        flood.follow(move |pause| {
            let Pause {
                kept_back,
                says: subject,
                ..
            } = pause;
            if kept_back > 0 {
                tracing::error!(
                    target: CONNECTION,
                    service,
                    instance,
                    endpoint,
                    subject,
                    kept_back,
                    "refused"
                );
            }
        });
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
        self.next = (dropped > 0).then(|| Instant::now() + DROPS_TOLD_EVERY);
        if dropped > 0 {
            let (name, instance) = (service.name(), service.id());
            tracing::error!(target: CONNECTION, service = name, instance, dropped, "messages dropped");
            service.report(Incident::SlowConsumer { dropped });
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
