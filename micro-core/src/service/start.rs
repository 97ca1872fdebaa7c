//! From a plan to a running service: all of it, or nothing.

use std::sync::Arc;
use std::time::Duration;

use super::builder::ServiceBuilder;
use super::error::StartError;
use super::plan::{self, Plan};
use super::running::{Parts, RunningService};
use crate::context::{Instance, Place};
use crate::discovery::{self, Documents, Profile, Responder};
use crate::endpoint::{Endpoint, Roster};
use crate::wire::{Connection, Event, Listener, Reader, Refused};

/// How long the server may take to confirm the subscriptions.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

impl ServiceBuilder {
    /// Starts the service. When this returns, a request from any connection is served.
    ///
    /// # Errors
    ///
    /// Nothing is left running when anything is wrong: a name, a subject or another value (all of
    /// them are reported together), a subject that the server's permissions forbid, a connection
    /// that does not answer.
    pub async fn start(
        self,
        connection: impl Into<Connection>,
    ) -> Result<RunningService, StartError> {
        start(plan::plan(self)?, connection.into()).await
    }
}

/// How long a refusal may take from the connection to its listeners. It is a matter of
/// microseconds; past this a refusal stops the service when it comes.
const FENCE_WITHIN: Duration = Duration::from_secs(1);

/// Subscribes, has the server confirm, and only then serves.
async fn start(plan: Plan, connection: Connection) -> Result<RunningService, StartError> {
    let instance = Arc::new(Instance {
        name: plan.name,
        id: nuid::next().to_string(),
        version: plan.version,
    });
    let unusable = |reason: &dyn std::fmt::Display| StartError::Connection {
        service: instance.name.clone(),
        reason: reason.to_string(),
    };

    let mut events = connection.listen();
    let discovery = discovery::subscribe(&connection, &instance)
        .await
        .map_err(|error| unusable(&error))?;
    let roster = Arc::new(Roster::default());
    let mut subscribed = Vec::with_capacity(plan.endpoints.len());
    for planned in plan.endpoints {
        let place = Arc::new(Place {
            instance: Arc::clone(&instance),
            endpoint: planned.definition.name.clone(),
            placeholders: planned.placeholders,
            connection: connection.clone(),
        });
        let endpoint = Arc::new(Endpoint::new(planned.definition, place, planned.handler));
        let definition = &endpoint.definition;
        let subscription = connection
            .subscribe(&definition.subject, definition.queue_group.as_deref())
            .await
            .map_err(|error| unusable(&error))?;
        roster.add(Arc::clone(&endpoint));
        subscribed.push((endpoint, subscription));
    }

    if let Err(error) = connection.barrier(CONFIRM_WITHIN).await {
        return Err(if connection.is_observed() {
            unusable(&error)
        } else {
            unusable(&format_args!(
                "{error}; it may be refusing subscriptions or messages on `_INBOX.>`: \
                 use `Connection::with_events` to see what it refuses"
            ))
        });
    }
    connection.fence(FENCE_WITHIN).await;
    let mut subjects = discovery::subjects(&instance);
    subjects.extend(roster.all().iter().map(|e| e.definition.subject.clone()));
    if let Some(subject) = refused_among(&mut events, &subjects) {
        return Err(StartError::Refused {
            service: instance.name.clone(),
            subject,
        });
    }

    let documents = Arc::new(Documents::new(
        Profile {
            instance,
            description: plan.description,
            metadata: plan.metadata,
        },
        Arc::clone(&roster),
    ));
    let responder = Responder::start(connection.clone(), Arc::clone(&documents), discovery);
    let readers = subscribed
        .into_iter()
        .map(|(endpoint, subscription)| {
            let reader = Reader::start(subscription, Arc::clone(&endpoint));
            (endpoint, reader)
        })
        .collect();
    Ok(RunningService::new(Parts {
        connection,
        documents,
        roster,
        responder,
        readers,
        drain_timeout: plan.drain_timeout,
        subjects,
        events,
    }))
}

/// The first of `subjects` that the server has refused so far.
fn refused_among(events: &mut Listener, subjects: &[String]) -> Option<String> {
    std::iter::from_fn(|| events.try_next()).find_map(|event| match event {
        Event::Refused(Refused::Subscription { subject }) if subjects.contains(&subject) => {
            Some(subject)
        }
        _ => None,
    })
}
