//! Moving to another server before this one goes.
//!
//! A server in lame-duck mode says so and, after a while, ends its connections one by one: whatever
//! is under way then is lost. async-nats hands on what the server says, and does nothing else. Here a
//! second connection to another server stands in while the first one changes over, so that somebody
//! is subscribed at every moment, and nothing is cut that has not been read:
//!
//! 1. subscribe over the second connection, and have that known everywhere;
//! 2. leave the subscriptions of the first, and read what it still has;
//! 3. wait for the replies to requests of our own, and send new ones over the second;
//! 4. reconnect the first, and do 1 and 2 the other way round.
//!
//! This is for subscriptions and requests that go through this crate. Those that the user makes on
//! the client underneath see a reconnect.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, HeaderMap, Message, Subject, Subscriber};
use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::aside::read_aside;
use super::barrier::{BarrierError, barrier};
use super::connect::dial;
use super::connection::{Inner, drained};
use super::events::{Event, Events, Listener};
use super::keeper::Again;
use super::reader::{Reader, Receive};
use super::requests::Requests;
use super::subscription::{Slot, Subscription, subscribe};
use crate::log::CONNECTION;
use crate::task;

/// How long other servers may take to hear of a subscription. The server tells them at once, and
/// none tells when it has heard; a lame duck's connections live for 10 s more by default.
const SPREAD: Duration = Duration::from_millis(250);

/// How long a server may take to answer a barrier.
const CROSS_WITHIN: Duration = Duration::from_secs(2);

/// How long to wait for the replies to requests of our own, before the connection they were sent
/// over changes its server.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait for services that are being stopped just now.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// How long to keep the second connection for answers that are owed over it.
const OWED_WITHIN: Duration = Duration::from_secs(30);

/// How often to look for what no event tells.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What stands in for a connection while it changes its server.
pub(super) struct Bridge {
    pub(super) client: Client,
    pub(super) requests: Requests,
    events: Events,
    /// Whether requests are to be sent over it.
    open: AtomicBool,
    /// Where those wait whose requests came over it. Permissions may allow an answer only to the
    /// connection that got the question.
    owed: Mutex<HashSet<String>>,
}

impl Bridge {
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Notes a request that came over it.
    pub(super) fn owes(&self, request: &Message) {
        if let Some(reply) = &request.reply {
            self.owed().insert(reply.to_string());
        }
    }

    /// Whether this is the answer to a request that came over it.
    pub(super) fn takes(&self, subject: &Subject) -> bool {
        self.owed().remove(subject.as_str())
    }

    /// Ends it, once what was sent over it has been written.
    pub(super) async fn end(&self) {
        self.events.let_go();
        if let Err(error) = barrier(&self.client, &self.events, CROSS_WITHIN).await {
            tracing::debug!(target: CONNECTION, %error, "the second connection went before its last answers were written");
        }
        drained(&self.client).await;
    }

    fn owed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").finish_non_exhaustive()
    }
}

/// Moves a connection, because its server is about to go.
pub(super) fn move_over<'a>(
    inner: &'a Arc<Inner>,
    events: &'a mut Listener,
    again: &'a Again,
) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        let client = inner.links.current().client.clone();
        let from = client.server_info();
        let events_of_it = inner.events.beside();
        let bridge = match connect(&client, events_of_it, again, &from.server_id).await {
            Ok(bridge) => bridge,
            Err(reason) => {
                tracing::warn!(
                    target: CONNECTION,
                    server = %from.server_name,
                    %reason,
                    "the NATS server is about to go, and there is no other to move to before it does"
                );
                return;
            }
        };
        inner.set_bridge(Some(Arc::clone(&bridge)));
        if inner.is_closed() {
            inner.drop_bridge(&bridge);
            return;
        }
        let mut meanwhile = bridge.events.listen();
        match cross(inner, &client, events, &bridge, &from.server_id).await {
            Ok(()) => {
                let to = client.server_info();
                tracing::info!(
                    target: CONNECTION,
                    from = %from.server_name,
                    to = %to.server_name,
                    "moved to another NATS server, since the first is about to go"
                );
            }
            Err(reason) => {
                tracing::warn!(
                    target: CONNECTION,
                    server = %from.server_name,
                    %reason,
                    "the NATS server is about to go, and the move to another was cut short"
                );
                inner.events.interrupted();
            }
        }
        inner.events.cover(false);
        if std::iter::from_fn(|| meanwhile.try_next())
            .any(|event| matches!(event, Event::Disconnected | Event::Missed))
        {
            inner.events.interrupted();
        }
        bridge.open.store(false, Ordering::Relaxed);
        task::spawn(Box::pin(leave_behind(Arc::downgrade(inner), bridge)));
    })
}

