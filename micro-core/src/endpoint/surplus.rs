//! The requests that reach a function beside the one that it serves.
//!
//! They are kept until its endpoints have left their subjects, for before that the server might send
//! them here again. Then each goes to another instance, and the answer back to its caller. Only where
//! there is no other, the caller is told to try again. What has no caller, an event above all, is
//! published again, and is counted as lost where the server does not take it.
//!
//! A server can be told to send one message only (`UNSUB` with a limit). That is not done here, since
//! it loses requests: another server of the cluster goes on sending until it hears of it, and what
//! comes then is dropped without a word to the caller. And it would be one for each endpoint.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::Endpoint;
use super::limits::Arrival;
use super::ticket::Ticket;
use crate::context::TIMEOUT_HEADER;
use crate::task;
use crate::wire::{
    Connection, Event, Headers, LEAVE_WITHIN, Message, Outbound, Refused, apart, weight,
};

/// How many requests are kept, and how many bytes of memory for them: what a server can send between the
/// first request and the word that no more are wanted. What comes on top is told to try again at once.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// How many are published again before the server is asked what became of them. The client tells of no
/// more refusals at a time than its channel has room for, which is twice as many.
const AT_A_TIME: usize = 64;

/// An endpoint's part in serving one request.
#[derive(Debug)]
pub(super) struct Once {
    ticket: Arc<Ticket>,
    surplus: Mutex<Surplus>,
}

#[derive(Debug, Default)]
struct Surplus {
    requests: Vec<Arrival>,
    bytes: usize,
    /// Nobody comes for more.
    is_over: bool,
}

impl Once {
    pub(super) fn new(ticket: Arc<Ticket>) -> Self {
        Self {
            ticket,
            surplus: Mutex::default(),
        }
    }

    /// The request, if it is the one to be served, or if nothing can be done for it but to refuse it.
    pub(super) fn admit(&self, mut request: Arrival) -> Admission {
        if self.ticket.take() {
            return Admission::Serve(request);
        }
        let mut surplus = self.surplus();
        let bytes = surplus.bytes.saturating_add(weight(&request.message));
        if surplus.is_over || surplus.requests.len() >= KEPT || bytes > KEPT_BYTES {
            return Admission::Refuse(request);
        }
        apart(&mut request.message);
        surplus.bytes = bytes;
        surplus.requests.push(request);
        Admission::Keep
    }

    /// What has been kept, the last time that somebody comes for it.
    fn take(&self) -> Vec<Arrival> {
        let mut surplus = self.surplus();
        surplus.is_over = true;
        std::mem::take(&mut surplus.requests)
    }

    fn surplus(&self) -> MutexGuard<'_, Surplus> {
        self.surplus.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of a request that reaches a function.
pub(super) enum Admission {
    Serve(Arrival),
    Keep,
    Refuse(Arrival),
}

impl Endpoint {
    /// Hands on what has been kept, once the endpoint has left its subject; at most for a time.
    pub(crate) fn hand_on(&self, within: Duration) -> BoxFuture<'_, ()> {
        let surplus = self.once.as_ref().map(Once::take).unwrap_or_default();
        let has_caller = |request: &Arrival| request.message.reply.is_some();
        let (requests, others): (Vec<_>, Vec<_>) = surplus
            .into_iter()
            .partition(|request| !self.is_subscriber() && has_caller(request));
        let asking = requests.into_iter().map(move |request| {
            let handing: BoxFuture<'_, ()> = Box::pin(self.hand_on_one(request, within));
            handing
        });
        let publishing: BoxFuture<'_, ()> = Box::pin(self.hand_on_silently(others, within));
        task::all(asking.chain(std::iter::once(publishing)))
    }

    async fn hand_on_one(&self, request: Arrival, within: Duration) {
        let connection = self.connection().lane(request.lane);
        let patience = patience(&request, within);
        // Without a queue group, each of the others has one of its own.
        let handed_on = self.definition.queue_group.is_some()
            && timeout(patience, pass(connection, &request.message))
                .await
                .unwrap_or(false);
        if !handed_on {
            // A connection that is down takes nothing.
            let _ = timeout(LEAVE_WITHIN, self.refuse_surplus(request)).await;
        }
    }

    /// Hands on what nobody waits for: whether that is taken, the server alone can tell.
    async fn hand_on_silently(&self, messages: Vec<Arrival>, within: Duration) {
        // Without a queue group, each of the others has an event of its own.
        let is_shared = self.definition.queue_group.is_some();
        if messages.is_empty() || self.is_subscriber() && !is_shared {
            return;
        }
        let lost = if is_shared {
            self.publish_again(messages, within).await
        } else {
            messages
        };
        if self.is_subscriber() {
            self.drop_surplus(lost.len() as u64);
            return;
        }
        for request in lost {
            self.refuse_surplus(request).await;
        }
    }

    /// Publishes messages once more. Returns those that the server has not taken, as far as it tells.
    async fn publish_again(&self, messages: Vec<Arrival>, within: Duration) -> Vec<Arrival> {
        let (began, within) = (Instant::now(), within.max(LEAVE_WITHIN));
        let mut lost = Vec::new();
        let mut messages = messages.into_iter();
        loop {
            let some: Vec<_> = messages.by_ref().take(AT_A_TIME).collect();
            // A function reads one connection.
            let Some(lane) = some.first().map(|first| first.lane) else {
                return lost;
            };
            let passing = pass_silently(self.connection().lane(lane), &some);
            let left = within.saturating_sub(began.elapsed());
            let Ok(Some(taken)) = timeout(left, passing).await else {
                // The connection is down, and what the client has taken will not leave before this ends.
                lost.extend(some);
                lost.extend(messages);
                return lost;
            };
            let told = some.into_iter().zip(taken);
            lost.extend(told.filter_map(|(message, taken)| (!taken).then_some(message)));
        }
    }

