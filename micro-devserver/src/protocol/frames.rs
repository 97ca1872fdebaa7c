//! What the server says, as bytes at the end of an outbound buffer.

use std::io::Write;

pub(crate) const PING: &[u8] = b"PING\r\n";
pub(crate) const PONG: &[u8] = b"PONG\r\n";
pub(crate) const OKAY: &[u8] = b"+OK\r\n";

/// A number of bytes, and how its sender wrote it: `005` is passed on as it came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size<'a> {
    pub(crate) bytes: usize,
    pub(crate) text: &'a [u8],
}

/// A message on its way from a publisher to subscriptions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) reply: Option<&'a [u8]>,
    /// How much of the payload is headers; zero for none.
    pub(crate) header_size: Size<'a>,
    /// How much the payload is.
    pub(crate) payload_size: Size<'a>,
    /// Headers and body.
    pub(crate) payload: &'a [u8],
}

/// `MSG` or `HMSG`. A client that does not know headers gets the body alone.
pub(crate) fn message(out: &mut Vec<u8>, message: &Message<'_>, sid: &[u8], knows_headers: bool) {
    let has_headers = message.header_size.bytes > 0;
    let with_headers = knows_headers && has_headers;
    out.extend_from_slice(if with_headers { b"HMSG " } else { b"MSG " });
    out.extend_from_slice(message.subject);
    out.push(b' ');
    out.extend_from_slice(sid);
    out.push(b' ');
    if let Some(reply) = message.reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    let mut payload = message.payload;
    if with_headers {
        out.extend_from_slice(message.header_size.text);
        out.push(b' ');
    }
    if has_headers && !knows_headers {
        payload = payload.get(message.header_size.bytes..).unwrap_or_default();
        number(out, payload.len());
    } else {
        out.extend_from_slice(message.payload_size.text);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// The status `503` that tells a requester that nobody got its message.
pub(crate) fn no_responders(out: &mut Vec<u8>, subject: &[u8], reply: &[u8], sid: &[u8]) {
    let headers = [b"NATS/1.0 503\r\nNats-Subject: ", subject, b"\r\n\r\n"].concat();
    let mut text = Vec::new();
    number(&mut text, headers.len());
    let size = Size {
        bytes: headers.len(),
        text: &text,
    };
    let status = Message {
        subject: reply,
        reply: None,
        header_size: size,
        payload_size: size,
        payload: &headers,
    };
    message(out, &status, sid, true);
}

/// `-ERR`.
pub(crate) fn error(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"-ERR '");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"'\r\n");
}

/// `INFO`.
pub(crate) fn info(out: &mut Vec<u8>, json: &[u8]) {
    out.extend_from_slice(b"INFO ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, number: usize) {
    // A `Vec` takes every write.
    let _ = write!(out, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn headers_reach_those_who_know_them() {
        let sent = Message {
            subject: b"a",
            reply: Some(b"r"),
            header_size: Size {
                bytes: 12,
                text: b"12",
            },
            payload_size: Size {
                bytes: 14,
                text: b"014",
            },
            payload: b"NATS/1.0\r\n\r\nhi",
        };
        assert_eq!(
            written(|out| message(out, &sent, b"7", true)),
            "HMSG a 7 r 12 014\r\nNATS/1.0\r\n\r\nhi\r\n"
        );
        assert_eq!(
            written(|out| message(out, &sent, b"7", false)),
            "MSG a 7 r 2\r\nhi\r\n"
        );
    }

    #[test]
    fn no_responders_names_the_subject() {
        assert_eq!(
            written(|out| no_responders(out, b"svc.x", b"_INBOX.1", b"3")),
            "HMSG _INBOX.1 3 37 37\r\nNATS/1.0 503\r\nNats-Subject: svc.x\r\n\r\n\r\n"
        );
    }
}
