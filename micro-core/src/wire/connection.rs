//! A connection to NATS: ask for subjects, send, barrier, close.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_nats::client::traits::Publisher as _;
use async_nats::client::{PublishErrorKind, SubscribeErrorKind};
use async_nats::connection::State;
use async_nats::{Client, Message, Subject, Subscriber};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use micro_names::Shown;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::barrier::{self, BarrierError};
use super::error::{AskError, FlushError, PublishError, RequestError};
use super::events::{Events, Listener};
use super::headers::Headers;
use super::keeper::{self, Again};
use super::link::{Current, Links};
use super::moving::Bridge;
use super::outbound::{Outbound, SUBJECTS_MAX_BYTES};
use super::replies::{Replies, says_no_responders};
use super::reply_subject;
use super::shard::Shard;
use super::subscription::{Slot, Subscription, subscribe};
use crate::log::CONNECTION;

/// How long the client may take to accept a subscription.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// How long a move of the connection to another server may take, from one end of it to the other: for
/// replies and for services that stop it waits 5 s each, for the server's word 2 s a time.
const MOVED_WITHIN: Duration = Duration::from_secs(20);

/// How long the server may take to read what was sent before a connection is closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// How long the client may take to end after that.
const END_WITHIN: Duration = Duration::from_secs(1);

/// How soon to look again for a client in place of one that has failed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A connection to NATS, shared by everything that uses it. Cloning is cheap.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example() -> Result<(), micro::ConnectError> {
/// let connection = micro::Connection::connect("nats://127.0.0.1:4222").await?;
/// # Ok(()) }
/// ```
///
/// A client of your own works as well: `Connection::from(client)`, or
/// [`Connection::with_events`] to have its events seen.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) links: Links,
    pub(super) events: Events,
    /// Whether somebody sees to it that there is a client.
    is_kept: AtomicBool,
    /// What stands in for the client while it changes its server.
    bridge: RwLock<Option<Arc<Bridge>>>,
    /// Whether there is one: cheaper to ask than for itself.
    is_bridged: AtomicBool,
    /// Whether it was closed by whoever has it.
    is_closed: AtomicBool,
    /// What came of that.
    closed: tokio::sync::OnceCell<Result<(), BarrierError>>,
    /// Held while it does.
    pub(super) gate: Arc<tokio::sync::RwLock<()>>,
    /// What the subscriptions read.
    slots: Mutex<Vec<Weak<Slot>>>,
    /// Whether anybody feeds the events.
    observed: bool,
    /// The thread that it has for itself.
    shard: Option<Shard>,
    /// Those beside it, over which services are read as well.
    beside: OnceLock<Box<[Connection]>>,
    /// One fence at a time: their answers do not tell whose they are.
    fence: tokio::sync::Mutex<()>,
}

impl Connection {
    /// A connection over a client of your own, with the [`Events`] that its callback feeds.
    pub fn with_events(client: Client, events: Events) -> Self {
        Self::of(client, events, true, None)
    }

    pub(super) fn of(client: Client, events: Events, observed: bool, shard: Option<Shard>) -> Self {
        Self {
            inner: Arc::new(Inner {
                observed,
                shard,
                beside: OnceLock::new(),
                fence: tokio::sync::Mutex::new(()),
                links: Links::new(client),
                events,
                is_kept: AtomicBool::new(false),
                bridge: RwLock::default(),
                is_bridged: AtomicBool::new(false),
                is_closed: AtomicBool::new(false),
                closed: tokio::sync::OnceCell::new(),
                gate: Arc::default(),
                slots: Mutex::default(),
            }),
        }
    }

    /// Moves to another server when this one is about to go, and has another client take over from
    /// one that fails. To be asked for before there are subscriptions.
    pub(super) fn keep(&self, again: Again) {
        self.inner.is_kept.store(true, Ordering::Relaxed);
        let events = self.inner.events.listen();
        tokio::spawn(keeper::keep(Arc::downgrade(&self.inner), events, again));
    }

    /// Has services read from others as well. To be said before there are services.
    pub(super) fn go_with(&self, others: Vec<Self>) {
        // The first one who says it is the one who made it.
        let _ = self.inner.beside.set(others.into());
    }

