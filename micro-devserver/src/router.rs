//! Who is connected, what they subscribed to, and where a message goes.
//!
//! One lock over everything, held while a message is copied into its receivers' buffers and never
//! across an await. That makes the order of the world simple: of a publication and an
//! unsubscription one comes first, and once a client's `UNSUB` is processed nothing more for that
//! subscription follows. A message to oneself is therefore a barrier.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::outbound::{Outbound, Pushed};
use crate::protocol::frames::{self, Message};
use crate::stats::Stats;
use crate::subjects;
use crate::sublist::{Sublist, SubscriptionId};

/// A connection, as the server counts them and as INFO tells the client.
pub(crate) type ConnectionId = u64;

/// A connection, as others see it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: ConnectionId,
    pub(crate) outbound: Outbound,
    /// It takes `HMSG`.
    pub(crate) knows_headers: AtomicBool,
}

/// Who publishes, and how it wants that done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publisher<'a> {
    pub(crate) peer: &'a Peer,
    /// Its own subscriptions get the message too.
    pub(crate) echo: bool,
    /// It wants to know when nobody gets its request.
    pub(crate) no_responders: bool,
}

/// What publishing showed about the receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// They keep up.
    Freely,
    /// Somebody's buffer is filling up: publish more slowly.
    Crowding,
}

/// A subject that one cannot subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidSubject;

/// All connections and their subscriptions.
#[derive(Debug)]
pub(crate) struct Router {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connections: HashMap<ConnectionId, Connection>,
    subscriptions: HashMap<SubscriptionId, Subscription>,
    interest: Sublist,
    last_id: SubscriptionId,
    random: u64,
    slow_consumers: u64,
}

#[derive(Debug)]
struct Connection {
    peer: Arc<Peer>,
    /// Its subscriptions by the names that it gave them.
    sids: HashMap<Box<[u8]>, SubscriptionId>,
}

#[derive(Debug)]
struct Subscription {
    peer: Arc<Peer>,
    sid: Box<[u8]>,
    subject: Box<[u8]>,
    queue_group: Option<Box<[u8]>>,
    delivered: u64,
    /// Ends with this many deliveries, counted from its beginning.
    max: Option<u64>,
}

impl Router {
    pub(crate) fn new() -> Self {
        // The standard library's hasher is the one source of randomness that needs no crate; never
        // zero, which the generator could not leave.
        let random = if cfg!(fuzzing) {
            // The same bytes are to have the same answers.
            1
        } else {
            RandomState::new().hash_one(0) | 1
        };
        Self {
            state: Mutex::new(State {
                connections: HashMap::new(),
                subscriptions: HashMap::new(),
                interest: Sublist::new(),
                last_id: 0,
                random,
                slow_consumers: 0,
            }),
        }
    }

    /// Knows a connection from here on.
    pub(crate) fn join(&self, peer: &Arc<Peer>) {
        let connection = Connection {
            peer: Arc::clone(peer),
            sids: HashMap::new(),
        };
        self.lock().connections.insert(peer.id, connection);
    }

    /// Knows a connection and its subscriptions no more.
    pub(crate) fn leave(&self, peer: &Peer, slow_consumer: bool) {
        let mut state = self.lock();
        state.forget(peer);
        state.connections.remove(&peer.id);
        state.slow_consumers += u64::from(slow_consumer);
    }

    /// Subscribes a connection to a subject, unless that is invalid. A name that the connection
    /// already uses changes nothing, whatever the subject.
    pub(crate) fn subscribe(
        &self,
        peer: &Arc<Peer>,
        sid: &[u8],
        subject: &[u8],
        queue_group: Option<&[u8]>,
    ) -> Result<(), InvalidSubject> {
        let mut state = self.lock();
        let id = state.last_id + 1;
        let Some(connection) = state.connections.get_mut(&peer.id) else {
            return Ok(());
        };
        if connection.sids.contains_key(sid) {
            return Ok(());
        }
        if !subjects::is_valid(subject) {
            return Err(InvalidSubject);
        }
        connection.sids.insert(sid.into(), id);
        state.last_id = id;
        state.interest.insert(subject, queue_group, id);
        state.subscriptions.insert(
            id,
            Subscription {
                peer: Arc::clone(peer),
                sid: sid.into(),
                subject: subject.into(),
                queue_group: queue_group.map(Into::into),
                delivered: 0,
                max: None,
            },
        );
        Ok(())
    }

