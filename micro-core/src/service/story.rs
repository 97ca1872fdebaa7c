//! What the log says of the life of a service: a line for each turn.

use std::time::Duration;

use super::{Abandoned, StopReport};
use crate::context::Instance;
use crate::endpoint::Role;
use crate::log::{SERVICE, line, micros};

/// How many endpoints there are, and subscribers. Of what there is none, nothing is said.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) endpoints: usize,
    pub(super) subscribers: Option<usize>,
}

impl Size {
    pub(super) fn of(roles: impl Iterator<Item = Role>) -> Self {
        let (endpoints, subscribers): (Vec<_>, Vec<_>) =
            roles.partition(|role| *role == Role::Request);
        Self {
            endpoints: endpoints.len(),
            subscribers: Some(subscribers.len()).filter(|number| *number > 0),
        }
    }
}

pub(super) fn starting(instance: &Instance, size: Size) {
    let Instance { name, id, version } = instance;
    let Size {
        endpoints,
        subscribers,
    } = size;
    tracing::debug!(target: SERVICE, service = name, instance = id, version, endpoints, subscribers, "starting");
}

/// The server has confirmed all: from now on every request is served.
pub(super) fn ready(instance: &Instance, size: Size, took: Duration) {
    let Instance { name, id, version } = instance;
    let Size {
        endpoints,
        subscribers,
    } = size;
    let duration_us = micros(took);
    tracing::info!(target: SERVICE, service = name, instance = id, version, endpoints, subscribers, duration_us, "ready");
}

/// `cause` is why, where nobody asked for it.
pub(super) fn draining(instance: &Instance, cause: Option<&str>) {
    let Instance { name, id, .. } = instance;
    match cause.map(line) {
        None => tracing::info!(target: SERVICE, service = name, instance = id, "draining"),
        Some(error) => {
            tracing::error!(target: SERVICE, service = name, instance = id, error, "draining");
        }
    }
}

pub(super) fn abandoned(instance: &Instance, abandoned: &Abandoned) {
    let Instance { name, id, .. } = instance;
    let Abandoned {
        endpoint,
        requests,
        events,
    } = abandoned;
    if *events > 0 {
        let subscriber = endpoint;
        tracing::warn!(target: SERVICE, service = name, instance = id, subscriber, events, "abandoned");
    } else {
        tracing::warn!(target: SERVICE, service = name, instance = id, endpoint, requests, "abandoned");
    }
}

pub(super) fn stopped(instance: &Instance, report: &StopReport) {
    let Instance { name, id, .. } = instance;
    let duration_us = micros(report.took);
    let requests: u64 = report.endpoints.iter().map(|e| e.num_requests).sum();
    let failed = report.endpoints.iter().map(|e| e.num_errors);
    let failed_events = report.subscribers.iter().map(|s| s.num_errors);
    let errors: u64 = failed.chain(failed_events).sum();
    let listened = !report.subscribers.is_empty();
    let events = listened.then(|| report.subscribers.iter().map(|s| s.num_events).sum::<u64>());
    let dropped = listened.then(|| report.subscribers.iter().map(|s| s.dropped).sum::<u64>());
    tracing::info!(
        target: SERVICE,
        service = name,
        instance = id,
        duration_us,
        requests,
        events,
        errors,
        dropped,
        "stopped"
    );
}
