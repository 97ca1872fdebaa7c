//! What the log says of the life of a service: a line for each turn.

use std::time::Duration;

use super::{Abandoned, StopReport};
use crate::context::Instance;
use crate::log::{SERVICE, line, micros};

pub(super) fn starting(instance: &Instance, endpoints: usize) {
    let Instance { name, id, version } = instance;
    tracing::debug!(target: SERVICE, service = name, instance = id, version, endpoints, "starting");
}

/// The server has confirmed all: from now on every request is served.
pub(super) fn ready(instance: &Instance, endpoints: usize, took: Duration) {
    let Instance { name, id, version } = instance;
    let duration_us = micros(took);
    tracing::info!(target: SERVICE, service = name, instance = id, version, endpoints, duration_us, "ready");
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
    let Abandoned { endpoint, requests } = abandoned;
    tracing::warn!(target: SERVICE, service = name, instance = id, endpoint, requests, "abandoned");
}

pub(super) fn stopped(instance: &Instance, report: &StopReport) {
    let Instance { name, id, .. } = instance;
    let duration_us = micros(report.took);
    let requests: u64 = report.endpoints.iter().map(|e| e.num_requests).sum();
    let errors: u64 = report.endpoints.iter().map(|e| e.num_errors).sum();
    tracing::info!(
        target: SERVICE,
        service = name,
        instance = id,
        duration_us,
        requests,
        errors,
        "stopped"
    );
}