/// Connects to another server.
async fn connect(
    first: &Client,
    events: Events,
    again: &Again,
    from: &str,
) -> Result<Arc<Bridge>, String> {
    let pool = first.server_pool().await;
    let pool = pool.map_err(|error| error.to_string())?;
    let addresses: Vec<_> = pool.into_iter().map(|server| server.addr).collect();
    let client = dial((again.options)(&events), addresses).await;
    let client = client.map_err(|error| error.to_string())?;
    if client.server_info().server_id == from {
        return Err("it is the only one".to_owned());
    }
    let requests = Requests::open(&client).await;
    Ok(Arc::new(Bridge {
        requests: requests.map_err(|error| error.to_string())?,
        client,
        events,
        open: AtomicBool::new(false),
        owed: Mutex::default(),
    }))
}

async fn cross(
    inner: &Inner,
    client: &Client,
    events: &mut Listener,
    bridge: &Arc<Bridge>,
    from: &str,
) -> Result<(), String> {
    let first = Way {
        client,
        events: &inner.events,
        bridge: None,
    };
    let second = Way {
        client: &bridge.client,
        events: &bridge.events,
        bridge: Some(bridge),
    };
    let _gate = begin(inner).await;
    let slots = inner.slots();
    take_over(&slots, first, second).await?;
    inner.events.cover(true);
    bridge.open.store(true, Ordering::Relaxed);
    answered(inner).await;
    if let Err(error) = barrier(client, &inner.events, CROSS_WITHIN).await {
        tracing::debug!(target: CONNECTION, %error, "the server went before the move was over");
    }
    while events.try_next().is_some() {}
    if inner.is_closed() {
        return Err(BarrierError::Closed.to_string());
    }
    // If it went before its time, the client is somewhere else already, or about to be.
    if client.connection_state() == State::Connected && client.server_info().server_id == from {
        client.force_reconnect().await.map_err(|e| e.to_string())?;
    }
    while client.server_info().server_id == from {
        match events.next().await {
            Event::Connected => break,
            Event::Closed | Event::ClientFailed => return Err(BarrierError::Closed.to_string()),
            _ => {}
        }
    }
    take_over(&slots, second, first).await
}

/// Lets the second connection go, once what is owed over it has been sent; at most for a time.
async fn leave_behind(connection: Weak<Inner>, bridge: Arc<Bridge>) {
    let began = Instant::now();
    while !bridge.owed().is_empty() && began.elapsed() < OWED_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    if let Some(inner) = connection.upgrade() {
        inner.drop_bridge(&bridge);
    }
    // A client that is dropped forgets what it has not written yet.
    let flushed = tokio::time::timeout(CROSS_WITHIN, bridge.client.flush());
    if !matches!(flushed.await, Ok(Ok(()))) {
        tracing::debug!(target: CONNECTION, "the second connection went before its last answers were written");
    }
}

