//! What a connection has to say that belongs to no message: it went, it came back, the server
//! refused something.
//!
//! async-nats reports these to one callback, given when the connection is made. [`Events`] is that
//! callback: it hands each event on to whoever listens.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, broadcast};

use super::connect_error::is_about_who;
use crate::log::{CONNECTION, Flood, Pause};

/// How many events a listener may be behind before it misses the oldest. Events are rare (a
/// reconnect, a refused subscription), so this is for bursts of refusals at a start.
const BACKLOG: usize = 256;

/// The client tells of each message that it drops, which may be thousands in a second, as far as its own
/// channel has room. All that it tells of are counted, and one of them in this time is handed on, so
/// that they push nothing else out.
const DROPS_TOLD_EVERY: Duration = Duration::from_millis(100);

/// The longest pause before an attempt to come back: that of async-nats.
const RECONNECT_AFTER_MAX: Duration = Duration::from_secs(4);

/// The events of one connection.
///
/// A [`Connection`](crate::Connection) that this crate makes has its own. If you bring a client of
/// your own, plug one in, so that refused subscriptions and lost connections are seen:
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use micro::{Connection, Events};
///
/// let events = Events::new();
/// let client = async_nats::ConnectOptions::new()
///     .event_callback(events.callback())
///     .connect("nats://127.0.0.1:4222")
///     .await?;
/// let connection = Connection::with_events(client, events);
/// # Ok(()) }
/// ```
///
/// If you have a callback already, call [`observe`](Self::observe) from it.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    drops: Arc<Drops>,
    life: Arc<Life>,
    fences: Arc<Fences>,
}

/// What nats-server answers to a subscription that no subject can match.
const FENCE_ANSWER: &str = "Invalid Subject";

/// Answers to the [fence](super::barrier::fence). They are for who waits for one, and for nobody
/// else: of a thousand instances on a connection each would be woken by the start of every other. What
/// the server says of a subscription of the user's own that nothing can match is the same to the
/// letter, and taken for one while one is waited for.
#[derive(Debug, Default)]
struct Fences {
    waiting: AtomicUsize,
    answers: AtomicU64,
    told: Notify,
}

impl Fences {
    /// Whether an event is such an answer, and somebody waits for it.
    fn take(&self, event: &async_nats::Event) -> bool {
        let is_answer = self.waiting.load(Ordering::SeqCst) > 0
            && matches!(event, async_nats::Event::ServerError(error) if error.to_string().contains(FENCE_ANSWER));
        if is_answer {
            self.answers.fetch_add(1, Ordering::SeqCst);
            self.told.notify_waiters();
        }
        is_answer
    }
}

/// A wait for the answer to a fence, from before that is asked for.
pub(super) struct Fence {
    fences: Arc<Fences>,
    /// How many there had been.
    before: u64,
}

impl Fence {
    pub(super) async fn answered(&self) {
        loop {
            // Made before the look, so that what happens in between is not missed.
            let told = self.fences.told.notified();
            if self.fences.answers.load(Ordering::SeqCst) != self.before {
                return;
            }
            told.await;
        }
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        self.fences.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether there is a client behind the connection.
#[derive(Debug, Default)]
struct Life {
    has_failed: AtomicBool,
    /// How many have.
    failures: AtomicU64,
    /// It went, and that was not wanted.
    is_away: AtomicBool,
    /// Somebody else stands in for the client.
    is_covered: AtomicBool,
    /// Which client it is whose events count.
    client: AtomicU64,
    /// No other will take its place.
    is_over: AtomicBool,
    /// Told when one has, or none will.
    renewed: Notify,
}

/// How many clients had failed when another was begun.
#[derive(Debug)]
pub(super) struct Renewing(u64);

/// Goes with the client that it was given to. One that ends as it should says so before.
#[derive(Debug)]
struct Witness {
    events: Events,
    client: u64,
    /// It has been connected, and has not been closed.
    lives: AtomicBool,
}

impl Witness {
    fn is_current(&self) -> bool {
        self.client == self.events.life.client.load(Ordering::SeqCst)
    }

    fn observe(&self, event: &async_nats::Event) {
        if !self.is_current() {
            return;
        }
        match event {
            async_nats::Event::Connected => self.lives.store(true, Ordering::SeqCst),
            async_nats::Event::Closed => self.lives.store(false, Ordering::SeqCst),
            _ => {}
        }
        self.events.observe(event);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if *self.lives.get_mut() && self.is_current() {
            let life = &self.events.life;
            life.failures.fetch_add(1, Ordering::SeqCst);
            life.has_failed.store(true, Ordering::SeqCst);
            self.events.tell(Event::ClientFailed);
        }
    }
}

/// Messages that the client had no room for.
#[derive(Debug, Default)]
struct Drops {
    count: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Drops {
    /// Counts one more. Whether to tell of it.
    fn one(&self) -> bool {
        self.count.fetch_add(1, Ordering::SeqCst);
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| now.duration_since(told) > DROPS_TOLD_EVERY);
        if due {
            *told = Some(now);
        }
        due
    }
}

impl Events {
    /// Events nobody feeds yet.
    pub fn new() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            drops: Arc::default(),
            life: Arc::default(),
            fences: Arc::default(),
        }
    }

