//! From a plan to a running service: all of it, or nothing.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::builder::ServiceBuilder;
use super::error::{Cause, StartError};
use super::member::{Ground, Member};
use super::plan::{self, Plan, PlannedEndpoint};
use super::running::{Parts, RunningService};
use super::story::{self, Size};
use crate::context::Instance;
use crate::discovery::{self, Documents, Profile, Responder};
use crate::endpoint::Roster;
use crate::task;
use crate::wire::{Connection, Home, Listener};

impl ServiceBuilder {
    /// Starts the service. When this returns, a request from any connection is served.
    ///
    /// # Errors
    ///
    /// Nothing is left running when anything is wrong: a name, a subject or another value (all of
    /// them are reported together), a subject that the server's permissions forbid, a connection
    /// that does not answer. On a client of your own, what is forbidden is seen only with
    /// [`Connection::with_events`].
    pub async fn start(
        self,
        connection: impl Into<Connection>,
    ) -> Result<RunningService, StartError> {
        self.start_on(connection.into()).await
    }

    fn start_on(
        self,
        connection: Connection,
    ) -> BoxFuture<'static, Result<RunningService, StartError>> {
        Box::pin(async move {
            let plan = plan::plan(self)?;
            let name = plan.name.clone();
            let (report, started) = oneshot::channel();
            // In a task of its own: requests come before the start is over, and are answered even if
            // nobody waits for it any longer.
            task::spawn(Box::pin(async move {
                if let Err(Ok(unwanted)) = report.send(start(plan, connection).await) {
                    unwanted.stop().await;
                }
            }));
            let started = started.await.unwrap_or_else(|_| {
                Err(Cause::Connection("the runtime is shutting down".to_owned()))
            });
            started.map_err(|cause| StartError::of(&name, cause))
        })
    }
}

async fn start(plan: Plan, connection: Connection) -> Result<RunningService, Cause> {
    let instance = Arc::new(Instance {
        name: plan.name,
        id: nuid::next().to_string(),
        version: plan.version,
    });
    let started = Instant::now();
    let size = Size::of(plan.endpoints.iter().map(|planned| planned.definition.role));
    story::starting(&instance, size);
    let (incidents, audience) = plan.observers.listen();
    let ground = Ground {
        home: connection.is_apart().then(Home::current),
        instance: Arc::clone(&instance),
        connection,
        incidents,
        recents: Arc::default(),
    };
    let connection = &ground.connection;
    let mut events = ground.listen();
    let discovery = discovery::subscribe(connection, &instance)
        .await
        .map_err(|error| Cause::Connection(error.to_string()))?;
    let asked = discovery::subjects(&instance);
    let members = join(&ground, plan.endpoints, &mut events, &asked).await?;

    let roster = Arc::new(Roster::default());
    roster.add(members.iter().map(|member| Arc::clone(&member.endpoint)));
    let documents = Arc::new(Documents::new(
        Profile {
            instance,
            description: plan.description,
            metadata: plan.metadata,
        },
        Arc::clone(&roster),
    ));
    let responder = Responder::start(
        connection,
        ground.home.as_ref(),
        &documents,
        &ground.incidents,
        discovery,
    );
    story::ready(&ground.instance, size, started.elapsed());
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

/// [`Ground::join`], for all who start something.
pub(super) fn join<'a>(
    ground: &'a Ground,
    planned: Vec<PlannedEndpoint>,
    events: &'a mut [Listener],
    asked: &'a [String],
) -> BoxFuture<'a, Result<Vec<Member>, Cause>> {
    Box::pin(ground.join(planned, events, asked))
}
