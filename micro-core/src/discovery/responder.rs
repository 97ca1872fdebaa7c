//! The nine subscriptions of the discovery, and the tasks that answer them.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::SelectAll;

use super::Documents;
use crate::context::Instance;
use crate::error::{Incident, Incidents};
use crate::log::{Flood, Pause, REQUEST, line};
use crate::wire::{
    Connection, Home, Message, Outbound, Reader, Receive, SubscribeError, Subscription,
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
pub(crate) async fn subscribe(
    connection: &Connection,
    instance: &Instance,
) -> Result<Vec<Subscription>, SubscribeError> {
    let mut subscriptions = Vec::with_capacity(VERBS.len() * LEVELS);
    for subject in subjects(instance) {
        subscriptions.push(connection.subscribe(&subject, None).await?);
    }
    Ok(subscriptions)
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
        let read = |source: SelectAll<Subscription>| {
            let answers = Answers {
                connection: connection.clone(),
                documents: Arc::clone(documents),
                incidents: incidents.clone(),
                unsent: Arc::default(),
            };
            Reader::start_on(
                &connection.runtime(),
                home,
                source,
                Answering {
                    answers,
                    answer: None,
                },
            )
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
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (rest, stats) = (self.rest.ended(), self.stats.ended());
        async move {
            tokio::join!(rest, stats);
        }
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
        let payload = match message.subject.split('.').nth(1) {
            Some("PING") => self.documents.ping_bytes(),
            Some("INFO") => self.documents.info_bytes(),
            Some("STATS") => Arc::clone(&self.documents).stats_bytes().await,
            _ => return,
        };
        let answer = Outbound {
            subject: reply,
            reply: None,
            headers: None,
            payload,
        };
        if let Err(error) = self.connection.answer(answer).await {
            let incident = Incident::ReplyNotSent {
                subject: message.subject.to_string(),
                reason: error.to_string(),
            };
            self.log_dropped(&incident);
            self.incidents.report(incident);
        }
    }
}

/// What reads the questions, one after the other.
struct Answering {
    answers: Answers,
    /// An answer that could not be given at once.
    answer: Option<BoxFuture<'static, ()>>,
}

impl Receive for Answering {
    fn receive(&mut self, message: Message, cx: &mut Context<'_>) {
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
