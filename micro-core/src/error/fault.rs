//! A failure as it travels: two headers, and a body if there is more to say.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::wire::{HeaderError, Headers};

/// The header that carries the text of a service error (ADR-32).
pub(crate) const ERROR_HEADER: &str = "Nats-Service-Error";

/// The header that carries the code of a service error (ADR-32).
pub(crate) const CODE_HEADER: &str = "Nats-Service-Error-Code";

/// The header that says in how many milliseconds a request that was not begun may be sent again.
const RETRY_AFTER_HEADER: &str = "Micro-Retry-After";

/// The longest error text that is sent, in bytes. A text is for a person; data goes in the body.
const MESSAGE_MAX_BYTES: usize = 1024;

/// What the caller is told when the true text is for the log only.
const INTERNAL_TEXT: &str = "internal error";

/// A failure as it travels from a service to its caller.
///
/// On the wire it is the headers `Nats-Service-Error` (the text) and `Nats-Service-Error-Code`
/// (the code), as ADR-32 has them. A fault with a kind has the body
/// `{"kind":"OutOfRange","data":{"value":7.0}}`, from which the caller gets the same variant back.
///
/// You meet it when you implement [`ServiceError`](super::ServiceError) by hand; `#[derive(ServiceError)]` does that for
/// you.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    code: u16,
    message: String,
    kind: Option<Cow<'static, str>>,
    data: Option<Value>,
    body: Bytes,
    hidden: Option<String>,
    noted: Option<String>,
    headers: Headers,
}

impl Fault {
    /// A fault with a code (0 becomes 500) and a text for the caller.
    ///
    /// The text is one line of at most 1,024 bytes: control characters become spaces, what is
    /// longer is cut, an empty text becomes `unspecified error`.
    pub fn new(code: u16, message: impl fmt::Display) -> Self {
        Self::saying(code, &message.to_string())
    }

    fn saying(code: u16, message: &str) -> Self {
        Self {
            code: if code == 0 { 500 } else { code },
            message: one_line(message),
            kind: None,
            data: None,
            body: Bytes::new(),
            hidden: None,
            noted: None,
            headers: Headers::new(),
        }
    }

    /// A fault whose text the caller does not see: it goes to the service's log.
    pub fn internal(code: u16, message: impl fmt::Display) -> Self {
        let mut fault = Self::new(code, INTERNAL_TEXT);
        fault.hidden = Some(message.to_string());
        fault
    }

    /// As [`new`](Self::new), with an error type's own text.
    pub fn of<E: FaultMessage + ?Sized>(code: u16, error: &E) -> Self {
        Self::new(code, Message(error))
    }

    /// As [`internal`](Self::internal), with an error type's own text.
    pub fn hidden<E: FaultMessage + ?Sized>(code: u16, error: &E) -> Self {
        Self::internal(code, Message(error))
    }

    /// The number a caller can act upon, 1 to 65,535; 0 if another implementation sent none.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body of the reply: what was set, or the kind and its data as JSON.
    pub fn body(&self) -> Bytes {
        let Some(kind) = &self.kind else {
            return self.body.clone();
        };
        let data = self.data.as_ref();
        serde_json::to_vec(&Body { kind, data }).map_or_else(|_| Bytes::new(), Bytes::from)
    }

    /// The name of the variant, for the caller to find it again.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Adds a named field to the data.
    #[must_use]
    pub fn field<T: FaultField + ?Sized>(self, name: &'static str, value: &T) -> Self {
        self.json_field(name, value.to_value())
    }

    /// Adds an unnamed field to the data, behind the ones before it.
    #[must_use]
    pub fn item<T: FaultField + ?Sized>(self, value: &T) -> Self {
        self.json_item(value.to_value())
    }

    /// Makes `value` all of the data.
    #[must_use]
    pub fn value<T: FaultField + ?Sized>(self, value: &T) -> Self {
        self.json_value(value.to_value())
    }

    /// As [`field`](Self::field), of a value that is JSON already. The derive writes it this way, so
    /// that a field that cannot be sent is one error, at its type; so do the next five.
    #[doc(hidden)]
    #[must_use]
    pub fn json_field(mut self, name: &'static str, value: Value) -> Self {
        let fields = self
            .data
            .get_or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Value::Object(fields) = fields {
            fields.insert(name.to_owned(), value);
        }
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub fn json_item(mut self, value: Value) -> Self {
        let items = self.data.get_or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = items {
            items.push(value);
        }
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub fn json_value(mut self, value: Value) -> Self {
        self.data = Some(value);
        self
    }

    #[doc(hidden)]
    pub fn field_json(&self, name: &str) -> Option<&Value> {
        self.data.as_ref()?.get(name)
    }

    #[doc(hidden)]
    pub fn item_json(&self, index: usize) -> Option<&Value> {
        self.data.as_ref()?.get(index)
    }

    #[doc(hidden)]
    pub fn value_json(&self) -> Option<&Value> {
        self.data.as_ref()
    }

    /// A body of your own, in place of the kind and its data.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.kind = None;
        self.body = body.into();
        self
    }

    /// A further header on the reply.
    ///
    /// # Errors
    ///
    /// When the header cannot be sent, or is one of the two that the framework sets.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        refuse_reserved(name)?;
        self.headers.insert(name, value)?;
        Ok(self)
    }

