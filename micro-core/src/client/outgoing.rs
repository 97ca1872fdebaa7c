//! A request while it is being put together.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::caller::DEFAULT_TIMEOUT;
use super::reading::{Decode, Expected, Reading, Recognise};
use super::{Call, Caller};
use crate::codec;
use crate::context::TIMEOUT_HEADER;
use crate::error::ServiceError;
use crate::wire::{Headers, Subject};

/// A request while it is being put together, argument by argument.
///
/// What cannot be sent is remembered and becomes the call's error, so that a generated method needs
/// no `Result`.
#[derive(Debug)]
pub struct Outgoing<'a> {
    pub(super) caller: &'a Caller,
    /// With its placeholders, until the call is made.
    pattern: Cow<'static, str>,
    /// The values of placeholders, by name.
    values: Vec<(String, String)>,
    pub(super) headers: Option<Headers>,
    pub(super) payload: Bytes,
    pub(super) problem: Option<String>,
}

impl<'a> Outgoing<'a> {
    /// A request for `subject`, which may have `{placeholders}`.
    pub fn new(caller: &'a Caller, subject: impl Into<Cow<'static, str>>) -> Self {
        Self {
            caller,
            pattern: subject.into(),
            values: Vec::new(),
            headers: None,
            payload: Bytes::new(),
            problem: None,
        }
    }

    /// Puts `value` in the place of `{name}`. It must be one token of a subject.
    #[must_use]
    pub fn placeholder(mut self, name: &str, value: &str) -> Self {
        match micro_names::check_token(value) {
            Ok(()) => self.values.push((name.to_owned(), value.to_owned())),
            Err(problem) => self.refuse(format!("`{name}` cannot be in a subject: {problem}")),
        }
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(error) = self.headers.get_or_insert_default().insert(name, value) {
            self.refuse(error.to_string());
        }
        self
    }

    /// Makes `value` the body: as JSON, or as it is if it is `Bytes`.
    #[must_use]
    pub fn json<T: Serialize + 'static>(mut self, value: &T) -> Self {
        match codec::encode_guarded("the payload", value) {
            Ok(body) => self.payload = body,
            Err(reason) => self.refuse(reason),
        }
        self
    }

    /// Makes `body` the body.
    #[must_use]
    pub fn raw(mut self, body: Bytes) -> Self {
        self.payload = body;
        self
    }

    /// Tells the service how long its caller waits.
    pub(super) fn patience(self, timeout: Duration) -> Self {
        self.header(TIMEOUT_HEADER, &timeout.as_millis().to_string())
    }

    /// The call, with the types that its reply is read as.
    pub fn call<R, E>(self) -> Call<'a, R, E>
    where
        R: DeserializeOwned + 'static,
        E: ServiceError,
    {
        self.call_read_by(Expected::__micro_value, Expected::__micro_error)
    }

    /// The call, with what reads its reply. From generated code these are closures, whose
    /// parameters have the types of the method's signature: they are not named a second time.
    #[doc(hidden)]
    pub fn call_read_by<R, E>(
        self,
        value: fn(Expected<R>) -> Decode<R>,
        error: fn(Expected<E>) -> Recognise<E>,
    ) -> Call<'a, R, E> {
        let (timeout, outgoing) = match self.caller.chosen_timeout() {
            Some(timeout) => (timeout, self.patience(timeout)),
            None => (DEFAULT_TIMEOUT, self),
        };
        Call {
            timeout,
            until: None,
            outgoing,
            reading: Reading {
                value: value(Expected::new()),
                error: error(Expected::new()),
            },
        }
    }

    /// The pattern with its placeholders filled in, token by token: a value is never read as a
    /// placeholder itself.
    pub(super) fn subject(&self) -> Subject {
        if self.values.is_empty() {
            // Which is what a generated client has, and costs nothing.
            return match &self.pattern {
                Cow::Borrowed(subject) => Subject::from_static(subject),
                Cow::Owned(subject) => subject.as_str().into(),
            };
        }
        let tokens: Vec<&str> = self
            .pattern
            .split('.')
            .map(|token| {
                let name = token
                    .strip_prefix('{')
                    .and_then(|name| name.strip_suffix('}'));
                let value = self
                    .values
                    .iter()
                    .find(|(known, _)| Some(known.as_str()) == name);
                value.map_or(token, |(_, value)| value)
            })
            .collect();
        tokens.join(".").into()
    }

    /// Keeps the first problem: later ones may follow from it.
    fn refuse(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}
