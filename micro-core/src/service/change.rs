//! Endpoints and subscribers that come and go while their service runs.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::group::Group;
use super::member::Abandoned;
use super::plan::{self, PlannedEndpoint};
use super::running::release;
use super::start::join;
use super::{AddError, RunningService, SubscriberOptions};
use crate::endpoint::{Endpoint, EndpointInfo, EndpointStats, SubscriberInfo, SubscriberStats};
use crate::handler::{EventHandler, Handler};

impl RunningService {
    /// Adds an endpoint. When this returns, a request from any connection is served, and INFO lists
    /// the endpoint behind those that were there.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(service: micro::RunningService) -> Result<(), micro::Error> {
    /// use micro::Request;
    ///
    /// let echo = service
    ///     .add_endpoint("echo", async |request: Request| request.payload().clone())
    ///     .await?;
    /// println!("serving {}", echo.subject());
    /// echo.remove().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub async fn add_endpoint(
        &self,
        subject: &str,
        handler: impl Handler,
    ) -> Result<RunningEndpoint, AddError> {
        let added = self
            .add(|service| service.endpoint(subject, handler))
            .await?;
        added.into_iter().next().ok_or_else(|| self.none_given())
    }

    /// Adds a subscriber. When this returns, it gets what is published from any connection, and INFO
    /// lists it behind those that were there.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(service: micro::RunningService) -> Result<(), micro::Error> {
    /// use micro::Request;
    ///
    /// let seen = service
    ///     .add_subscriber("orders.>", async |event: Request| {
    ///         println!("{}", event.context().subject());
    ///     })
    ///     .await?;
    /// println!("listening to {}", seen.subject());
    /// seen.unsubscribe().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub async fn add_subscriber(
        &self,
        subject: &str,
        handler: impl EventHandler,
    ) -> Result<RunningSubscriber, AddError> {
        self.add_subscriber_with(subject, handler, |subscriber| subscriber)
            .await
    }

    /// Adds a subscriber with options.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub async fn add_subscriber_with(
        &self,
        subject: &str,
        handler: impl EventHandler,
        options: impl FnOnce(SubscriberOptions) -> SubscriberOptions,
    ) -> Result<RunningSubscriber, AddError> {
        let added = self
            .add_members(|service| service.subscriber_with(subject, handler, options))
            .await?;
        let endpoint = added.into_iter().next().ok_or_else(|| self.none_given())?;
        Ok(self.subscriber(endpoint))
    }

    fn none_given(&self) -> AddError {
        AddError::Invalid {
            service: self.name().to_owned(),
            problems: vec!["no endpoint was given".to_owned()],
        }
    }

    /// Adds endpoints, subscribers and groups, all of them or none. The group that is handed in is the service
    /// itself: what is added to it has the service's prefix, queue group and other settings, as if
    /// it had been there from the start.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(service: micro::RunningService) -> Result<(), micro::Error> {
    /// use micro::Request;
    ///
    /// let added = service
    ///     .add(|service| {
    ///         service.group("text", |text| {
    ///             text.no_queue_group()
    ///                 .endpoint("length", async |r: Request| r.payload().len().to_string())
    ///                 .endpoint_with("echo", async |r: Request| r.payload().clone(), |endpoint| {
    ///                     endpoint.name("text-echo").concurrency(8)
    ///                 })
    ///         })
    ///     })
    ///     .await?;
    /// assert_eq!(added.len(), 2);
    /// # Ok(()) }
    /// ```
    ///
    /// Returns the endpoints, without the subscribers that were added with them: for the handle of one,
    /// add it with [`add_subscriber`](Self::add_subscriber).
    ///
    /// Several can add at the same time. Once it has begun, an addition comes to its end even if
    /// nobody waits for it.
    ///
    /// # Errors
    ///
    /// Nothing is added when anything is wrong: a name, a subject or another value, a subscriber in a
    /// queue group with another whose subject overlaps its own (all of them are reported together), a
    /// subject that the server's permissions forbid, a connection that does
    /// not answer, or a service that has been stopped. On a client of your own, what is forbidden is
    /// seen only with [`Connection::with_events`](crate::Connection::with_events).
    pub async fn add(
        &self,
        fill: impl FnOnce(Group) -> Group,
    ) -> Result<Vec<RunningEndpoint>, AddError> {
        let added = self.add_members(fill).await?.into_iter();
        let endpoints = added.filter(|endpoint| !endpoint.is_subscriber());
        Ok(endpoints.map(|endpoint| self.endpoint(endpoint)).collect())
    }

    async fn add_members(
        &self,
        fill: impl FnOnce(Group) -> Group,
    ) -> Result<Vec<Arc<Endpoint>>, AddError> {
        let inherited = self.inner.inherited().ok_or_else(|| self.has_stopped())?;
        let planned = plan::plan_more(&inherited, &self.inner.roster.all(), fill);
        let planned = planned.map_err(|cause| AddError::of(self.name(), cause))?;
        // In a task of its own: a half that nobody waits for would be left subscribed to nothing.
        let adding = self.inner.runtime.spawn(self.clone().adding(planned));
        adding.await.unwrap_or_else(|_| Err(self.has_stopped()))
    }

    fn adding(
        self,
        planned: Vec<PlannedEndpoint>,
    ) -> BoxFuture<'static, Result<Vec<Arc<Endpoint>>, AddError>> {
        Box::pin(async move { self.add_planned(planned).await })
    }

    async fn add_planned(
        &self,
        planned: Vec<PlannedEndpoint>,
    ) -> Result<Vec<Arc<Endpoint>>, AddError> {
        let inner = &self.inner;
        let Some(_change) = inner.begin_change() else {
            return Err(self.has_stopped());
        };
        let mut events = inner.ground.listen();
        let members = join(&inner.ground, planned, &mut events, &[])
            .await
            .map_err(|cause| AddError::of(self.name(), cause))?;
        let endpoints: Vec<_> = members.iter().map(|m| Arc::clone(&m.endpoint)).collect();

        let late = match &mut *inner.live() {
            Some(live) => match plan::check_beside(&inner.roster.all(), &endpoints) {
                Ok(()) => {
                    live.members.extend(members);
                    inner.list(&endpoints);
                    None
                }
                Err(cause) => Some((members, AddError::of(self.name(), cause))),
            },
            None => Some((members, self.has_stopped())),
        };
        if let Some((members, error)) = late {
            // A stop came in between, or another addition; what has been sent to these in the
            // meantime is answered.
            inner.ground.dismiss(members, inner.drain_timeout).await;
            return Err(error);
        }
        Ok(endpoints)
    }

    fn has_stopped(&self) -> AddError {
        AddError::Stopped {
            service: self.name().to_owned(),
        }
    }

    /// The endpoints that it serves now, in the order of INFO.
    pub fn endpoints(&self) -> Vec<RunningEndpoint> {
        let endpoints = self.inner.roster.by_role().0.into_iter();
        endpoints.map(|endpoint| self.endpoint(endpoint)).collect()
    }

    /// The subscribers that it has now, in the order of INFO.
    pub fn subscribers(&self) -> Vec<RunningSubscriber> {
        let subscribers = self.inner.roster.by_role().1.into_iter();
        subscribers
            .map(|endpoint| self.subscriber(endpoint))
            .collect()
    }

    fn subscriber(&self, endpoint: Arc<Endpoint>) -> RunningSubscriber {
        RunningSubscriber(self.endpoint(endpoint))
    }

    fn endpoint(&self, endpoint: Arc<Endpoint>) -> RunningEndpoint {
        RunningEndpoint {
            service: self.clone(),
            endpoint,
        }
    }

    /// Leaves the subject of an endpoint, lists it no longer, and waits for its handlers.
    async fn remove(&self, endpoint: Arc<Endpoint>) -> Option<Abandoned> {
        let inner = &self.inner;
        let _change = inner.begin_change()?;
        let member = {
            let mut live = inner.live();
            let members = &mut live.as_mut()?.members;
            let found = members
                .iter()
                .position(|member| Arc::ptr_eq(&member.endpoint, &endpoint))?;
            members.remove(found)
        };
        let started = tokio::time::Instant::now();
        inner.ground.leave(std::slice::from_ref(&member)).await;
        inner.unlist(&endpoint);
        let left = inner.drain_timeout.saturating_sub(started.elapsed());
        let abandoned = inner
            .ground
            .settle(std::slice::from_ref(&member), left)
            .await;
        inner.leave_behind(&abandoned);
        release(vec![endpoint, member.endpoint]).await;
        abandoned.into_iter().next()
    }
}

