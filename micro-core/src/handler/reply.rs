//! What a handler answers.

use std::any::Any;
use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::client::INSTANCE_HEADER;
use crate::codec;
use crate::context::Context;
use crate::error::{Fault, ServiceError, panic_text, refuse_reserved};
use crate::wire::{HeaderError, HeaderName, Headers};

/// What asks for the id of whoever answers.
static INSTANCE: HeaderName = HeaderName::from_static(INSTANCE_HEADER);

/// The answer to one request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) outcome: Outcome,
    pub(crate) headers: Option<Headers>,
}

/// What kind of answer it is.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Success(Bytes),
    // Boxed: an answer is seldom an error, and a fault is large.
    Fault(Box<Fault>),
    Silence,
}

impl Reply {
    /// A success with a body.
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Outcome::Success(body.into()).into()
    }

    /// A success with a JSON body; an error of code 500 if the value cannot be written.
    pub fn json<T: Serialize + 'static>(value: &T) -> Self {
        match codec::encode(value) {
            Ok(body) => Self::bytes(body),
            Err(error) => {
                let text = format_args!("cannot encode the reply: {error}").to_string();
                Self::fault(Fault::internal(500, text))
            }
        }
    }

    /// An error.
    pub fn error(error: &impl ServiceError) -> Self {
        Self::fault(error.to_fault())
    }

    /// No answer at all: the caller waits in vain, unless something else answers it.
    pub fn silence() -> Self {
        Outcome::Silence.into()
    }

    /// Sets a header of the reply.
    ///
    /// # Errors
    ///
    /// When the header cannot be sent, or is one of the two that make a reply an error.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        refuse_reserved(name)?;
        self.headers.get_or_insert_default().insert(name, value)?;
        Ok(self)
    }

    pub(crate) fn fault(fault: Fault) -> Self {
        Outcome::Fault(Box::new(fault)).into()
    }

    /// The answer of a handler that has panicked.
    pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Self {
        let text = panic_text(panic);
        Self::fault(Fault::internal(
            500,
            format_args!("the handler panicked: {text}"),
        ))
    }

    /// Says which instance answers, if the caller has asked for it.
    pub(crate) fn naming_instance(mut self, context: &Context) -> Self {
        if context
            .headers()
            .is_some_and(|headers| headers.has(&INSTANCE))
        {
            // An id is made of letters and digits.
            let _ = self
                .headers
                .get_or_insert_default()
                .insert(INSTANCE_HEADER, context.instance_id());
        }
        self
    }

    /// Adds headers that were set through the context; the ones of the reply itself win.
    pub(crate) fn with_context_headers(mut self, earlier: Option<Headers>) -> Self {
        self.headers = match (earlier, self.headers) {
            (Some(mut headers), Some(own)) => {
                headers.replace_with(&own);
                Some(headers)
            }
            (earlier, own) => earlier.or(own),
        };
        self
    }
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            headers: None,
        }
    }
}

/// What a handler may return.
///
/// Bytes and text go out as they are; wrap a value in [`Json`] to have it written as JSON; `()` is
/// an empty body; an error of a `Result` is sent as a service error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a handler",
    label = "not a reply",
    note = "return `Bytes`, `String`, `Json(value)`, `Reply`, or a `Result` of one of them"
)]
pub trait IntoReply {
    /// The answer.
    fn into_reply(self) -> Reply;
}

impl IntoReply for Reply {
    fn into_reply(self) -> Reply {
        self
    }
}

impl IntoReply for () {
    fn into_reply(self) -> Reply {
        Reply::bytes(Bytes::new())
    }
}

impl IntoReply for Bytes {
    fn into_reply(self) -> Reply {
        Reply::bytes(self)
    }
}

impl IntoReply for Vec<u8> {
    fn into_reply(self) -> Reply {
        Reply::bytes(self)
    }
}

impl IntoReply for String {
    fn into_reply(self) -> Reply {
        Reply::bytes(self)
    }
}

impl IntoReply for &'static str {
    fn into_reply(self) -> Reply {
        Reply::bytes(self)
    }
}

impl IntoReply for Cow<'static, str> {
    fn into_reply(self) -> Reply {
        Reply::bytes(self.into_owned())
    }
}

impl<T: IntoReply, E: ServiceError> IntoReply for Result<T, E> {
    fn into_reply(self) -> Reply {
        match self {
            Ok(value) => value.into_reply(),
            Err(error) => Reply::error(&error),
        }
    }
}

/// A value that is written as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize + 'static> IntoReply for Json<T> {
    fn into_reply(self) -> Reply {
        Reply::json(&self.0)
    }
}