    /// Those of a client that stands in for this one: what it drops is counted with what this one does.
    pub(super) fn beside(&self) -> Self {
        Self {
            drops: Arc::clone(&self.drops),
            ..Self::new()
        }
    }

    /// The function for [`async_nats::ConnectOptions::event_callback`].
    pub fn callback(
        &self,
    ) -> impl Fn(async_nats::Event) -> std::future::Ready<()> + Send + Sync + 'static + use<> {
        let witness = Witness {
            events: self.clone(),
            client: self.life.client.load(Ordering::SeqCst),
            lives: AtomicBool::new(false),
        };
        move |event| {
            witness.observe(&event);
            std::future::ready(())
        }
    }

    /// Hands one event of the client on. For a callback of your own.
    pub fn observe(&self, event: &async_nats::Event) {
        if matches!(event, async_nats::Event::SlowConsumer(_)) && !self.drops.one() {
            return;
        }
        if self.fences.take(event) {
            return;
        }
        self.tell(Event::read(event));
        let life = &self.life;
        match event {
            async_nats::Event::Disconnected if !life.is_covered.load(Ordering::SeqCst) => {
                life.is_away.store(true, Ordering::SeqCst);
            }
            async_nats::Event::Connected if life.is_away.swap(false, Ordering::SeqCst) => {
                self.interrupted();
            }
            _ => {}
        }
    }

    fn tell(&self, event: Event) {
        // An error means that nobody listens now, which is fine.
        let _ = self.sender.send(event);
    }

    /// Subscriptions may have missed something.
    pub(super) fn interrupted(&self) {
        self.tell(Event::Interrupted);
    }

    /// From now on nothing is missed when the client goes, or from now on something is.
    pub(super) fn cover(&self, is_covered: bool) {
        self.life.is_covered.store(is_covered, Ordering::SeqCst);
    }

    /// Whether the client has failed, and no other has taken its place.
    pub(super) fn has_failed(&self) -> bool {
        self.life.has_failed.load(Ordering::Relaxed)
    }

    /// Another client is made: what those before it have to say concerns nobody any more.
    pub(super) fn renewing(&self) -> Renewing {
        self.life.client.fetch_add(1, Ordering::SeqCst);
        Renewing(self.life.failures.load(Ordering::SeqCst))
    }

    /// It has taken over, unless it has failed already.
    pub(super) fn renewed(&self, Renewing(failures): Renewing) {
        self.life.has_failed.store(false, Ordering::SeqCst);
        if self.life.failures.load(Ordering::SeqCst) != failures {
            self.life.has_failed.store(true, Ordering::SeqCst);
        }
        self.life.is_away.store(false, Ordering::SeqCst);
        self.life.renewed.notify_waiters();
        self.interrupted();
    }

    /// Waits for a client, unless none will come.
    pub(super) async fn until_renewed(&self) {
        loop {
            let renewed = self.life.renewed.notified();
            if !self.has_failed() || self.is_over() {
                return;
            }
            renewed.await;
        }
    }

    /// No other client is wanted.
    pub(super) fn let_go(&self) {
        self.life.is_over.store(true, Ordering::SeqCst);
        self.life.renewed.notify_waiters();
    }

    fn is_over(&self) -> bool {
        self.life.is_over.load(Ordering::SeqCst)
    }

    /// Waits until no other client is wanted.
    pub(super) async fn until_over(&self) {
        loop {
            let told = self.life.renewed.notified();
            if self.is_over() {
                return;
            }
            told.await;
        }
    }

    /// How long the client waits before its next attempt to come back: as async-nats has it, and once the
    /// connection is closed as good as for ever. Nothing else keeps a client from logging in that
    /// has no server.
    pub(super) fn reconnect_delay(&self) -> impl Fn(usize) -> Duration + Send + Sync + 'static {
        let life = Arc::clone(&self.life);
        move |attempts| {
            if life.is_over.load(Ordering::SeqCst) {
                return Duration::MAX;
            }
            let doubled = u32::try_from(attempts).unwrap_or(u32::MAX).checked_sub(1);
            match doubled {
                None | Some(0) => Duration::ZERO,
                Some(doubled) => {
                    RECONNECT_AFTER_MAX.min(Duration::from_millis(2_u64.saturating_pow(doubled)))
                }
            }
        }
    }

    /// To wait for the answer to a fence that is about to be asked for.
    pub(super) fn fence(&self) -> Fence {
        let fences = Arc::clone(&self.fences);
        fences.waiting.fetch_add(1, Ordering::SeqCst);
        Fence {
            before: fences.answers.load(Ordering::SeqCst),
            fences,
        }
    }

    /// How many messages the client has dropped so far, at least: it tells of each by a channel of
    /// 128, and not of those for which that has no room.
    pub(super) fn dropped(&self) -> u64 {
        self.drops.count.load(Ordering::SeqCst)
    }

    /// More than a listener has room for.
    #[cfg(test)]
    pub(crate) fn flood(&self) {
        for number in 0..2 * BACKLOG {
            self.tell(Event::Other(number.to_string()));
        }
    }

    pub(crate) fn listen(&self) -> Listener {
        Listener {
            receiver: self.sender.subscribe(),
            drops: Arc::clone(&self.drops),
            missed: Arc::default(),
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The connection is up again.
    Connected,
    /// The connection is down; the client tries to get it back.
    Disconnected,
    /// The connection is closed for good.
    Closed,
    /// The client has ended by a fault of its own, such as at a message that it cannot read. A
    /// [`Connection`](crate::Connection) that this crate has made goes on with another.
    ClientFailed,
    /// It is up again, by whatever way, and what was sent to its subscriptions meanwhile is lost. A
    /// connection that moves from a server that is about to go loses nothing.
    Interrupted,
    /// The server's permissions do not allow something that was asked for.
    Refused(Refused),
    /// The server does not let this connection in any more; the client goes on asking.
    LoginRefused {
        /// What the client says of it.
        reason: String,
    },
    /// The server is about to go: it takes nobody new, and ends its connections after a while.
    LameDuck,
    /// Messages arrived faster than they were read, and some were dropped. Told at most ten times a
    /// second.
    SlowConsumer,
    /// Events that came faster than they were read, whatever they were.
    Missed,
    /// Anything else, in the client's words.
    Other(String),
}

/// What the server's permissions do not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A subscription; no request on it will arrive.
    Subscription {
        /// The subject that was asked for.
        subject: String,
        /// The queue group that was asked for, if there was one and the server names it, as
        /// nats-server does when it is asked.
        queue_group: Option<String>,
        /// It was there, and a reload of the configuration has taken it away. Without a group, it may have
        /// been in any then: nats-server names it from some version on.
        is_revoked: bool,
    },
    /// A message; it was not delivered.
    Publish {
        /// The subject it was for.
        subject: String,
    },
}