    /// Tells the caller of a request that this function does not serve to try again.
    pub(super) async fn refuse_surplus(&self, request: Arrival) {
        if self.is_subscriber() {
            return self.drop_surplus(1);
        }
        let text = format!(
            "endpoint `{}` serves one request and had another, and no other instance took this one: try again",
            self.definition.name
        );
        self.turn_away(request, text, Duration::ZERO).await;
    }
}

/// How long the answer of another instance is of use.
fn patience(request: &Arrival, within: Duration) -> Duration {
    let headers = request.message.headers.as_ref();
    let millis = headers.and_then(|headers| headers.get(TIMEOUT_HEADER)?.as_str().parse().ok());
    match millis.map(Duration::from_millis) {
        Some(patience) => within.min(patience.saturating_sub(request.at.elapsed())),
        None => within,
    }
}

/// Sends a request once more, and its answer to its caller. Whether somebody took it.
async fn pass(connection: &Connection, message: &Message) -> bool {
    let headers = message.headers.clone().map(Headers::from_inner);
    let (subject, payload) = (message.subject.clone(), message.payload.clone());
    let Some(reply_to) = &message.reply else {
        return false;
    };
    let mut events = connection.listen();
    let answer = tokio::select! {
        answer = connection.request(subject, headers, payload) => answer,
        // Nobody will answer then.
        () = refused(&mut events, &message.subject) => return false,
    };
    let Ok(answer) = answer else {
        return false;
    };
    let answer = Outbound {
        subject: reply_to.clone(),
        reply: answer.reply,
        headers: answer.headers.map(Headers::from_inner),
        payload: answer.payload,
    };
    // Whoever took it has answered: that this does not leave is no reason to ask for it again.
    if let Err(error) = connection.answer(answer).await {
        tracing::debug!(target: crate::log::CONNECTION, %error, "an answer was not handed on");
    }
    true
}

/// Sends messages once more that have no answer. Which of them the server has taken; nothing, if it does
/// not say.
async fn pass_silently(connection: &Connection, messages: &[Arrival]) -> Option<Vec<bool>> {
    let mut events = connection.listen();
    let mut taken = Vec::with_capacity(messages.len());
    for Arrival { message, .. } in messages {
        taken.push(connection.send(again(message)).await.is_ok());
    }
    connection.confirmed().await.ok()?;
    let told = std::iter::from_fn(|| events.try_next());
    let mut refused = HashSet::new();
    for event in told {
        match event {
            Event::Refused(Refused::Publish { subject }) => _ = refused.insert(subject),
            // It may have been one.
            Event::Missed => return None,
            _ => {}
        }
    }
    for (taken, Arrival { message, .. }) in taken.iter_mut().zip(messages) {
        *taken &= !refused.contains(&*message.subject);
    }
    Some(taken)
}

/// The message as it came.
fn again(message: &Message) -> Outbound {
    Outbound {
        subject: message.subject.clone(),
        reply: message.reply.clone(),
        headers: message.headers.clone().map(Headers::from_inner),
        payload: message.payload.clone(),
    }
}

/// Waits until the server says that it takes no message on `subject` from here.
async fn refused(events: &mut crate::wire::Listener, subject: &str) {
    loop {
        if let Event::Refused(Refused::Publish { subject: refused }) = events.next().await
            && refused == subject
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::Lane;

    fn arrival(headers: Option<&Headers>, payload: Bytes) -> Arrival {
        Arrival {
            message: Message {
                subject: "a".into(),
                reply: None,
                length: payload.len(),
                payload,
                headers: headers.cloned().map(Headers::into_inner),
                status: None,
                description: None,
            },
            at: Instant::now(),
            lane: Lane::default(),
        }
    }

    /// A function that has had its request.
    fn once() -> Once {
        let once = Once::new(Arc::default());
        let first = once.admit(arrival(None, Bytes::new()));
        assert!(matches!(first, Admission::Serve(_)));
        once
    }

    #[test]
    fn what_is_kept_is_bounded_by_the_memory_that_it_takes() {
        let once = once();
        let mut headers = Headers::new();
        for name in 0..50_000 {
            headers.insert(&format!("h{name}"), "").unwrap();
        }
        // Next to nothing on the wire, and 16 MB each.
        let admit = || once.admit(arrival(Some(&headers), Bytes::new()));
        for _ in 0..4 {
            assert!(matches!(admit(), Admission::Keep));
        }
        assert!(matches!(admit(), Admission::Refuse(_)));
        assert_eq!(once.take().len(), 4);
    }

    #[test]
    fn what_is_kept_lets_go_of_the_buffer_that_it_was_read_into() {
        let once = once();
        let buffer = Bytes::from(vec![0; 64 * 1024]);
        let kept = once.admit(arrival(None, buffer.slice(..1)));
        assert!(matches!(kept, Admission::Keep));
        assert!(buffer.is_unique());
        assert_eq!(once.take().len(), 1);
    }
}
