//! What a handler may ask about the request it answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::endpoint::{Recent, Role};
use crate::error::{Incidents, refuse_reserved};
use crate::wire::{Connection, HeaderError, Headers, Lane, Subject};

/// What a service or an endpoint says of itself beside its name: text by key.
pub type Metadata = BTreeMap<String, String>;

/// The header by which a caller says for how many milliseconds it waits.
pub(crate) const TIMEOUT_HEADER: &str = "Micro-Timeout";

/// Who serves: one running service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) version: String,
}

/// Where a request arrived: one endpoint of one instance.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) instance: Arc<Instance>,
    /// A subscriber has its name here too.
    pub(crate) endpoint: String,
    pub(crate) role: Role,
    /// The names of the subject's placeholders, each with the index of its token.
    pub(crate) placeholders: Vec<(String, usize)>,
    pub(crate) connection: Connection,
    pub(crate) incidents: Incidents,
    /// Where replies went.
    pub(crate) recent: Recent,
}

/// What has been said so far in answer to one request.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Headers for the replies to come.
    pub(crate) headers: Option<Headers>,
    /// What went wrong with a reply that the handler sent itself, for `last_error`.
    pub(crate) failure: Option<String>,
}

/// What a handler may ask about its request, and where it sets headers of the reply.
///
/// Of an event it knows the same: its subject, its headers, and a reply subject if whoever sent it named
/// one, which nobody answers but the handler, with [`reply`](Self::reply), if it wants to.
///
/// Take it as `&Context` in an `#[endpoint]`, or with `request.context()` in a handler of the
/// builder.
///
/// ```
/// # use micro_core as micro;
/// use micro::{Context, Error};
///
/// fn whoami(ctx: &Context) -> Result<String, Error> {
///     ctx.set_header("X-Served-By", ctx.instance_id())?;
///     Ok(ctx.header("X-User").unwrap_or("nobody").to_owned())
/// }
/// ```
#[derive(Debug)]
pub struct Context {
    place: Arc<Place>,
    subject: Subject,
    reply: Option<Subject>,
    headers: Option<Headers>,
    arrived: Instant,
    lane: Lane,
    said: Mutex<Said>,
}

impl Context {
    /// One without a request: see [`refill`](Self::refill).
    pub(crate) fn idle(place: Arc<Place>) -> Self {
        Self {
            place,
            subject: Subject::from_static(""),
            reply: None,
            headers: None,
            arrived: Instant::now(),
            lane: Lane::default(),
            said: Mutex::default(),
        }
    }

    /// Puts a request in, in place of the last; in other memory, where somebody has kept that.
    pub(crate) fn refill(
        this: &mut Arc<Self>,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<Headers>,
        arrived: Instant,
        lane: Lane,
    ) {
        if let Some(context) = Arc::get_mut(this) {
            context.lane = lane;
            context.subject = subject;
            context.reply = reply;
            context.headers = headers;
            context.arrived = arrived;
            // Somebody may have had the last one for longer, and said something more.
            let said = context.said.get_mut();
            *said.unwrap_or_else(PoisonError::into_inner) = Said::default();
            return;
        }
        *this = Arc::new(Self {
            place: Arc::clone(&this.place),
            subject,
            reply,
            headers,
            arrived,
            lane,
            said: Mutex::default(),
        });
    }

    /// Lets go of what is part of a read buffer, unless somebody has kept the request.
    pub(crate) fn empty(this: &mut Arc<Self>) {
        if let Some(context) = Arc::get_mut(this) {
            context.subject = Subject::from_static("");
            context.reply = None;
            context.headers = None;
        }
    }

    /// What was said in the end, and where the reply goes.
    pub(crate) fn conclude(this: &mut Arc<Self>) -> (Said, Option<Subject>) {
        match Arc::get_mut(this) {
            Some(context) => {
                let said = context.said.get_mut();
                let said = std::mem::take(said.unwrap_or_else(PoisonError::into_inner));
                (said, context.reply.take())
            }
            // Somebody has kept the request, and may have more to say.
            None => (this.said_so_far(), this.reply.clone()),
        }
    }

    /// The subject of the request, as it was sent.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Where the caller waits for the reply; `None` when it wants none.
    pub fn reply_subject(&self) -> Option<&str> {
        self.reply.as_deref()
    }

    /// The first value of a request header. Names are case-sensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.get(name)
    }

    /// The headers of the request, if it has any.
    pub fn headers(&self) -> Option<&Headers> {
        self.headers.as_ref()
    }

    /// The token of the subject that stands for `{name}`.
    pub fn placeholder(&self, name: &str) -> Option<&str> {
        let (_, index) = self.place.placeholders.iter().find(|(n, _)| n == name)?;
        self.subject.split('.').nth(*index)
    }

    /// When the caller will have given up, if it said so: what this framework's callers say with
    /// [`Call::timeout`](crate::Call::timeout) or [`Caller::timeout`](crate::Caller::timeout), counted
    /// from the arrival of the request.
    ///
    /// Nothing happens to the handler then; it can spare itself work that nobody waits for. To
    /// bound it, give the endpoint a timeout.
    pub fn deadline(&self) -> Option<Instant> {
        let millis = self.header(TIMEOUT_HEADER)?.parse().ok()?;
        self.arrived.checked_add(Duration::from_millis(millis))
    }

    /// How long the caller still waits, if it said so; nothing when it has given up.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Sets a header of the reply, in place of an earlier value. A reply that has been sent by then
    /// goes without it.
    ///
    /// # Errors
    ///
    /// When the header cannot be sent (see [`Headers::insert`]), or is one of the two that make a
    /// reply an error: return an error for those.
    pub fn set_header(&self, name: &str, value: &str) -> Result<(), HeaderError> {
        refuse_reserved(name)?;
        self.said()
            .headers
            .get_or_insert_default()
            .insert(name, value)
    }

    /// What it is that arrived, in a word.
    pub(crate) fn what(&self) -> &'static str {
        match self.place.role {
            Role::Request => "request",
            Role::Event => "event",
        }
    }

    /// The name of the endpoint, or of the subscriber.
    pub fn endpoint(&self) -> &str {
        &self.place.endpoint
    }

    /// The name of the service.
    pub fn service(&self) -> &str {
        &self.place.instance.name
    }

    /// The id of this instance of the service.
    pub fn instance_id(&self) -> &str {
        &self.place.instance.id
    }

    /// The service's connection, for calls and messages of the handler's own.
    pub fn connection(&self) -> &Connection {
        &self.place.connection
    }

    /// The connection that the request came by, for its answer.
    pub(crate) fn way_back(&self) -> &Connection {
        self.place.connection.lane(self.lane)
    }

    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.place.recent
    }

    pub(crate) fn incidents(&self) -> &Incidents {
        &self.place.incidents
    }

    /// What has been said so far. The headers stay, for replies that come later still.
    pub(crate) fn said_so_far(&self) -> Said {
        let mut said = self.said();
        Said {
            headers: said.headers.clone(),
            failure: said.failure.take(),
        }
    }

    pub(crate) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