impl Event {
    fn read(event: &async_nats::Event) -> Self {
        use async_nats::Event as Nats;
        match event {
            Nats::Connected => Self::Connected,
            Nats::Disconnected => Self::Disconnected,
            Nats::Closed => Self::Closed,
            Nats::SlowConsumer(_) => Self::SlowConsumer,
            Nats::LameDuckMode => Self::LameDuck,
            Nats::ClientError(async_nats::ClientError::Other(reason)) if is_about_who(reason) => {
                Self::LoginRefused {
                    reason: reason.clone(),
                }
            }
            Nats::ServerError(error) => {
                let text = error.to_string();
                Refused::read(&text).map_or(Self::Other(text), Self::Refused)
            }
            other => Self::Other(other.to_string()),
        }
    }
}

impl Refused {
    /// Reads nats-server's `Permissions Violation for Subscription to "subject" using queue "q"`, and what
    /// it says at a reload: the same with ` (sid "3")` behind it, and by most versions without the group.
    fn read(text: &str) -> Option<Self> {
        let after = |marker: &str| text.split_once(marker).map(|(_, after)| after);
        if let Some(quoted) = after("Permissions Violation for Subscription to \"") {
            let (subject, rest) = unquote(quoted)?;
            let group = rest.strip_prefix(" using queue \"").and_then(unquote);
            return Some(Self::Subscription {
                subject,
                queue_group: group.map(|(group, _)| group),
                is_revoked: rest.contains(" (sid "),
            });
        }
        let (subject, _) = unquote(after("Permissions Violation for Publish to \"")?)?;
        Some(Self::Publish { subject })
    }