    /// Ends a subscription after `max` deliveries in all, or now: if there is no `max` or there
    /// have been that many.
    pub(crate) fn unsubscribe(&self, peer: &Peer, sid: &[u8], max: Option<u64>) {
        let mut state = self.lock();
        let Some(id) = state
            .connections
            .get(&peer.id)
            .and_then(|connection| connection.sids.get(sid))
            .copied()
        else {
            return;
        };
        match state.subscriptions.get_mut(&id) {
            Some(subscription) if max.is_some_and(|max| max > subscription.delivered) => {
                subscription.max = max;
            }
            _ => state.end(id),
        }
    }

    /// Ends every subscription of a connection.
    pub(crate) fn forget(&self, peer: &Peer) {
        self.lock().forget(peer);
    }

    /// Puts a message into the buffers of those who get it.
    pub(crate) fn publish(&self, publisher: Publisher<'_>, message: &Message<'_>) -> Published {
        let mut state = self.lock();
        let matches = state.interest.matches(message.subject);
        let mut delivered = false;
        let mut crowded = false;
        let mut note = |pushed| {
            crowded |= pushed == Pushed::Crowded;
            delivered |= pushed != Pushed::Closed;
            pushed != Pushed::Closed
        };
        for id in matches.plain {
            note(state.deliver(id, publisher, message));
        }
        for (_, members) in matches.groups {
            // From a random member on, the first that takes it.
            let first = state.random_below(members.len());
            let (before, from) = members.split_at(first);
            from.iter()
                .chain(before)
                .any(|id| note(state.deliver(*id, publisher, message)));
        }
        if let Some(reply) = message
            .reply
            .filter(|_| publisher.no_responders && !delivered)
        {
            state.no_responders(publisher.peer, message.subject, reply);
        }
        if crowded {
            Published::Crowding
        } else {
            Published::Freely
        }
    }

    /// What is there now.
    pub(crate) fn stats(&self) -> Stats {
        let state = self.lock();
        let pending = state.connections.values();
        Stats {
            connections: state.connections.len(),
            subscriptions: state.subscriptions.len(),
            slow_consumers: state.slow_consumers,
            pending_bytes: pending
                .map(|connection| connection.peer.outbound.pending_bytes())
                .sum(),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.connections.is_empty() && state.subscriptions.is_empty() && state.interest.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic half-way; if it did, one more message is better than
        // none ever again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, peer: &Peer) {
        let connection = self.connections.get_mut(&peer.id);
        let sids = connection.map(|connection| std::mem::take(&mut connection.sids));
        for id in sids.unwrap_or_default().into_values() {
            self.end(id);
        }
    }

    fn deliver(
        &mut self,
        id: SubscriptionId,
        publisher: Publisher<'_>,
        message: &Message<'_>,
    ) -> Pushed {
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return Pushed::Closed;
        };
        let peer = &subscription.peer;
        if peer.id == publisher.peer.id && !publisher.echo {
            return Pushed::Closed;
        }
        let knows_headers = peer.knows_headers.load(Ordering::Relaxed);
        let pushed = peer
            .outbound
            .push(|out| frames::message(out, message, &subscription.sid, knows_headers));
        subscription.delivered += 1;
        if subscription
            .max
            .is_some_and(|max| subscription.delivered >= max)
        {
            self.end(id);
        }
        pushed
    }

    /// Answers a request that nobody gets, if the requester listens for the reply itself. That
    /// answer counts for no limit, and it comes even without echo.
    fn no_responders(&self, requester: &Peer, subject: &[u8], reply: &[u8]) {
        let listeners = self.interest.matches(reply).plain;
        let mut listeners = listeners.iter().filter_map(|id| self.subscriptions.get(id));
        if let Some(own) = listeners.find(|subscription| subscription.peer.id == requester.id) {
            requester
                .outbound
                .push(|out| frames::no_responders(out, subject, reply, &own.sid));
        }
    }

    fn end(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.remove(&id) else {
            return;
        };
        self.interest.remove(
            &subscription.subject,
            subscription.queue_group.as_deref(),
            id,
        );
        if let Some(connection) = self.connections.get_mut(&subscription.peer.id) {
            connection.sids.remove(&subscription.sid);
        }
    }

    /// A number under `bound`, or zero: fair enough to share work, and no more (xorshift).
    fn random_below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        // The high bits are the better ones.
        let high = usize::try_from(self.random >> 33).unwrap_or_default();
        high.checked_rem(bound).unwrap_or_default()
    }
}
