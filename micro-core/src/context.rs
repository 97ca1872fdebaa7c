//! What a handler may ask about the request it answers.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::refuse_reserved;
use crate::wire::{Connection, HeaderError, Headers, Subject};

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
    pub(crate) endpoint: String,
    /// The names of the subject's placeholders, each with the index of its token.
    pub(crate) placeholders: Vec<(String, usize)>,
    pub(crate) connection: Connection,
}

/// What a handler may ask about its request, and where it sets headers of the reply.
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
    reply_headers: Mutex<Option<Headers>>,
}

impl Context {
    pub(crate) fn new(
        place: Arc<Place>,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<Headers>,
    ) -> Self {
        Self {
            place,
            subject,
            reply,
            headers,
            reply_headers: Mutex::new(None),
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

    /// Sets a header of the reply, in place of an earlier value.
    ///
    /// # Errors
    ///
    /// When the header cannot be sent (see [`Headers::insert`]), or is one of the two that make a
    /// reply an error: return an error for those.
    pub fn set_header(&self, name: &str, value: &str) -> Result<(), HeaderError> {
        refuse_reserved(name)?;
        self.reply_headers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default()
            .insert(name, value)
    }

    /// The name of the endpoint.
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

    /// The connection that the request came by, for calls and messages of the handler's own.
    pub fn connection(&self) -> &Connection {
        &self.place.connection
    }

    pub(crate) fn take_reply_headers(&self) -> Option<Headers> {
        self.reply_headers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}
