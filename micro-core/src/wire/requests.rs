//! Requests and the replies to them, over one subscription of the connection.
//!
//! async-nats has this too, but keeps an entry for ever for each request that times out or is
//! given up. Here the entry goes with the future that waits for it.
//!
//! A reply goes to its caller from within the client's own task, as there: a task in between would
//! cost each call a second switch. What the client wakes when it has put a message into the
//! subscription is therefore no task but an [`Alarm`], which hands on what has come.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use async_nats::{Client, Message, Subject, Subscriber};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::panic_text;
use crate::log::{CONNECTION, line};

/// The reply inbox of a connection.
pub(super) struct Requests {
    inbox: Arc<Inbox>,
    /// The inbox with a dot behind it.
    prefix: String,
    count: AtomicU64,
    secret: RandomState,
}

struct Inbox {
    subscriber: Mutex<Subscriber>,
    /// The bytes of a reply's subject before its ticket.
    prefix_bytes: usize,
    waiting: Arc<Waiting>,
    /// How often it was woken since somebody is at it.
    alarms: AtomicUsize,
}

/// Those who wait, by their ticket.
#[derive(Default)]
struct Waiting(Mutex<Callers>);

#[derive(Default)]
struct Callers {
    by_ticket: HashMap<u64, oneshot::Sender<Message>, BuildHasherDefault<AsItIs>>,
    /// No reply will come any more.
    closed: bool,
}

impl Requests {
    /// Subscribes to an inbox of the connection's own and reads it until this is dropped.
    pub(super) fn open(client: &Client) -> BoxFuture<'_, Result<Self, async_nats::SubscribeError>> {
        Box::pin(async move {
            let prefix = format!("{}.", client.new_inbox());
            let subscriber = client.subscribe(format!("{prefix}*")).await?;
            let inbox = Arc::new(Inbox {
                subscriber: Mutex::new(subscriber),
                prefix_bytes: prefix.len(),
                waiting: Arc::default(),
                alarms: AtomicUsize::new(0),
            });
            // From now on the client does it.
            Arc::new(Alarm(Arc::downgrade(&inbox))).wake();
            Ok(Self {
                inbox,
                prefix,
                count: AtomicU64::new(0),
                secret: RandomState::new(),
            })
        })
    }

    /// No reply comes any more, whether the client has ended or not.
    pub(super) fn give_up(&self) {
        self.inbox.waiting.close();
    }

    /// How many wait for a reply.
    pub(super) fn waiting(&self) -> usize {
        self.inbox.waiting.callers().by_ticket.len()
    }

    /// A subject for one reply, and the future of that reply.
    pub(super) fn expect_reply(&self) -> (Subject, Pending) {
        // Whoever has seen one ticket cannot tell another, and so answers no request but those that
        // have reached him.
        let ticket = self
            .secret
            .hash_one(self.count.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        let mut callers = self.inbox.waiting.callers();
        if !callers.closed {
            callers.by_ticket.insert(ticket, sender);
        }
        drop(callers);
        let pending = Pending {
            ticket,
            waiting: Arc::clone(&self.inbox.waiting),
            receiver,
            is_over: false,
        };
        (reply_subject(&self.prefix, ticket), pending)
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// The digits of a ticket: all of them, so that nothing is divided.
const DIGITS: usize = 16;

fn reply_subject(prefix: &str, ticket: u64) -> Subject {
    let mut subject = String::with_capacity(prefix.len() + DIGITS);
    subject.push_str(prefix);
    for place in (0..DIGITS).rev() {
        let digit = u32::try_from((ticket >> (4 * place)) & 0xf).unwrap_or_default();
        subject.push(char::from_digit(digit, 16).unwrap_or_default());
    }
    subject.into()
}

/// Hands on what has come, wherever it is woken.
struct Alarm(Weak<Inbox>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if let Some(inbox) = self.0.upgrade() {
            inbox.hand_on(&self.into());
        }
    }
}

impl Inbox {
    /// Whoever is at it already goes round once more: he may be further up on this very stack, where
    /// a waker is called as it is registered, and have the lock.
    fn hand_on(&self, again: &Waker) {
        if self.alarms.fetch_add(1, Ordering::AcqRel) > 0 {
            return;
        }
        // Whoever is woken may do anything, and his log may: what panics ends the client, and what that
        // drops has to find nobody at it.
        let at_it = AtIt(&self.alarms);
        let mut seen = 1;
        loop {
            self.hand_on_all(again);
            let end = self
                .alarms
                .compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire);
            match end {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        std::mem::forget(at_it);
    }

    fn hand_on_all(&self, again: &Waker) {
        let mut context = Context::from_waker(again);
        loop {
            // Not under the lock: what is woken by a reply may do anything.
            match self.poll_next(&mut context) {
                Poll::Ready(Some(message)) => self.deliver(message),
                // The connection is closed: dropping the senders tells everybody who still waits.
                Poll::Ready(None) => return self.waiting.close(),
                Poll::Pending => return,
            }
        }
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let subscriber = self.subscriber.lock();
        let mut subscriber = subscriber.unwrap_or_else(PoisonError::into_inner);
        // The client's task is not to be out of its budget by this: what is left for later would
        // wait until it runs again.
        pin!(tokio::task::unconstrained(subscriber.next())).poll(context)
    }

    fn deliver(&self, message: Message) {
        let ticket = message.subject.get(self.prefix_bytes..);
        let ticket = ticket.and_then(|ticket| u64::from_str_radix(ticket, 16).ok());
        if let Some(caller) = ticket.and_then(|ticket| self.waiting.take(ticket)) {
            // The caller may have given up just now.
            wake(|| drop(caller.send(message)));
        }
    }
}

/// Set back where what is done panics.
struct AtIt<'a>(&'a AtomicUsize);

impl Drop for AtIt<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

impl Waiting {
    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, ticket: u64) -> Option<oneshot::Sender<Message>> {
        self.callers().by_ticket.remove(&ticket)
    }

    fn close(&self) {
        let mut callers = self.callers();
        callers.closed = true;
        let waiting = std::mem::take(&mut callers.by_ticket);
        drop(callers);
        for (_, caller) in waiting {
            wake(|| drop(caller));
        }
    }
}

