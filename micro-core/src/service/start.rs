//! From a plan to a running service: all of it, or nothing.

use std::sync::Arc;

use super::builder::ServiceBuilder;
use super::error::{Cause, StartError};
use super::member::Ground;
use super::plan::{self, Plan};
use super::running::{Parts, RunningService};
use crate::context::Instance;
use crate::discovery::{self, Documents, Profile, Responder};
use crate::endpoint::Roster;
use crate::wire::Connection;

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
        let plan = plan::plan(self)?;
        let name = plan.name.clone();
        start(plan, connection.into())
            .await
            .map_err(|cause| StartError::of(&name, cause))
    }
}

/// Subscribes, has the server confirm, and only then serves.
async fn start(plan: Plan, connection: Connection) -> Result<RunningService, Cause> {
    let instance = Arc::new(Instance {
        name: plan.name,
        id: nuid::next().to_string(),
        version: plan.version,
    });
    let (incidents, audience) = plan.observers.listen();
    let ground = Ground {
        instance: Arc::clone(&instance),
        connection,
        incidents,
    };
    let connection = &ground.connection;
    let events = connection.listen();
    let discovery = discovery::subscribe(connection, &instance)
        .await
        .map_err(|error| Cause::Connection(error.to_string()))?;
    let asked = discovery::subjects(&instance);
    let (members, events) = ground.join(plan.endpoints, events, asked).await?;

    let roster = Arc::new(Roster::default());
    for member in &members {
        roster.add(Arc::clone(&member.endpoint));
    }
    let documents = Arc::new(Documents::new(
        Profile {
            instance,
            description: plan.description,
            metadata: plan.metadata,
        },
        Arc::clone(&roster),
    ));
    let responder = Responder::start(
        connection.clone(),
        Arc::clone(&documents),
        ground.incidents.clone(),
        discovery,
    );
    Ok(RunningService::new(Parts {
        ground,
        documents,
        roster,
        inherited: plan.inherited,
        drain_timeout: plan.drain_timeout,
        responder,
        members,
        audience,
        events,
    }))
}
