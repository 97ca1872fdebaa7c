//! Bytes to values and back.
//!
//! JSON, but for one type: [`Bytes`] is itself on the wire, as a request and as a reply, because a
//! JSON array of numbers is never what a person means by it.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{BufMut as _, Bytes, BytesMut};
use micro_names::Shown;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{harmless, one_line, panic_text};

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

/// The same for whoever reads what strangers send: a type that panics at it is an error of that one
/// body, and no panic of the reader.
pub(crate) fn decode_guarded<T: DeserializeOwned + 'static>(
    body: &Bytes,
) -> Result<T, DecodeError> {
    guarded(|| decode(body))
}

/// The same of whatever else reads one.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        Err(DecodeError {
            reason: one_line(&format!("reading it panicked: {}", panic_text(panic))),
            ..DecodeError::new("reading it panicked")
        })
    })
}

/// Reads a body that is known to be faulty once more, this time keeping track of the path, which
/// the good case should not pay for.
fn locate<T: DeserializeOwned>(body: &[u8]) -> DecodeError {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize::<_, T>(&mut reader);
    match read.map(|_| reader.end()) {
        Err(error) => located(&error.path().to_string(), &error.into_inner()),
        Ok(Err(error)) => located(".", &error),
        Ok(Ok(())) => DecodeError::new("the body was read in one way and not in another"),
    }
}

fn located(path: &str, error: &serde_json::Error) -> DecodeError {
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
        harmless: harmless(error),
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
    BLOCK.with(|block| match block.try_borrow_mut() {
        Ok(mut block) => write(value, &mut block),
        // A value that is written as part of writing another.
        Err(_) => write(value, &mut BytesMut::new()),
    })
}

/// The same for whoever sends it: a value that panics is an error of what it is part of, and no panic of
/// the caller.
pub(crate) fn encode_guarded<T: Serialize + 'static>(
    what: &str,
    value: &T,
) -> Result<Bytes, String> {
    match catch_unwind(AssertUnwindSafe(|| encode(value))) {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(format!("{what} cannot be written as JSON: {error}")),
        Err(panic) => {
            let text = panic_text(panic);
            Err(format!("writing {what} as JSON panicked: {text}"))
        }
    }
}

thread_local! {
    /// What values are written into: many small ones share one piece of memory, and so do without
    /// allocations of their own. It goes when the last of them has been sent.
    static BLOCK: RefCell<BytesMut> = RefCell::default();
}

/// How much memory values share: some hundred small replies, and little to keep for the last of them.
const BLOCK_BYTES: usize = 4 * 1024;

/// What must be left of it for another value.
const BLOCK_LEAST_BYTES: usize = 128;

fn write<T: Serialize>(value: &T, block: &mut BytesMut) -> Result<Bytes, serde_json::Error> {
    // What a value has left that panicked.
    block.clear();
    if block.capacity() == 0 {
        *block = BytesMut::with_capacity(BLOCK_BYTES);
    }
    let written = serde_json::to_writer((&mut *block).writer(), value);
    let written = written.map(|()| block.split().freeze());
    // The rest of what a large value had is not for small ones to keep.
    if !(BLOCK_LEAST_BYTES..=BLOCK_BYTES).contains(&block.capacity()) {
        *block = BytesMut::new();
    }
    written
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

    #[test]
    fn values_that_share_memory_keep_to_themselves() {
        let sizes = [0, 1, 100, 127, 128, 4_000, 5_000, 100_000, 3];
        let texts = || (0..200).flat_map(|_| sizes).map(|size| "x".repeat(size));
        let written: Vec<_> = texts().map(|text| encode(&text).unwrap()).collect();
        for (text, written) in texts().zip(written) {
            assert_eq!(written, format!("\"{text}\""));
        }
    }

    #[test]
    fn small_values_share_memory_and_a_failure_leaves_nothing_in_it() {
        struct Half;
        impl Serialize for Half {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut list = serializer.serialize_seq(None)?;
                serde::ser::SerializeSeq::serialize_element(&mut list, "half")?;
                Err(serde::ser::Error::custom("no more"))
            }
        }
        struct Nested;
        impl Serialize for Nested {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let inner = encode(&[1, 2]).map_err(serde::ser::Error::custom)?;
                (inner.len(), "outer").serialize(serializer)
            }
        }
        // Begins a block of its own, whatever this thread has written before.
        encode(&"x".repeat(BLOCK_BYTES)).unwrap();
        let first = encode(&1).unwrap();
        assert!(encode(&Half).is_err());
        assert_eq!(encode(&Nested).unwrap(), r#"[5,"outer"]"#);
        let last = encode(&2).unwrap();
        assert_eq!((&first[..], &last[..]), (&b"1"[..], &b"2"[..]));
        let apart = last.as_ptr().addr() - first.as_ptr().addr();
        assert_eq!(apart, 1 + r#"[5,"outer"]"#.len());
    }
}