/// An endpoint of a running service.
///
/// Cloning gives another handle of the same endpoint; dropping handles does nothing to it.
#[derive(Clone, Debug)]
pub struct RunningEndpoint {
    service: RunningService,
    endpoint: Arc<Endpoint>,
}

impl RunningEndpoint {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.endpoint.definition.name
    }

    /// The subject it answers on, every prefix included.
    pub fn subject(&self) -> &str {
        &self.endpoint.definition.subject
    }

    /// Its entry in INFO.
    pub fn info(&self) -> EndpointInfo {
        self.endpoint.info()
    }

    /// Its entry in STATS now, also when it has been removed.
    pub fn stats(&self) -> EndpointStats {
        self.endpoint.stats()
    }

    /// Removes it without losing a request, and returns when that is done: it leaves its subject, so
    /// that other instances take over, INFO and STATS list it no longer, what had already been sent
    /// to it is answered, and its handlers finish, at most for the service's drain timeout. Handlers
    /// that take longer are dropped, and returned as abandoned; their callers are answered with code
    /// 503, and so are those of requests that had not been begun.
    ///
    /// A second removal does nothing, nor does one when the service stops. Once it has begun, a
    /// removal comes to its end even if nobody waits for it. A handler must not await the removal
    /// of its own endpoint: each would wait for the other, until the drain timeout.
    pub async fn remove(&self) -> Option<Abandoned> {
        let removing = self.clone().removing();
        let removing = self.service.inner.runtime.spawn(removing);
        removing.await.unwrap_or_default()
    }

    fn removing(self) -> BoxFuture<'static, Option<Abandoned>> {
        Box::pin(async move { self.service.remove(self.endpoint).await })
    }
}

/// A subscriber of a running service.
///
/// Cloning gives another handle of the same subscriber; dropping handles does nothing to it.
#[derive(Clone, Debug)]
pub struct RunningSubscriber(RunningEndpoint);

impl RunningSubscriber {
    /// Its name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The subject it listens to, every prefix included.
    pub fn subject(&self) -> &str {
        self.0.subject()
    }

    /// Its entry in INFO.
    pub fn info(&self) -> SubscriberInfo {
        self.0.endpoint.subscriber_info()
    }

    /// Its entry in STATS now, also when it has been removed.
    pub fn stats(&self) -> SubscriberStats {
        self.0.endpoint.subscriber_stats()
    }

    /// Removes it without losing an event, and returns when that is done: it leaves its subject, INFO
    /// and STATS list it no longer, what had already been sent to it is handled, at most for the
    /// service's drain timeout. What is not done by then is dropped, counted, and returned as abandoned.
    ///
    /// A second removal does nothing, nor does one when the service stops. Once it has begun, a
    /// removal comes to its end even if nobody waits for it. A handler must not await the removal
    /// of its own subscriber: each would wait for the other, until the drain timeout.
    pub async fn unsubscribe(&self) -> Option<Abandoned> {
        self.0.remove().await
    }
}
