//! The nine subscriptions of the discovery, and the task that answers them.

use std::sync::Arc;

use futures_util::stream::SelectAll;

use super::Documents;
use crate::context::Instance;
use crate::error::{Incident, Incidents};
use crate::wire::{Connection, Message, Outbound, Reader, Receive, SubscribeError, Subscription};

const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

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
    let mut subscriptions = Vec::with_capacity(VERBS.len() * 3);
    for subject in subjects(instance) {
        subscriptions.push(connection.subscribe(&subject, None).await?);
    }
    Ok(subscriptions)
}

/// What answers.
#[derive(Debug)]
pub(crate) struct Responder {
    connection: Connection,
    documents: Arc<Documents>,
    incidents: Incidents,
}

impl Responder {
    /// Starts answering, in a task of its own.
    pub(crate) fn start(
        connection: Connection,
        documents: Arc<Documents>,
        incidents: Incidents,
        subscriptions: Vec<Subscription>,
    ) -> Reader {
        let source: SelectAll<Subscription> = subscriptions.into_iter().collect();
        Reader::start(
            source,
            Self {
                connection,
                documents,
                incidents,
            },
        )
    }
}

impl Receive for Responder {
    /// Answers by the subject alone: bodies and headers of these requests mean nothing.
    async fn receive(&mut self, message: Message) {
        let Some(reply) = message.reply else {
            let subject = message.subject.to_string();
            tracing::debug!(%subject, "discovery request without a reply subject");
            self.incidents.report(Incident::NoReplySubject { subject });
            return;
        };
        let payload = match message.subject.split('.').nth(1) {
            Some("PING") => self.documents.ping_bytes(),
            Some("INFO") => self.documents.info_bytes(),
            Some("STATS") => self.documents.stats_bytes(),
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
            tracing::warn!("{incident}");
            self.incidents.report(incident);
        }
    }
}