/// Calls a waker that may be anybody's. If it panics, that is not to end the client.
fn wake(caller: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(caller)) {
        let error = line(&panic_text(panic));
        tracing::error!(target: CONNECTION, error, "the waker of a call panicked");
    }
}

/// A reply that has not come yet. Dropping it gives the request up.
pub(super) struct Pending {
    ticket: u64,
    waiting: Arc<Waiting>,
    receiver: oneshot::Receiver<Message>,
    /// Whether there is no entry any more.
    is_over: bool,
}

impl Pending {
    /// The reply; `None` when the connection is closed before it comes.
    pub(super) async fn reply(&mut self) -> Option<Message> {
        let reply = (&mut self.receiver).await;
        self.is_over = true;
        reply.ok()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_over {
            drop(self.waiting.take(self.ticket));
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

/// Tickets are as good as random already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, ticket: u64) {
        self.0 = ticket;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use micro_devserver::DevServer;

    use super::*;
    use crate::wire::Connection;

    const MANY: usize = 500;

    /// So that what does not come is a failure.
    async fn soon<F: Future>(future: F) -> F::Output {
        let done = tokio::time::timeout(Duration::from_secs(30), future).await;
        done.expect("it took too long")
    }

    /// A client whose requests on `silent` arrive and are not answered.
    async fn silence() -> (DevServer, Client, Subscriber) {
        let server = DevServer::start().await.unwrap();
        let client = async_nats::connect(server.url()).await.unwrap();
        let silent = client.subscribe("silent").await.unwrap();
        (server, client, silent)
    }

    #[tokio::test]
    async fn what_is_given_up_leaves_nothing_behind() {
        let (_server, client, mut silent) = silence().await;
        let connection = Connection::from(client.clone());
        let request = || connection.request("silent".into(), None, Bytes::new());
        for turn in 0..MANY {
            let mut dropped = Box::pin(request());
            let arrived = tokio::select! {
                reply = &mut dropped => panic!("nobody answers: {reply:?}"),
                arrived = silent.next() => arrived.unwrap(),
            };
            assert_eq!(connection.calls_waiting(), 1);
            drop(dropped);
            assert_eq!(
                connection.calls_waiting(),
                0,
                "the one dropped in turn {turn}"
            );
            let late = tokio::time::timeout(Duration::from_millis(1), request()).await;
            assert!(late.is_err());
            silent.next().await.unwrap();
            assert_eq!(connection.calls_waiting(), 0, "the late one of turn {turn}");
            // Now, when nobody waits for it.
            let reply = arrived.reply.unwrap();
            client.publish(reply, Bytes::new()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_connection_that_is_closed() {
        let (_server, client, mut silent) = silence().await;
        let requests = Requests::open(&client).await.unwrap();
        let (subject, mut early) = requests.expect_reply();
        // The subscription is at the server.
        client.publish("silent", Bytes::new()).await.unwrap();
        silent.next().await.unwrap();
        client.drain().await.unwrap();
        assert!(soon(early.reply()).await.is_none(), "{subject}");
        let (_, mut late) = requests.expect_reply();
        assert!(soon(late.reply()).await.is_none());
        assert_eq!(requests.waiting(), 0);
    }

    #[tokio::test]
    async fn the_subscription_goes_with_its_requests() {
        let (_server, client, mut silent) = silence().await;
        let requests = Requests::open(&client).await.unwrap();
        let (subject, pending) = requests.expect_reply();
        drop(requests);
        // Behind the end of the subscription.
        client
            .publish_with_reply(subject, "silent", Bytes::new())
            .await
            .unwrap();
        let answer = soon(silent.next()).await.unwrap();
        assert_eq!(answer.status, Some(async_nats::StatusCode::NO_RESPONDERS));
        drop(pending);
    }

    /// As when the client's task ends while the first call registers its waker.
    #[tokio::test]
    async fn an_alarm_that_is_woken_while_somebody_is_at_it_returns_at_once() {
        let (_server, client, _silent) = silence().await;
        let requests = Requests::open(&client).await.unwrap();
        let alarm: Waker = Arc::new(Alarm(Arc::downgrade(&requests.inbox))).into();
        let at_it = requests.inbox.alarms.fetch_add(1, Ordering::AcqRel);
        assert_eq!(at_it, 0);
        let lock = requests.inbox.subscriber.lock().unwrap();
        alarm.wake_by_ref();
        drop(lock);
        assert_eq!(requests.inbox.alarms.load(Ordering::Acquire), 2);
        // What came meanwhile is handed on by whoever is at it.
        requests.inbox.alarms.store(0, Ordering::Release);
        alarm.wake();
        let (subject, mut pending) = requests.expect_reply();
        client.publish(subject, Bytes::new()).await.unwrap();
        assert!(soon(pending.reply()).await.is_some());
        assert_eq!(requests.inbox.alarms.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_waker_that_panics_keeps_nobody_from_a_reply() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("as it is woken");
            }
        }
        let (_server, client, mut silent) = silence().await;
        let requests = Requests::open(&client).await.unwrap();
        let (bad, mut its) = requests.expect_reply();
        let waker: Waker = Arc::new(Panics).into();
        let polled = pin!(its.reply()).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let (good, mut other) = requests.expect_reply();
        for subject in [bad, good, "silent".into()] {
            client.publish(subject, Bytes::new()).await.unwrap();
        }
        assert!(soon(other.reply()).await.is_some());
        assert!(soon(silent.next()).await.is_some(), "the client goes on");
    }

    #[test]
    fn a_ticket_is_read_as_it_is_written() {
        for ticket in [0, 1, 0xfedc_ba98_7654_3210, u64::MAX] {
            let subject = reply_subject("_INBOX.a.", ticket);
            let read = u64::from_str_radix(&subject["_INBOX.a.".len()..], 16);
            assert_eq!(read, Ok(ticket), "{subject}");
            assert_eq!(subject.len(), "_INBOX.a.".len() + DIGITS);
        }
    }
}
