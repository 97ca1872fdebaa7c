//! The endpoints of a running service as they are read: how they join, and how they leave without
//! losing a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::try_join_all;

use super::error::Cause;
use super::plan::PlannedEndpoint;
use super::story;
use crate::context::{Instance, Place};
use crate::endpoint::{Endpoint, EventOrder, Intake, Recents, Role};
use crate::error::Incidents;
use crate::log::SERVICE;
use crate::task;
use crate::wire::{
    self, Connection, Event, Home, LEAVE_WITHIN, Lane, Listener, Reader, Refused, Subscription,
};

/// An endpoint, and what reads its subscriptions.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) endpoint: Arc<Endpoint>,
    reader: Reader,
    /// The same on further connections.
    beside: Vec<Reader>,
}

/// Requests whose handlers had not finished in time: they were dropped, and the callers told. With
/// them, those that were not begun and whose callers could not be told. Of a subscriber, events whose
/// handlers had not finished, and those that still waited.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abandoned {
    /// The name of the endpoint, or of the subscriber.
    pub endpoint: String,
    /// How many requests; none of a subscriber.
    pub requests: usize,
    /// How many events; none of an endpoint.
    pub events: usize,
}

/// What the endpoints of one service stand on.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) instance: Arc<Instance>,
    pub(super) connection: Connection,
    pub(super) incidents: Incidents,
    /// Where handlers run that do not run where their requests are read; nothing if that is the same.
    pub(super) home: Option<Home>,
    /// Where replies went.
    pub(super) recents: Arc<Recents>,
}

impl Ground {
    /// The events of all connections, from now on.
    pub(super) fn listen(&self) -> Vec<Listener> {
        let lanes = self.connection.lanes();
        lanes.map(|(_, connection)| connection.listen()).collect()
    }

    /// Subscribes, and has the server confirm that and everything asked for before: all, or none.
    /// `events`, those of all connections, must have been listened to since before the first of
    /// `asked`, the subjects that were asked for before, without a queue group.
    pub(super) async fn join(
        &self,
        planned: Vec<PlannedEndpoint>,
        events: &mut [Listener],
        asked: &[String],
    ) -> Result<Vec<Member>, Cause> {
        let mut members = Vec::with_capacity(planned.len());
        let joined = self.ask(planned, &mut members).await;
        let joined = match joined {
            Ok(()) => self.confirm(&members).await,
            failed => failed,
        };
        let joined = joined.and_then(|()| match refused(events, asked, &members) {
            Some(subject) => Err(Cause::Refused(subject)),
            None => Ok(()),
        });
        if let Err(cause) = joined {
            // Some have had requests since they were asked for, from queue groups that rely on us.
            self.dismiss(members, LEAVE_WITHIN).await;
            return Err(cause);
        }
        Ok(members)
    }