    /// Tells the caller that the request was not begun, and when to send it again: the header
    /// `Micro-Retry-After`, in milliseconds, rounded up. Refused by an endpoint at its limits, or by
    /// one that stops, a caller is told so too.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        let millis = time.as_nanos().div_ceil(1_000_000);
        // Digits can always be sent.
        let _ = self.headers.insert(RETRY_AFTER_HEADER, &millis.to_string());
        self
    }

    /// In what time the request may be sent again, if the service said so.
    pub(crate) fn said_retry_after(&self) -> Option<Duration> {
        let millis = self.headers.get(RETRY_AFTER_HEADER)?.trim().parse().ok()?;
        Some(Duration::from_millis(millis))
    }

    /// The name of the variant, if there is one.
    pub fn kind_str(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// A named field of the data, if it is there and is a `T`.
    pub fn get_field<T: FaultField>(&self, name: &str) -> Option<T> {
        T::from_value(self.field_json(name)?)
    }

    /// An unnamed field of the data, if it is there and is a `T`.
    pub fn get_item<T: FaultField>(&self, index: usize) -> Option<T> {
        T::from_value(self.item_json(index)?)
    }

    /// All of the data as a `T`, if it is one.
    pub fn get_value<T: FaultField>(&self) -> Option<T> {
        T::from_value(self.data.as_ref()?)
    }

    /// The text for others than the caller, where the full one may hold what the caller has sent.
    #[must_use]
    pub(crate) fn noting(mut self, text: impl fmt::Display) -> Self {
        self.noted = Some(text.to_string());
        self
    }

    /// The text for the owner: what the caller does not see, if that is something else.
    pub(crate) fn full_text(&self) -> &str {
        self.hidden.as_deref().unwrap_or(&self.message)
    }

    /// The text for the log, where there is one that can be there: callers' errors are between them
    /// and the service.
    pub(crate) fn log_text(&self) -> Option<&str> {
        self.noted.as_deref().or(self.hidden.as_deref())
    }

    /// Whether the service is at fault, and its owner to be told.
    pub(crate) fn is_failure(&self) -> bool {
        self.hidden.is_some() || self.noted.is_some() && self.code != 400
    }

    /// As STATS has it in `last_error`: `400:no such user`. Anybody may ask for STATS, so what is
    /// hidden from callers is hidden here too, and so is what a caller has sent, where it is known.
    pub(crate) fn stats_text(&self) -> String {
        let text = match (&self.hidden, &self.noted) {
            (None, Some(noted)) => noted,
            _ => &self.message,
        };
        format!("{}:{text}", self.code)
    }

    /// The headers of the reply.
    pub(crate) fn headers(&self) -> Headers {
        let mut headers = self.headers.clone();
        // Neither can fail: the text was made fit when the fault was made, the code is digits.
        let _ = headers.insert(ERROR_HEADER, &self.message);
        let _ = headers.insert(CODE_HEADER, &self.code.to_string());
        headers
    }

    /// Reads a reply: `None` unless it is a service error. Either header makes it one; a code that
    /// is absent or no number is 0.
    pub(crate) fn read(headers: Option<&Headers>, body: &Bytes) -> Option<Self> {
        let headers = headers?;
        let message = headers.get(ERROR_HEADER);
        let code = headers.get(CODE_HEADER);
        if message.is_none() && code.is_none() {
            return None;
        }
        let code = code.and_then(|code| code.trim().parse().ok()).unwrap_or(0);
        let mut fault = Self::new(code, message.unwrap_or_default());
        fault.code = code;
        fault.body = body.clone();
        if let Some(hint) = headers.get(RETRY_AFTER_HEADER) {
            // What arrived in a header can be in one.
            let _ = fault.headers.insert(RETRY_AFTER_HEADER, hint);
        }
        if let Ok(Value::Object(mut fields)) = serde_json::from_slice(body)
            && let Some(Value::String(kind)) = fields.remove("kind")
        {
            fault.kind = Some(kind.into());
            fault.data = fields.remove("data");
        }
        Some(fault)
    }

    /// The body as it arrived.
    pub(crate) fn received_body(&self) -> &Bytes {
        &self.body
    }
}