/// Waits until nothing is about to leave, and holds up what would; at most for a time.
async fn begin(inner: &Inner) -> tokio::sync::RwLockWriteGuard<'_, ()> {
    let began = Instant::now();
    loop {
        let gate = inner.gate.write().await;
        let leaving = inner.all_slots().iter().any(|slot| slot.is_left());
        if !leaving || began.elapsed() > STOPPED_WITHIN {
            return gate;
        }
        drop(gate);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits for the replies to requests that were sent over the first connection; at most for a time.
async fn answered(inner: &Inner) {
    let began = Instant::now();
    let waits = || inner.links.current().calls_waiting() > 0;
    // One that is just being sent is noted within the first look.
    tokio::time::sleep(LOOK_EVERY).await;
    // A stop is waiting as well, and for less long.
    let hurries = || inner.all_slots().iter().any(|slot| slot.is_left());
    while waits() && !hurries() && began.elapsed() < ANSWERED_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What subscriptions can be read from.
#[derive(Clone, Copy)]
struct Way<'a> {
    client: &'a Client,
    events: &'a Events,
    bridge: Option<&'a Arc<Bridge>>,
}

/// Has subscriptions read from another connection, without a moment at which nobody is subscribed
/// and without losing or doubling what is under way.
fn take_over<'a>(
    slots: &'a [Arc<Slot>],
    from: Way<'a>,
    to: Way<'a>,
) -> BoxFuture<'a, Result<(), String>> {
    Box::pin(async move {
        let (shared, plain): (Vec<_>, Vec<_>) =
            slots.iter().partition(|slot| slot.queue_group.is_some());
        // Without a queue group, the server sends each message both ways: what has come by the first is
        // noted, and left out of what the second has kept meanwhile.
        let mut leaving = Vec::new();
        let mut without_group = Vec::new();
        for slot in plain {
            if let Some(old) = slot.hand_over() {
                let notes = Notes::default();
                without_group.push((slot, Arc::clone(&notes)));
                leaving.push(forward(old, slot, Some(notes), from.bridge));
            }
        }
        let asked = async {
            let mut heirs = Vec::new();
            let without_group = without_group
                .iter()
                .map(|(slot, notes)| (*slot, Some(notes)));
            for (slot, notes) in without_group.chain(shared.into_iter().map(|slot| (slot, None))) {
                if let Some(notes) = notes {
                    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                    notes.get_or_insert_default();
                }
                let heir = ask(to.client, slot).await?;
                heirs.push((slot, heir));
            }
            barrier(to.client, to.events, CROSS_WITHIN)
                .await
                .map_err(|error| error.to_string())?;
            tokio::time::sleep(SPREAD).await;
            Ok(heirs)
        };
        let (mut heirs, result) = match asked.await {
            Ok(heirs) => (heirs, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        let of_shared = heirs.split_off(without_group.len().min(heirs.len()));
        for (slot, heir) in of_shared {
            if let Some(old) = slot.hand_over() {
                let reader = forward(old, slot, None, from.bridge);
                slot.put(heir, None, to.bridge);
                leaving.push(reader);
            }
        }
        task::all(leaving.iter().map(|reader| reader.leave().boxed())).await;
        if let Err(error) = barrier(from.client, from.events, CROSS_WITHIN).await {
            tracing::debug!(target: CONNECTION, %error, "what was under way when the server went is lost");
        }
        task::all(leaving.iter().map(|reader| reader.finish().boxed())).await;

        let mut heirs = heirs.into_iter();
        for (slot, notes) in without_group {
            let (heir, bridge) = match heirs.next() {
                Some((_, heir)) => (Ok(heir), to.bridge),
                None => (ask(from.client, slot).await, from.bridge),
            };
            match heir {
                Ok(heir) => slot.put(heir, Some(Known::new(&notes)), bridge),
                Err(error) => {
                    tracing::error!(target: CONNECTION, subject = slot.subject, error, "a subscription is lost");
                    slot.end();
                }
            }
        }
        result
    })
}

/// Asks for what a subscription has, over another client.
pub(super) fn ask<'a>(
    client: &'a Client,
    slot: &'a Slot,
) -> BoxFuture<'a, Result<Subscriber, String>> {
    Box::pin(async move {
        let asked = subscribe(client, &slot.subject, slot.queue_group.as_deref());
        let asked = tokio::time::timeout(CROSS_WITHIN, asked).await;
        let asked = asked.map_err(|_| "the client takes no commands".to_owned())?;
        asked.map_err(|error| error.to_string())
    })
}

