//! An input as a message: header lines, an empty line, a body. Readable, so that a seed can be
//! written by hand.

use std::str::FromStr as _;

use micro_core::async_nats::header::{HeaderName, HeaderValue};
use micro_core::async_nats::{self, HeaderMap};

/// The lines before the empty one, and what comes after it.
pub fn parts(input: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut lines, mut rest) = (Vec::new(), input);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        if line.is_empty() {
            return (lines, rest);
        }
        lines.push(line);
    }
    (lines, rest)
}

/// A header line, if async-nats lets it through. Whatever it does not, it ends the connection for,
/// which is no place for us to be tested.
pub fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let line = std::str::from_utf8(line).ok()?;
    let (name, value) = line.split_once(':')?;
    Some((
        HeaderName::from_str(name)
            .ok()
            .filter(|_| !name.is_empty())?,
        HeaderValue::from_str(value.trim()).ok()?,
    ))
}

/// The headers that async-nats would make of the lines.
#[allow(dead_code, reason = "not every target wants it")]
pub fn headers(lines: &[&[u8]]) -> async_nats::HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().filter_map(|line| header(line)) {
        headers.append(name, value);
    }
    headers
}
