//! Bytes to values and back.
//!
//! JSON, but for one type: [`Bytes`] is itself on the wire, as a request and as a reply, because a
//! JSON array of numbers is never what a person means by it.

use std::any::Any;

use bytes::Bytes;
use micro_names::Shown;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{harmless, one_line};

/// Why a body is not a value of the type that was expected.
///
/// The text names the place, by the path in the value and by line and column:
/// ``at `user.age`, line 1 column 23: invalid type: string "x", expected u8``. It is one line of
/// bounded length, whatever the body quotes in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}{reason}")]
pub struct DecodeError {
    at: String,
    reason: String,
    /// The same without what it says of the body.
    harmless: String,
}

impl DecodeError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            at: String::new(),
            harmless: reason.clone(),
            reason,
        }
    }

    /// The text without what it says of the body: the path may have keys, the reason values.
    pub(crate) fn harmless(&self) -> &str {
        &self.harmless
    }
}

/// Reads a value. An empty body is the JSON `null`, so that a request without a body reaches an
/// endpoint whose payload is an `Option` or `()`.
pub(crate) fn decode<T: DeserializeOwned + 'static>(body: &Bytes) -> Result<T, DecodeError> {
    if let Some(raw) = cast(body.clone()) {
        return Ok(raw);
    }
    if body.is_empty() {
        return serde_json::from_slice(b"null")
            .map_err(|_| DecodeError::new("the body is empty, expected JSON"));
    }
    serde_json::from_slice(body).map_err(|_| locate::<T>(body))
}

/// Reads a body that is known to be faulty once more, this time keeping track of the path, which
/// the good case should not pay for.
fn locate<T: DeserializeOwned>(body: &[u8]) -> DecodeError {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let (path, error) = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => (error.path().to_string(), error.into_inner()),
        Ok(_) => match reader.end() {
            Err(error) => (".".to_owned(), error),
            Ok(()) => return DecodeError::new("the body was read in one way and not in another"),
        },
    };
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    // Keys and values that are quoted are a stranger's, to either side.
    let reason = one_line(text.strip_suffix(&place).unwrap_or(&text));
    // `.` is the value itself, `?` something the reader could not name.
    let path = match path.trim_end_matches('?').trim_end_matches('.') {
        "" => String::new(),
        path => format!("at `{}`, ", Shown(path)),
    };
    DecodeError {
        at: format!("{path}line {} column {}: ", error.line(), error.column()),
        reason,
        harmless: harmless(&error),
    }
}

/// Writes a value. `()` is an empty body.
pub(crate) fn encode<T: Serialize + 'static>(value: &T) -> Result<Bytes, serde_json::Error> {
    let value_as_any: &dyn Any = value;
    if let Some(raw) = value_as_any.downcast_ref::<Bytes>() {
        return Ok(raw.clone());
    }
    if value_as_any.is::<()>() {
        return Ok(Bytes::new());
    }
    serde_json::to_vec(value).map(Bytes::from)
}

/// `value` as a `T`, if that is what it is.
fn cast<T: 'static>(value: Bytes) -> Option<T> {
    let mut value = Some(value);
    let slot: &mut dyn Any = &mut value;
    slot.downcast_mut::<Option<T>>().and_then(Option::take)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Pair {
        a: f64,
        of: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        n: u8,
    }

    fn fault(body: &'static str) -> String {
        decode::<Pair>(&Bytes::from_static(body.as_bytes()))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_value_is_read() {
        let body = Bytes::from_static(br#"{"a":1.5,"of":[{"n":2}]}"#);
        let pair = decode::<Pair>(&body).unwrap();
        assert!((pair.a - 1.5).abs() < f64::EPSILON);
        assert_eq!(pair.of[0].n, 2);
    }

    #[test]
    fn a_fault_is_named_by_path_and_position() {
        assert_eq!(
            fault(r#"{"a":1,"of":[{"n":1},{"n":"x"}]}"#),
            "at `of[1].n`, line 1 column 29: invalid type: string \"x\", expected u8"
        );
        assert_eq!(fault(r#"{"a":1}"#), "line 1 column 7: missing field `of`");
        assert_eq!(fault("{"), "line 1 column 1: EOF while parsing an object");
        assert_eq!(
            fault(r#"{"a":1,"of":[]} x"#),
            "line 1 column 17: trailing characters"
        );
        assert_eq!(fault(""), "the body is empty, expected JSON");
    }

    #[test]
    fn the_text_is_one_line_of_bounded_length() {
        #[derive(Debug, serde::Deserialize)]
        struct Kinds(#[allow(dead_code, reason = "read only")] BTreeMap<String, Kind>);
        #[derive(Debug, serde::Deserialize)]
        enum Kind {
            Only(#[allow(dead_code, reason = "read only")] u8),
        }
        assert!(decode::<Kinds>(&Bytes::from_static(br#"{"a":{"Only":1}}"#)).is_ok());
        let escapes = r"\u001b[2J\n\u0000";
        let long = "é".repeat(100_000);
        for (key, value) in [(escapes, escapes), (&long, &long)] {
            let body = format!(r#"{{"{key}":"{value}"}}"#);
            let text = decode::<Kinds>(&Bytes::from(body)).unwrap_err().to_string();
            assert!(text.contains("unknown variant"), "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
            assert!(text.len() < 1_500, "{} bytes", text.len());
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = Bytes::from("[".repeat(1_000_000));
        let error = decode::<serde_json::Value>(&deep).unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }

    #[test]
    fn an_empty_body_is_null() {
        assert_eq!(decode::<Option<u8>>(&Bytes::new()), Ok(None));
        assert_eq!(decode::<()>(&Bytes::new()), Ok(()));
    }

    #[test]
    fn bytes_are_themselves() {
        let body = Bytes::from_static(b"\xff\x00 not json");
        assert_eq!(decode::<Bytes>(&body), Ok(body.clone()));
        assert_eq!(encode(&body).unwrap(), body);
        assert_eq!(encode(&()).unwrap(), Bytes::new());
        assert_eq!(encode(&vec![1u8]).unwrap(), Bytes::from_static(b"[1]"));
    }
}