/// Reads what a slot has read so far, on behalf of the slot.
fn forward(
    (old, known): (Subscriber, Option<Known>),
    slot: &Slot,
    notes: Option<Notes>,
    bridge: Option<&Arc<Bridge>>,
) -> Reader {
    let forward = Forward {
        late: slot.late(),
        known,
        notes,
        bridge: bridge.filter(|_| slot.owes()).cloned(),
    };
    read_aside(
        &Handle::current(),
        None,
        [Subscription::alone(old)],
        forward,
    )
}

/// Hands what comes late on.
struct Forward {
    late: mpsc::UnboundedSender<Message>,
    known: Option<Known>,
    notes: Option<Notes>,
    bridge: Option<Arc<Bridge>>,
}

impl Receive for Forward {
    fn receive(&mut self, message: Message, _: &mut Context<'_>) {
        if self.known.as_mut().is_some_and(|known| known.has(&message)) {
            return;
        }
        if let Some(notes) = &self.notes {
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(notes) = &mut *notes {
                *notes.entry(mark(&message)).or_default() += 1;
            }
        }
        if let Some(bridge) = &self.bridge {
            bridge.owes(&message);
        }
        // The subscription may have ended.
        let _ = self.late.send(message);
    }
}

/// How often each message has come, since it was asked for by another way: what came before that comes
/// by one way only.
type Notes = Arc<Mutex<Option<HashMap<u64, usize>>>>;

/// What a message is known by. The reply subject of a request is its own; events that are the same to the
/// byte cannot be told apart, so that one of them may be taken for another that came just before it.
fn mark(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    (
        &*message.subject,
        message.reply.as_deref(),
        &message.payload,
    )
        .hash(&mut hasher);
    let headers = message.headers.iter().flat_map(HeaderMap::iter);
    // They are in no order.
    let headers = headers.map(|(name, values)| {
        let mut hasher = DefaultHasher::new();
        AsRef::<[u8]>::as_ref(name).hash(&mut hasher);
        for value in values {
            value.as_str().hash(&mut hasher);
        }
        hasher.finish()
    });
    headers.fold(0, u64::wrapping_add).hash(&mut hasher);
    hasher.finish()
}

/// Messages that have come by another way, and are not to be read again.
#[derive(Debug)]
pub(super) struct Known {
    marks: HashMap<u64, usize>,
    until: Instant,
}

impl Known {
    fn new(notes: &Notes) -> Self {
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            marks: notes.take().unwrap_or_default(),
            until: Instant::now() + CROSS_WITHIN,
        }
    }

    /// Whether this one has come before. Once for each time that it has.
    pub(super) fn has(&mut self, message: &Message) -> bool {
        let Some(left) = self.marks.get_mut(&mark(message)) else {
            return false;
        };
        let known = *left > 0;
        *left = left.saturating_sub(1);
        known
    }

    /// Whether the other way is long gone.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() > self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_known_by_their_headers_too_in_any_order() {
        let marked = |headers: &[(&str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, *value);
            }
            mark(&Message {
                subject: "a".into(),
                reply: None,
                payload: "same".into(),
                headers: Some(map),
                status: None,
                description: None,
                length: 5,
            })
        };
        let many = ["A", "B", "C", "D"].map(|name| (name, "x"));
        let mut turned = many;
        turned.reverse();
        assert_eq!(marked(&many), marked(&turned));
        assert_ne!(marked(&[("Id", "1")]), marked(&[("Id", "2")]));
        assert_ne!(marked(&[("A", "x")]), marked(&[("B", "x")]));
        assert_ne!(marked(&[("A", "xy")]), marked(&[("A", "x"), ("A", "y")]));
        assert_ne!(marked(&[]), marked(&[("A", "")]));
    }
}