    /// Whether it is, or may be, about the subscription of somebody who has asked for this.
    pub(crate) fn takes_away(&self, asked: &str, group: Option<&str>) -> bool {
        match self {
            Self::Subscription {
                subject,
                queue_group,
                is_revoked,
            } => {
                let named = queue_group.as_deref();
                subject == asked && (named == group || named.is_none() && *is_revoked)
            }
            Self::Publish { .. } => false,
        }
    }

    pub(crate) fn subject(&self) -> &str {
        match self {
            Self::Subscription { subject, .. } | Self::Publish { subject } => subject,
        }
    }
}

/// Reads the rest of what Go's `%q` has quoted, and gives what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut bytes = Vec::new();
    let mut rest = quoted.chars();
    loop {
        let next = rest.next()?;
        let read = match (next, next == '\\') {
            ('"', _) => {
                return Some((String::from_utf8_lossy(&bytes).into_owned(), rest.as_str()));
            }
            (plain, false) => plain,
            (_, true) => match rest.next()? {
                'x' => {
                    bytes.push(u8::try_from(hexadecimal(&mut rest, 2)?).ok()?);
                    continue;
                }
                'u' => char::from_u32(hexadecimal(&mut rest, 4)?)?,
                'U' => char::from_u32(hexadecimal(&mut rest, 8)?)?,
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                itself => itself,
            },
        };
        bytes.extend_from_slice(read.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// So many digits of what is left.
fn hexadecimal(rest: &mut std::str::Chars<'_>, digits: usize) -> Option<u32> {
    let (number, after) = rest.as_str().split_at_checked(digits)?;
    *rest = after.chars();
    u32::from_str_radix(number, 16).ok()
}

/// One listener's place in the events.
#[derive(Debug)]
pub(crate) struct Listener {
    receiver: broadcast::Receiver<Event>,
    drops: Arc<Drops>,
    /// Events that were pushed out before they were read.
    missed: Arc<Flood>,
}

impl Listener {
    /// How many messages the client has dropped on this connection so far, at least: it tells of each
    /// by a channel of 128, and not of those for which that has no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.drops.count.load(Ordering::SeqCst)
    }

    /// The next event, [`Missed`](Event::Missed) in the place of those that were pushed out; never again
    /// ready once the connection and its events are gone.
    pub(crate) async fn next(&mut self) -> Event {
        match self.receiver.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(missed)) => self.missed(missed),
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    fn missed(&self, number: u64) -> Event {
        let tell = |missed: u64| {
            tracing::warn!(target: CONNECTION, missed, "connection events came faster than they were read");
        };
        if self.missed.count_many(number) {
            tell(number);
            self.missed.follow(move |Pause { kept_back, .. }| {
                if kept_back > 0 {
                    tell(kept_back);
                }
            });
        }
        Event::Missed
    }

    /// The same if it is here already.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        match self.receiver.try_recv() {
            Ok(event) => Some(event),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(self.missed(missed)),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_comes_back_as_async_nats_does_and_not_once_it_is_closed() {
        let events = Events::new();
        let delay = events.reconnect_delay();
        let delays: Vec<_> = [0, 1, 2, 3, 12, 13, 100, usize::MAX].map(&delay).into();
        let expected = [0, 0, 2, 4, 2048, 4000, 4000, 4000].map(Duration::from_millis);
        assert_eq!(delays, expected);
        events.let_go();
        assert_eq!(delay(1), Duration::MAX);
    }

    #[tokio::test]
    async fn a_listener_is_told_that_it_has_missed_something() {
        let events = Events::new();
        let (mut waits, mut looks) = (events.listen(), events.listen());
        events.tell(Event::Interrupted);
        events.flood();
        assert_eq!(waits.next().await, Event::Missed);
        let all: Vec<_> = std::iter::from_fn(|| looks.try_next()).collect();
        assert_eq!((all.len(), &all[0]), (1 + BACKLOG, &Event::Missed));
    }

    fn refused(text: &str) -> Option<Refused> {
        Refused::read(text)
    }

    #[test]
    fn reads_the_subject_of_a_refused_subscription() {
        assert_eq!(
            refused(r#"nats: Permissions Violation for Subscription to "a.b" using queue "q""#),
            Some(Refused::Subscription {
                subject: "a.b".into(),
                queue_group: Some("q".into()),
                is_revoked: false,
            })
        );
        assert_eq!(
            refused(r#"nats: Permissions Violation for Subscription to "$SRV.PING""#),
            Some(Refused::Subscription {
                subject: "$SRV.PING".into(),
                queue_group: None,
                is_revoked: false,
            })
        );
        assert_eq!(
            refused(r#"nats: Permissions Violation for Publish to "x""#),
            Some(Refused::Publish {
                subject: "x".into()
            })
        );
        assert_eq!(
            refused(
                r#"nats: Permissions Violation for Subscription to "a\"b\\\u00e9\x1b\xff" using queue "\"q""#
            ),
            Some(Refused::Subscription {
                subject: "a\"b\\é\u{1b}\u{fffd}".into(),
                queue_group: Some("\"q".into()),
                is_revoked: false,
            })
        );
        for cut in [r"a\", r"a\x1", r"a\u12é", r#"a\xzz""#] {
            let text = format!("Permissions Violation for Publish to \"{cut}");
            assert_eq!(refused(&text), None, "{text}");
        }
        assert_eq!(refused("nats: something else"), None);
        assert_eq!(
            refused(r#"Permissions Violation for Subscription to "cut"#),
            None
        );
    }

    /// As nats-server has it when a reload takes a subscription away that is there.
    #[test]
    fn what_a_reload_takes_away_may_be_of_any_queue_group() {
        let taken =
            refused(r#"nats: Permissions Violation for Subscription to "orders.>" (sid "3")"#);
        let taken = taken.unwrap();
        assert_eq!(taken.subject(), "orders.>");
        assert!(taken.takes_away("orders.>", Some("q")));
        assert!(taken.takes_away("orders.>", None));
        assert!(!taken.takes_away("orders.*", Some("q")));
        let of_group = r#"Permissions Violation for Subscription to "a" using queue "q" (sid "3")"#;
        let of_group = refused(of_group).unwrap();
        assert!(of_group.takes_away("a", Some("q")));
        assert!(!of_group.takes_away("a", Some("p")) && !of_group.takes_away("a", None));
        let asked = refused(r#"Permissions Violation for Subscription to "a" using queue "q""#);
        let asked = asked.unwrap();
        assert!(asked.takes_away("a", Some("q")));
        assert!(!asked.takes_away("a", Some("p")) && !asked.takes_away("a", None));
    }
}
