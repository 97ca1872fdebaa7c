//! What a message that waits takes of memory, and what else it keeps there.
//!
//! Its sender chooses: a thousand empty headers are some kilobytes on the wire and hundreds of them in
//! memory, and a small body may be the last of a large piece that was read with it.

use async_nats::{HeaderMap, Message};
use bytes::Bytes;

/// What a message takes beside its bytes: itself, a place in a list that may have twice as many, and what
/// the allocations of its subjects and its body cost.
pub(crate) const MESSAGE_BYTES: usize = 512;

/// What a value of a header takes beside its bytes, with its name: a place in a map that may have twice as
/// many, a list with room for four, and two allocations. One of a single byte is some five bytes on the wire.
pub(crate) const HEADER_BYTES: usize = 320;

/// From how many bytes on a body stays in the memory that it was read into. async-nats reads into pieces of
/// 64 KiB, or of the size of the largest message where there are large ones, which is 1 MiB by default: a
/// smaller body would keep many times its own size.
const SHARED_FROM_BYTES: usize = 256 * 1024;

/// How many bytes of memory a message takes, at most about.
pub(crate) fn weight(message: &Message) -> usize {
    let headers = message.headers.iter().flat_map(HeaderMap::iter);
    let values: usize = headers.map(|(_, values)| values.len()).sum();
    message
        .length
        .saturating_add(MESSAGE_BYTES)
        .saturating_add(values.saturating_mul(HEADER_BYTES))
}

/// Has a message be in memory of its own, where it would keep much more than itself. Of what async-nats has
/// read, its body alone is a part.
pub(crate) fn apart(message: &mut Message) {
    let body = &mut message.payload;
    if body.len() < SHARED_FROM_BYTES {
        *body = Bytes::copy_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: Bytes) -> Message {
        Message {
            subject: "a".into(),
            reply: None,
            length: 1 + payload.len(),
            payload,
            headers: None,
            status: None,
            description: None,
        }
    }

    #[test]
    fn a_header_weighs_what_it_takes() {
        let mut of_headers = message(Bytes::from_static(b"bc"));
        assert_eq!(weight(&of_headers), 3 + MESSAGE_BYTES);
        let mut headers = HeaderMap::new();
        for value in ["", "x"] {
            headers.append("One", value);
            headers.insert(format!("Other-{value}"), value);
        }
        of_headers.headers = Some(headers);
        assert_eq!(weight(&of_headers), 3 + MESSAGE_BYTES + 4 * HEADER_BYTES);
    }

    #[test]
    fn what_is_small_keeps_nothing_but_its_own() {
        let read = Bytes::from(vec![b'x'; 2 * SHARED_FROM_BYTES]);
        let within = read.as_ptr_range();
        for (bytes, stays) in [
            (0, false),
            (SHARED_FROM_BYTES - 1, false),
            (SHARED_FROM_BYTES, true),
        ] {
            let mut kept = message(read.slice(1..=bytes));
            apart(&mut kept);
            assert_eq!(kept.payload.len(), bytes);
            assert_eq!(within.contains(&kept.payload.as_ptr()), stays, "{bytes}");
        }
    }
}