    /// Itself, and those beside it.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (Lane, &Self)> {
        let beside = self.inner.beside.get().into_iter().flatten();
        (0..).map(Lane).zip(std::iter::once(self).chain(beside))
    }

    /// Whether there are others beside it.
    pub(crate) fn has_others(&self) -> bool {
        let beside = self.inner.beside.get();
        beside.is_some_and(|beside| !beside.is_empty())
    }

    /// One of [`lanes`](Self::lanes).
    pub(crate) fn lane(&self, Lane(lane): Lane) -> &Self {
        let Some(beside) = usize::from(lane).checked_sub(1) else {
            return self;
        };
        let all = self.inner.beside.get();
        all.and_then(|all| all.get(beside)).unwrap_or(self)
    }

    /// Where what is read from it is read: on its own thread, if it has one.
    pub(crate) fn runtime(&self) -> Handle {
        let shard = self.inner.shard.as_ref();
        shard.map_or_else(Handle::current, |shard| shard.handle().clone())
    }

    /// Whether it has a thread of its own.
    pub(crate) fn is_apart(&self) -> bool {
        self.inner.shard.is_some()
    }

    /// The client underneath, for what this crate does not do. What is done with it is not moved
    /// when the server goes, and is lost with the client when that fails: ask again then.
    pub fn client(&self) -> Client {
        self.inner.links.current().client.clone()
    }

    /// Whether the server can be reached at this moment. Of several
    /// [`connections`](super::ConnectOptions::connections), it is the first that tells.
    pub fn is_connected(&self) -> bool {
        let state = self.inner.links.current().client.connection_state();
        state == State::Connected && !self.inner.events.has_failed() && !self.is_closed()
    }

    /// Closes it for good, for all who share it. What was sent before goes out first, and the server
    /// confirms that it has read it, for which it has 5 s; whoever closes it as well is told the same.
    ///
    /// Whatever is asked of it from then on is an error, services over it stop, and subscriptions end
    /// when what they have has been read. Stop services yourself before: that loses nothing. A client of
    /// your own that has no server is closed when it has one again; one of this crate asks for none any
    /// more, but for an attempt that is under way.
    ///
    /// # Errors
    ///
    /// When the server does not say so in time, such as because it is away: what was sent last may not
    /// have reached it. It is closed all the same.
    pub async fn close(&self) -> Result<(), FlushError> {
        let ending = self.lanes().map(|(_, lane)| {
            let inner = &lane.inner;
            Box::pin(inner.closed.get_or_init(|| inner.end()))
        });
        let ended = join_all(ending).await;
        let ended: Result<(), BarrierError> = ended.into_iter().cloned().collect();
        Ok(ended?)
    }

    /// Whether it was closed by whoever has it.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Waits until it is closed for good.
    pub(crate) async fn until_closed(&self) {
        self.inner.events.until_over().await;
    }

    /// How many messages the client has dropped so far, at least, of any subscription.
    pub(crate) fn dropped(&self) -> u64 {
        self.inner.events.dropped()
    }

    /// The largest message, in bytes, that the server accepts.
    pub fn max_payload(&self) -> usize {
        self.inner.links.current().client.max_payload()
    }

    /// The name and the version that the server gives itself.
    pub(crate) fn server(&self) -> (String, String) {
        let info = self.inner.links.current().client.server_info();
        (info.server_name, info.version)
    }

    pub(crate) fn listen(&self) -> Listener {
        self.inner.events.listen()
    }

    /// Asks the server for `subject`. The server may still refuse it: that arrives as an event, at
    /// the latest with the next barrier.
    pub(crate) async fn ask_for(
        &self,
        subject: &str,
        queue_group: Option<&str>,
    ) -> Result<Subscription, AskError> {
        if self.is_closed() {
            return Err(AskError::Closed);
        }
        // There may be a thousand: the client takes most of them at once.
        if self.is_plain()
            && let Ok(_settled) = self.inner.gate.try_read()
            && let client = &self.inner.links.current().client
            && let Some(Ok(subscriber)) = subscribe(client, subject, queue_group).now_or_never()
        {
            return Ok(self.subscription(subscriber, subject, queue_group));
        }
        Box::pin(self.subscribe_in_time(subject, queue_group)).await
    }

    async fn subscribe_in_time(
        &self,
        subject: &str,
        queue_group: Option<&str>,
    ) -> Result<Subscription, AskError> {
        // A client that is disconnected takes no commands once its queue of them is full.
        let mut until = Instant::now() + ASK_WITHIN;
        loop {
            let link = timeout_at(until, self.inner.link()).await;
            let link = link.map_err(|_| AskError::Down)?;
            // That takes none of the client's time.
            let held_up = Instant::now();
            let settled = timeout(MOVED_WITHIN, self.inner.gate.read()).await;
            let settled = settled.map_err(|_| AskError::Moving)?;
            until += held_up.elapsed();
            let asked = timeout_at(until, subscribe(&link.client, subject, queue_group)).await;
            match asked.map_err(|_| AskError::Down)? {
                Ok(subscriber) => return Ok(self.subscription(subscriber, subject, queue_group)),
                // The client has failed, and that is about to be seen.
                Err(error) if self.is_kept() && error.kind() == SubscribeErrorKind::Other => {}
                Err(error) => return Err(unasked(&error)),
            }
            drop(settled);
            if Instant::now() > until {
                return Err(AskError::Down);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn subscription(
        &self,
        subscriber: Subscriber,
        subject: &str,
        queue_group: Option<&str>,
    ) -> Subscription {
        let gate = &self.inner.gate;
        let subscription =
            Subscription::new(subscriber, subject, queue_group, gate, self.is_kept());
        self.inner.note(subscription.slot());
        subscription
    }

    /// Waits until the server has read everything sent before.
    pub(crate) async fn barrier(&self, within: Duration) -> Result<(), BarrierError> {
        let events = &self.inner.events;
        let crossing = async {
            loop {
                let client = &self.inner.link().await.client;
                match barrier::barrier(client, events, within).await {
                    Err(BarrierError::Closed) if self.inner.is_kept() => {
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                    crossed => return crossed,
                }
            }
        };
        let crossed = timeout(within, crossing).await;
        crossed.unwrap_or(Err(BarrierError::TimedOut(within)))
    }

    /// Whether refusals are seen.
    pub(crate) fn is_observed(&self) -> bool {
        self.inner.observed
    }

    /// Waits until whatever the server refused before is among the events, if anybody sees them.
    pub(crate) async fn fence(&self, within: Duration) {
        if !self.is_observed() {
            return;
        }
        let asking = async {
            let _one = self.inner.fence.lock().await;
            let client = self.client();
            barrier::fence(&client, &self.inner.events, within).await
        };
        // All of it in time: others wait for the same, and a client that is disconnected takes no
        // commands once its queue of them is full.
        let crossed = timeout(within, asking).await;
        if let Err(error) = crossed.unwrap_or(Err(BarrierError::TimedOut(within))) {
            tracing::debug!(target: CONNECTION, %error, "refused subscriptions may be seen late");
        }
    }

    /// Whether another client takes over from one that fails.
    pub(crate) fn is_kept(&self) -> bool {
        self.inner.is_kept()
    }

    pub(crate) async fn send(&self, message: Outbound) -> Result<(), PublishError> {
        match self.inner.bridge() {
            Some(bridge) if bridge.takes(&message.subject) => {
                self.send_by(&bridge.client, message).await
            }
            _ => {
                let link = self.inner.link().await;
                self.send_by(&link.client, message).await
            }
        }
    }

    async fn send_by(&self, client: &Client, message: Outbound) -> Result<(), PublishError> {
        let subjects = message.subjects_bytes();
        if subjects > SUBJECTS_MAX_BYTES {
            return Err(PublishError::SubjectTooLong { bytes: subjects });
        }
        let bytes = message.payload.len();
        let sent = client.publish_message(message.into()).await;
        sent.map_err(|error| self.unsent(error.kind(), bytes))
    }

    /// Why a message with a body of so many bytes was not sent.
    pub(super) fn unsent(&self, kind: PublishErrorKind, bytes: usize) -> PublishError {
        match kind {
            PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge {
                bytes,
                limit_bytes: self.max_payload(),
            },
            PublishErrorKind::InvalidSubject => PublishError::InvalidSubject,
            PublishErrorKind::Send => self.inner.ended(),
        }
    }

    /// Which client it has: changes when that is replaced.
    pub(super) fn version(&self) -> usize {
        self.inner.links.version()
    }

    /// Whether there is nothing to it but its client.
    pub(super) fn is_plain(&self) -> bool {
        !self.inner.is_bridged.load(Ordering::Relaxed) && !self.inner.events.has_failed()
    }

    /// Sends the answer to a request. Its subject was chosen by whoever sent the request, and is
    /// answered with this connection's permissions: see [`reply_subject`](super::reply_subject).
    pub(crate) async fn answer(&self, message: Outbound) -> Result<(), PublishError> {
        if let Err(reason) = reply_subject::check(&message.subject) {
            return Err(PublishError::ReplySubject {
                subject: Shown(&message.subject).to_string(),
                reason,
            });
        }
        self.send(message).await
    }

    /// Sends a request and waits for the reply, for ever: the caller sets the bound. Dropping the
    /// future gives the request up and leaves nothing behind.
    pub(crate) async fn request(
        &self,
        subject: Subject,
        headers: Option<Headers>,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        if self.is_closed() {
            return Err(RequestError::Publish(PublishError::Closed));
        }
        // It stays until the reply is here.
        let bridge = self.inner.bridge().filter(|bridge| bridge.is_open());
        let link;
        let (client, requests) = if let Some(bridge) = &bridge {
            (&bridge.client, &bridge.requests)
        } else {
            link = if self.is_plain() {
                self.inner.links.current()
            } else {
                // Boxed, not to make each call's future larger.
                Box::pin(self.inner.link()).await
            };
            let requests = link.requests().await;
            let requests = requests.map_err(|_| RequestError::Publish(self.inner.ended()))?;
            (&link.client, requests)
        };
        let (reply, mut pending) = requests.expect_reply();
        let message = Outbound {
            subject,
            reply: Some(reply),
            headers,
            payload,
        };
        self.send_by(client, message)
            .await
            .map_err(RequestError::Publish)?;
        match pending.reply().await {
            Some(message) if says_no_responders(&message) => Err(RequestError::NoResponders),
            Some(message) => Ok(message),
            None => Err(RequestError::Publish(self.inner.ended())),
        }
    }

    /// Why no reply comes any more.
    pub(crate) fn ended(&self) -> PublishError {
        self.inner.ended()
    }

    #[cfg(test)]
    pub(super) fn calls_waiting(&self) -> usize {
        self.inner.links.current().calls_waiting()
    }

    /// Sends a request that several may answer, and gives their replies, `at_most` of them. Dropping
    /// the replies, or this future, leaves nothing behind.
    pub(crate) async fn request_many(
        &self,
        subject: Subject,
        headers: Option<Headers>,
        payload: Bytes,
        at_most: u64,
    ) -> Result<Replies, PublishError> {
        if self.is_closed() {
            return Err(PublishError::Closed);
        }
        let bridge = self.inner.bridge().filter(|bridge| bridge.is_open());
        let link;
        let (client, inboxes) = if let Some(bridge) = &bridge {
            (&bridge.client, None)
        } else {
            link = self.inner.link().await;
            (&link.client, Some(&link.inboxes))
        };
        let opened = Replies::open(client, inboxes, at_most).await;
        let (inbox, replies) = opened.map_err(|_| self.inner.ended())?;
        let message = Outbound {
            subject,
            reply: Some(inbox),
            headers,
            payload,
        };
        self.send_by(client, message).await?;
        Ok(replies)
    }

    /// Waits until everything published has left this process.
    pub(crate) async fn written(&self) -> Result<(), PublishError> {
        let flushed = self.inner.links.current().client.flush().await;
        flushed.map_err(|_| self.inner.ended())
    }
}

impl Inner {
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    async fn end(&self) -> Result<(), BarrierError> {
        self.is_closed.store(true, Ordering::Relaxed);
        let is_ours = self.is_kept();
        self.let_go();
        // From here on, none takes its place.
        self.links.close();
        let client = self.links.current().client.clone();
        let crossing = barrier::barrier(&client, &self.events, CLOSE_WITHIN);
        // What it is moved over has requests of ours, and answers that are owed.
        let stands_in = async {
            if let Some(bridge) = self.locked_bridge() {
                bridge.end().await;
            }
        };
        let (crossed, ()) = tokio::join!(crossing, stands_in);
        if !drained(&client).await {
            // The client may not come to that before there is a server again: nobody waits for it.
            self.links.current().give_up();
            for slot in self.all_slots() {
                slot.end();
            }
            self.events.observe(&async_nats::Event::Closed);
            if !is_ours {
                // Its queue may have no room for that before there is a server.
                tokio::spawn(async move { client.drain().await });
            }
        }
        crossed
    }

    fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// What to send over. Waits while there is nothing and will be.
    async fn link(&self) -> Current<'_> {
        if self.events.has_failed() && self.is_kept() {
            self.events.until_renewed().await;
        }
        self.links.current()
    }

    /// Why the client takes nothing.
    fn ended(&self) -> PublishError {
        if self.is_kept() {
            PublishError::Lost
        } else {
            PublishError::Closed
        }
    }

    /// The client has been closed, and no other is wanted.
    pub(super) fn let_go(&self) {
        self.is_kept.store(false, Ordering::Relaxed);
        self.events.let_go();
        for slot in self.all_slots() {
            slot.let_go();
        }
    }

    fn bridge(&self) -> Option<Arc<Bridge>> {
        if !self.is_bridged.load(Ordering::Relaxed) {
            return None;
        }
        self.locked_bridge()
    }

    /// Looked at under its lock: a move that sets it later sees what was said before.
    fn locked_bridge(&self) -> Option<Arc<Bridge>> {
        let bridge = self.bridge.read().unwrap_or_else(PoisonError::into_inner);
        bridge.clone()
    }

    pub(super) fn set_bridge(&self, bridge: Option<Arc<Bridge>>) {
        let mut current = self.bridge.write().unwrap_or_else(PoisonError::into_inner);
        self.is_bridged.store(bridge.is_some(), Ordering::Relaxed);
        *current = bridge;
    }

    /// Forgets this one, unless there is another by now.
    pub(super) fn drop_bridge(&self, bridge: &Arc<Bridge>) {
        let current = self.bridge();
        if current.is_some_and(|current| Arc::ptr_eq(&current, bridge)) {
            self.set_bridge(None);
        }
    }

    fn note(&self, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // Not each time: a service may have a thousand endpoints.
        if slots.len() == slots.capacity() {
            slots.retain(|slot| slot.strong_count() > 0);
            let room = slots.len().max(8);
            slots.reserve(room);
        }
        slots.push(Arc::downgrade(slot));
    }

    /// What all subscriptions read that there are.
    pub(super) fn all_slots(&self) -> Vec<Arc<Slot>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter().filter_map(Weak::upgrade).collect()
    }

    /// The same without those that are being left.
    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        let mut slots = self.all_slots();
        slots.retain(|slot| !slot.is_left());
        slots
    }
}

/// Why a client has not taken a subscription.
fn unasked(error: &async_nats::SubscribeError) -> AskError {
    match error.kind() {
        SubscribeErrorKind::InvalidSubject | SubscribeErrorKind::InvalidQueueName => {
            AskError::Invalid(error.to_string())
        }
        SubscribeErrorKind::Other => AskError::Closed,
    }
}

/// Ends a client, and waits for that; whether it has ended in time.
pub(super) fn drained(client: &Client) -> BoxFuture<'_, bool> {
    let ending = async {
        // While it is being closed, the client takes commands that it does nothing with.
        while client.drain().await.is_ok() && client.flush().await.is_ok() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let ended = timeout(END_WITHIN, ending);
    Box::pin(async { ended.await.is_ok() })
}

impl From<Client> for Connection {
    fn from(client: Client) -> Self {
        Self::of(client, Events::new(), false, None)
    }
}

impl From<&Client> for Connection {
    fn from(client: &Client) -> Self {
        client.clone().into()
    }
}

impl From<&Connection> for Connection {
    fn from(connection: &Connection) -> Self {
        connection.clone()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

/// Which of the connections of a service: its own, or one beside that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lane(u8);