/// The body of a fault with a kind.
#[derive(Serialize)]
struct Body<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// Refuses the two headers that decide whether a reply is an error.
pub(crate) fn refuse_reserved(name: &str) -> Result<(), HeaderError> {
    if micro_names::is_reply_only_header(name) {
        return Err(HeaderError::Reserved {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Makes a text fit for a header: what would end the line or leave it becomes a space.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MESSAGE_MAX_BYTES));
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if line.len() + c.len_utf8() > MESSAGE_MAX_BYTES {
            break;
        }
        line.push(c);
    }
    let kept = line.trim_end().len();
    line.truncate(kept);
    if line.is_empty() {
        line.push_str("unspecified error");
    }
    line
}

/// What an error type says of itself: implemented for whatever implements `Display`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs a message",
    label = "`Display` is not implemented",
    note = "implement `std::fmt::Display` for `{Self}`, for example with `#[derive(thiserror::Error)]`"
)]
pub trait FaultMessage {
    /// Writes the text.
    #[doc(hidden)]
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

#[diagnostic::do_not_recommend]
impl<T: fmt::Display + ?Sized> FaultMessage for T {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt(f)
    }
}

struct Message<'a, E: ?Sized>(&'a E);

impl<E: FaultMessage + ?Sized> fmt::Display for Message<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

/// A field that an error takes to the caller and back: implemented for whatever serde can write
/// and read.
#[diagnostic::on_unimplemented(
    message = "field of type `{Self}` cannot be sent to the caller",
    label = "not serializable to and from JSON",
    note = "derive `serde::Serialize` and `serde::Deserialize` for `{Self}`, or mark the variant `#[service_error(internal)]`"
)]
pub trait FaultField {
    /// The field as JSON; `null` if it cannot be written.
    #[doc(hidden)]
    fn to_value(&self) -> Value;

    /// The field from JSON.
    #[doc(hidden)]
    fn from_value(value: &Value) -> Option<Self>
    where
        Self: Sized;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> FaultField for T {
    fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    fn from_value(value: &Value) -> Option<Self> {
        T::deserialize(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fault: &Fault) -> Fault {
        Fault::read(Some(&fault.headers()), &fault.body()).unwrap()
    }

    #[test]
    fn a_text_is_one_line() {
        let fault = Fault::new(418, "tea\r\npot\0\u{1f375} ");
        assert_eq!(fault.message(), "tea  pot \u{1f375}");
        assert_eq!(sent(&fault).message(), fault.message());
        assert_eq!(Fault::new(1, " \n").message(), "unspecified error");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let fault = Fault::new(500, "\u{1f375}".repeat(20_000));
        assert_eq!(fault.message().len(), MESSAGE_MAX_BYTES);
    }

    #[test]
    fn a_kind_and_its_fields_arrive() {
        let fault = sent(&Fault::new(400, "x").kind("K").field("value", &7.5));
        assert_eq!(fault.body(), r#"{"kind":"K","data":{"value":7.5}}"#);
        assert_eq!(fault.kind_str(), Some("K"));
        assert_eq!(fault.get_field::<f64>("value"), Some(7.5));
        assert_eq!(fault.get_field::<String>("value"), None);
        let pair = sent(
            &Fault::new(400, "x")
                .kind("P")
                .item(&1)
                .item(&"two".to_owned()),
        );
        assert_eq!(pair.get_item::<String>(1).as_deref(), Some("two"));
    }

    #[test]
    fn what_is_hidden_stays_here() {
        let fault = Fault::internal(500, "password is hunter2");
        assert_eq!(fault.log_text(), Some("password is hunter2"));
        assert_eq!(fault.full_text(), "password is hunter2");
        assert_eq!(fault.stats_text(), "500:internal error");
        assert_eq!(sent(&fault).message(), "internal error");
        assert!(fault.body().is_empty());
    }

    #[test]
    fn when_to_send_again_arrives() {
        let fault = sent(&Fault::new(503, "x").retry_after(Duration::from_micros(1_500)));
        assert_eq!(fault.said_retry_after(), Some(Duration::from_millis(2)));
        assert_eq!(sent(&Fault::new(503, "x")).said_retry_after(), None);
    }

    #[test]
    fn either_header_makes_an_error() {
        let mut headers = Headers::new();
        assert_eq!(Fault::read(Some(&headers), &Bytes::new()), None);
        headers.insert(ERROR_HEADER, "no").unwrap();
        let fault = Fault::read(Some(&headers), &Bytes::new()).unwrap();
        assert_eq!((fault.code(), fault.message()), (0, "no"));
    }
}
