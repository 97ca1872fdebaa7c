//! The replies of strangers, as a client reads them: no panic, and an error's text is one line of
//! bounded length.
#![no_main]

mod message;

use std::error::Error as _;
use std::fmt::{Debug, Display};

use libfuzzer_sys::fuzz_target;
use micro::{CallError, ServiceError};
use micro_core::{Bytes, fuzzing};
use serde::Deserialize;

/// The text of an error, what is said around it included.
const TEXT_MAX_BYTES: usize = 2_000;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read only")]
struct Order {
    article: u64,
    #[serde(default)]
    notes: Vec<String>,
    price: Price,
    more: std::collections::BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read only")]
enum Price {
    Free,
    Fixed(f64),
    PerUnit { amount: i32, unit: char },
}

#[derive(Debug, thiserror::Error, ServiceError)]
#[service_error(code = 422)]
enum OrderError {
    #[error("closed")]
    Closed,
    #[error("at most {0}")]
    TooMany(u8, bool),
    #[error("{left} left")]
    SoldOut { left: i64, until: Option<f32> },
    #[error(transparent)]
    #[service_error(transparent)]
    Inner(Inner),
}

#[derive(Debug, thiserror::Error, ServiceError)]
enum Inner {
    #[error("deep {depth}")]
    #[service_error(code = 409)]
    Deep { depth: u8 },
}

fuzz_target!(|input: &[u8]| {
    let (lines, body) = message::parts(input);
    let headers = || (!lines.is_empty()).then(|| fuzzing::headers(message::headers(&lines)));
    let body = Bytes::copy_from_slice(body);
    judge(fuzzing::reply::<Order, OrderError>(headers(), &body));
    judge(fuzzing::reply::<String, micro::Error>(headers(), &body));
    judge(fuzzing::reply::<Bytes, OrderError>(headers(), &body));
    judge(fuzzing::reply::<(), std::convert::Infallible>(
        headers(),
        &body,
    ));
});

fn judge<R, E: ServiceError + Debug + Display>(read: Result<R, CallError<E>>) {
    let Err(error) = read else { return };
    let _ = error.code();
    let mut texts = vec![error.to_string()];
    texts.extend(error.source().map(ToString::to_string));
    match error {
        CallError::Service(error) => {
            // It can be passed on.
            texts.push(error.to_fault().message().to_owned());
        }
        CallError::Remote(error) => texts.push(error.message),
        _ => {}
    }
    for text in texts {
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.len() < TEXT_MAX_BYTES, "{} bytes", text.len());
    }
}