    /// Subscribes, and reads before the server confirms anything: it may send requests at once.
    async fn ask(
        &self,
        planned: Vec<PlannedEndpoint>,
        members: &mut Vec<Member>,
    ) -> Result<(), Cause> {
        // First all of them: the server acts upon them while the rest is done here.
        let mut subscriptions = Vec::with_capacity(planned.len());
        let mut asked = Ok(());
        'asking: for (index, planned) in planned.iter().enumerate() {
            let definition = &planned.definition;
            let queue_group = definition.queue_group.as_deref();
            for (lane, connection) in self.lanes(planned) {
                let subscribing = connection.ask_for(&definition.subject, queue_group);
                match subscribing.await {
                    Ok(subscription) => {
                        if definition.role == Role::Event {
                            subscription.owes_nothing();
                        }
                        subscriptions.push((index, lane, subscription));
                    }
                    Err(error) => {
                        asked = Err(Cause::Connection(error.to_string()));
                        break 'asking;
                    }
                }
            }
        }
        let mut subscriptions = subscriptions.into_iter().peekable();
        for (index, planned) in planned.into_iter().enumerate() {
            let endpoint = Arc::new(self.endpoint(planned));
            let mut readers = std::iter::from_fn(|| {
                let (_, lane, subscription) = subscriptions.next_if(|(of, ..)| *of == index)?;
                Some(self.read(&endpoint, lane, subscription))
            });
            let Some(reader) = readers.next() else {
                break;
            };
            let beside = readers.collect();
            members.push(Member {
                endpoint,
                reader,
                beside,
            });
        }
        asked
    }

    /// The connections over which an endpoint is served. Where nobody shares requests out among them,
    /// each would have them all; and where requests are served one by one, or events have an order,
    /// that is the one in which they came by one connection. And a function's first is to be its only one.
    fn lanes(&self, planned: &PlannedEndpoint) -> impl Iterator<Item = (Lane, &Connection)> {
        let definition = &planned.definition;
        let has_order = definition.concurrency == 1 || definition.order != EventOrder::Any;
        let is_function = planned.ticket.is_some();
        let is_shared = definition.queue_group.is_some() && !has_order && !is_function;
        let lanes = if is_shared { usize::MAX } else { 1 };
        self.connection.lanes().take(lanes)
    }

    fn read(&self, endpoint: &Arc<Endpoint>, lane: Lane, subscription: Subscription) -> Reader {
        Reader::start(
            &self.connection.lane(lane).runtime(),
            self.home.as_ref(),
            subscription,
            Intake::new(Arc::clone(endpoint), lane, self.home.clone()),
        )
    }

    /// An endpoint that nothing is read for yet.
    pub(super) fn endpoint(&self, planned: PlannedEndpoint) -> Endpoint {
        let place = Place {
            instance: Arc::clone(&self.instance),
            endpoint: planned.definition.name.clone(),
            role: planned.definition.role,
            placeholders: planned.placeholders,
            connection: self.connection.clone(),
            incidents: self.incidents.clone(),
            recent: self.recents.join(),
        };
        Endpoint::new(
            planned.definition,
            Arc::new(place),
            planned.handler,
            planned.ticket,
        )
    }

    /// Waits for the server's word that it has read what was asked for.
    async fn confirm(&self, members: &[Member]) -> Result<(), Cause> {
        let asked = members.iter().map(Member::connections).max();
        let lanes = self.connection.lanes().take(asked.unwrap_or(1));
        let confirming = lanes.map(|(_, connection)| Box::pin(connection.confirmed()));
        let confirmed = try_join_all(confirming).await;
        confirmed.map(drop).map_err(Cause::Connection)
    }

    /// Has endpoints leave, and hands on what had been sent to them.
    pub(super) async fn leave(&self, members: &[Member]) {
        let asked = members.iter().map(Member::connections).max();
        let lanes = self.connection.lanes().take(asked.unwrap_or(0));
        let connections = lanes.map(|(_, connection)| connection);
        wire::leave(connections, members.iter().flat_map(Member::readers)).await;
    }

    /// Has endpoints leave, serves what had been sent to them, and waits for their handlers at most
    /// for `drain_timeout`. Returns what it did not wait for.
    pub(super) async fn dismiss(
        &self,
        members: Vec<Member>,
        drain_timeout: Duration,
    ) -> Vec<Abandoned> {
        let started = Instant::now();
        self.leave(&members).await;
        self.settle(&members, drain_timeout.saturating_sub(started.elapsed()))
            .await
    }

    /// Waits for the handlers of endpoints that have left, and for what they hand on.
    pub(super) async fn settle(&self, members: &[Member], within: Duration) -> Vec<Abandoned> {
        let handing_on = members.iter().map(|m| m.endpoint.hand_on(within));
        let (abandoned, ()) = tokio::join!(self.finish(members, within), task::all(handing_on));
        abandoned
    }

    async fn finish(&self, members: &[Member], within: Duration) -> Vec<Abandoned> {
        let idle = task::all(members.iter().map(|member| member.idle().boxed()));
        if tokio::time::timeout(within, idle).await.is_ok() {
            return Vec::new();
        }
        let in_flight = members.iter().map(|m| m.endpoint.limits.in_flight());
        let in_flight: Vec<usize> = in_flight.collect();
        let answered = task::all(members.iter().map(|member| member.abandon().boxed()));
        // A handler may block its thread, and cannot be dropped; the connection may be down, and
        // its queue full.
        if tokio::time::timeout(LEAVE_WITHIN, answered).await.is_err() {
            tracing::warn!(target: SERVICE, service = self.instance.name, "not all callers of abandoned requests could be told");
        }
        let mut abandoned = Vec::new();
        for (Member { endpoint, .. }, in_flight) in members.iter().zip(in_flight) {
            let count = in_flight + endpoint.untold();
            if count > 0 {
                let (requests, events) = match endpoint.definition.role {
                    Role::Request => (count, 0),
                    Role::Event => (0, count),
                };
                let gone = Abandoned {
                    endpoint: endpoint.definition.name.clone(),
                    requests,
                    events,
                };
                story::abandoned(&self.instance, &gone);
                abandoned.push(gone);
            }
        }
        abandoned
    }
}

impl Member {
    fn connections(&self) -> usize {
        1 + self.beside.len()
    }

    /// Waits until nothing is in hand and nothing waits.
    async fn idle(&self) {
        self.events_read().await;
        self.endpoint.limits.idle().await;
    }

    /// Gives up what is not done, and what has not been read.
    async fn abandon(&self) {
        self.endpoint.abandon().await;
        self.events_read().await;
    }

    /// Waits until all events have been read: between two of them, one may look like the last.
    async fn events_read(&self) {
        if self.endpoint.is_subscriber() {
            task::all(self.readers().map(|reader| reader.ended().boxed())).await;
        }
    }

    fn readers(&self) -> impl Iterator<Item = &Reader> {
        std::iter::once(&self.reader).chain(&self.beside)
    }
}

/// The first subject that the server has refused so far, of those in `asked` and of `members`.
fn refused(events: &mut [Listener], asked: &[String], members: &[Member]) -> Option<String> {
    let mut events = events
        .iter_mut()
        .flat_map(|of_one| std::iter::from_fn(|| of_one.try_next()));
    events.find_map(|event| match event {
        Event::Refused(Refused::Subscription {
            subject,
            queue_group,
            ..
        }) => {
            let plain = queue_group.is_none() && asked.contains(&subject);
            let ours = members.iter().any(|member| {
                let definition = &member.endpoint.definition;
                definition.subject == subject
                    && (queue_group.is_none() || definition.queue_group == queue_group)
            });
            (plain || ours).then_some(subject)
        }
        _ => None,
    })
}
