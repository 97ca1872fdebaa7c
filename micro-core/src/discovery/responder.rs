//! The nine subscriptions of the discovery, and the tasks that answer them.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::Documents;
use crate::context::Instance;
use crate::error::{Incident, Incidents};
use crate::log::{Flood, Pause, REQUEST, line};
use crate::wire::{
    AskError, Connection, Home, Message, Outbound, Outbox, PublishError, Reader, Receive, Sent,
    Subscription, read_aside,
};

const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

/// All services, one name, one instance.
const LEVELS: usize = 3;

/// The subjects that an instance answers on: each verb for all services, for its name, and for its
/// id (ADR-32, discovery and status).
pub(crate) fn subjects(instance: &Instance) -> Vec<String> {
    let Instance { name, id, .. } = instance;
    VERBS
        .iter()
        .flat_map(|verb| {
            [
                format!("$SRV.{verb}"),
                format!("$SRV.{verb}.{name}"),
                format!("$SRV.{verb}.{name}.{id}"),
            ]
        })
        .collect()
}

/// Asks for all of them, never in a queue group: each instance answers for itself.
pub(crate) fn subscribe<'a>(
    connection: &'a Connection,
    instance: &'a Instance,
) -> BoxFuture<'a, Result<Vec<Subscription>, AskError>> {
    Box::pin(async move {
        let mut subscriptions = Vec::with_capacity(VERBS.len() * LEVELS);
        for subject in subjects(instance) {
            subscriptions.push(connection.ask_for(&subject, None).await?);
        }
        Ok(subscriptions)
    })
}

/// The tasks that answer: one for STATS, which may call what is the user's, and one for the rest,
/// so that a stats handler that blocks hides nothing but STATS.
#[derive(Debug)]
pub(crate) struct Responder {
    rest: Reader,
    stats: Reader,
}

impl Responder {
    /// Starts answering. What is the user's runs at `home`, if that is elsewhere.
    pub(crate) fn start(
        connection: &Connection,
        home: Option<&Home>,
        documents: &Arc<Documents>,
        incidents: &Incidents,
        subscriptions: Vec<Subscription>,
    ) -> Self {
        let read = |subscriptions: Vec<Subscription>| {
            let answers = Answers {
                connection: connection.clone(),
                documents: Arc::clone(documents),
                incidents: incidents.clone(),
                unsent: Arc::default(),
            };
            let answering = Answering {
                answers,
                outbox: None,
                answer: None,
            };
            read_aside(&connection.runtime(), home, subscriptions, answering)
        };
        let mut subscriptions = subscriptions.into_iter();
        // As they were asked for: verb by verb, STATS last.
        let rest = subscriptions.by_ref().take(LEVELS * (VERBS.len() - 1));
        Self {
            rest: read(rest.collect()),
            stats: read(subscriptions.collect()),
        }
    }

    pub(crate) fn readers(&self) -> impl Iterator<Item = &Reader> + Clone {
        [&self.rest, &self.stats].into_iter()
    }

    /// Waits until nothing more will ever be asked.
    pub(crate) fn ended(&self) -> BoxFuture<'static, ()> {
        let (rest, stats) = (self.rest.ended(), self.stats.ended());
        Box::pin(async move {
            rest.await;
            stats.await;
        })
    }
}

/// What answers.
#[derive(Clone, Debug)]
struct Answers {
    connection: Connection,
    documents: Arc<Documents>,
    incidents: Incidents,
    unsent: Arc<Flood>,
}

impl Answers {
    /// Anybody can ask for answers to a subject that takes none.
    fn log_dropped(&self, incident: &Incident) {
        if !self.unsent.count() {
            return;
        }
        let Instance { name, id, .. } = self.documents.instance();
        tracing::warn!(
            target: REQUEST,
            service = name,
            instance = id,
            subject = incident.subject().map(line),
            error = line(&incident.to_string()),
            "reply dropped"
        );
        let (service, instance) = (name.clone(), id.clone());
        self.unsent.follow(move |Pause { kept_back, .. }| {
            if kept_back > 0 {
                tracing::warn!(target: REQUEST, service, instance, kept_back, "reply dropped");
            }
        });
    }

    /// Answers by the subject alone: bodies and headers of these requests mean nothing.
    async fn answer(self, message: Message) {
        let Some(reply) = message.reply else {
            let subject = message.subject.to_string();
            let service = &self.documents.instance().name;
            tracing::debug!(target: REQUEST, service, subject = line(&subject), "discovery request without a reply subject");
            self.incidents.report(Incident::NoReplySubject { subject });
            return;
        };
        let payload = match self.prepared(&message.subject) {
            Some(prepared) => prepared,
            None => Arc::clone(&self.documents).stats_bytes().await,
        };
        let answer = Outbound {
            subject: reply,
            reply: None,
            headers: None,
            payload,
        };
        if let Err(error) = self.connection.answer(answer).await {
            self.unsent(&message.subject, &error);
        }
    }

    /// The answer, but for the verb that has none prepared.
    fn prepared(&self, subject: &str) -> Option<Bytes> {
        match subject.split('.').nth(1) {
            Some("PING") => Some(self.documents.ping_bytes()),
            Some("INFO") => Some(self.documents.info_bytes()),
            _ => None,
        }
    }

    fn unsent(&self, subject: &str, error: &PublishError) {
        let incident = Incident::ReplyNotSent {
            subject: subject.to_owned(),
            reason: error.to_string(),
        };
        self.log_dropped(&incident);
        self.incidents.report(incident);
    }
}

/// What reads the questions, one after the other.
struct Answering {
    answers: Answers,
    /// Made for the first answer.
    outbox: Option<Outbox>,
    /// An answer that could not be given at once.
    answer: Option<BoxFuture<'static, ()>>,
}

impl Answering {
    /// Sends what is prepared, if there is no more to it. One question may be for a thousand instances
    /// in a process.
    fn answers_at_once(&mut self, message: &Message, cx: &mut Context<'_>) -> bool {
        let Some(reply_to) = &message.reply else {
            return false;
        };
        let answers = &self.answers;
        let Some(payload) = answers.prepared(&message.subject) else {
            return false;
        };
        let outbox = || Outbox::new(answers.connection.clone());
        let outbox = self.outbox.get_or_insert_with(outbox);
        if !outbox.takes(reply_to, &payload) {
            return false;
        }
        match outbox.send(reply_to.clone(), payload, cx) {
            Sent::Now(Ok(())) => {}
            Sent::Now(Err(error)) => answers.unsent(&message.subject, &error),
            Sent::Later(sending) => {
                let (answers, subject) = (answers.clone(), message.subject.clone());
                self.answer = Some(Box::pin(async move {
                    if let Err(error) = sending.await {
                        answers.unsent(&subject, &error);
                    }
                }));
            }
        }
        true
    }
}

impl Receive for Answering {
    fn receive(&mut self, message: Message, cx: &mut Context<'_>) {
        if self.answers_at_once(&message, cx) {
            return;
        }
        let mut answer: BoxFuture<'static, ()> = Box::pin(self.answers.clone().answer(message));
        if answer.as_mut().poll(cx).is_pending() {
            self.answer = Some(answer);
        }
    }

    fn is_ready(&self) -> bool {
        self.answer.is_none()
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(answer) = &mut self.answer else {
            return Poll::Pending;
        };
        let polled = answer.as_mut().poll(cx);
        if polled.is_ready() {
            self.answer = None;
        }
        polled
    }

    fn is_busy(&self) -> bool {
        self.answer.is_some()
    }
}
