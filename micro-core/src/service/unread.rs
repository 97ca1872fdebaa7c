//! Endpoints without subscriptions: whoever has them hands the requests over. For `fuzzing`.

use std::sync::Arc;

use super::builder::ServiceBuilder;
use super::error::StartError;
use super::member::Ground;
use super::plan;
use crate::context::Instance;
use crate::endpoint::Endpoint;
use crate::wire::Connection;

impl ServiceBuilder {
    /// The endpoints of a service that does not run. Replies go by `connection`.
    pub(crate) fn unread(self, connection: &Connection) -> Result<Vec<Endpoint>, StartError> {
        let plan = plan::plan(self)?;
        let (incidents, _) = plan.observers.listen();
        let ground = Ground {
            instance: Arc::new(Instance {
                name: plan.name,
                id: nuid::next().to_string(),
                version: plan.version,
            }),
            connection: connection.clone(),
            incidents,
            home: None,
            recents: Arc::default(),
        };
        let planned = plan.endpoints.into_iter();
        Ok(planned.map(|planned| ground.endpoint(planned)).collect())
    }
}
