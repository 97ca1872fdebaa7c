//! Which reply subjects are answered.
//!
//! Whoever sends a request chooses where its answer goes, and the answer goes there with the
//! permissions of the service: Go's `micro` and `async_nats::service` send it to any subject. Here it
//! is not sent where it could only be taken for something that the service did not mean to say:
//!
//! - to what NATS reserves, `$SRV`, `$SYS`, `$JS`, `$KV` and the like. One PING whose reply subject is
//!   `$SRV.PING` would have each of a thousand instances ask the other thousand;
//! - to what is no subject: wildcards and empty tokens. No inbox is one.
//!
//! Two of the reserved kinds are made by the server for messages out of JetStream, and are answered:
//! acknowledgements and flow control. So are `_R_.` and `_GR_.`, which stand for the caller's inbox
//! between accounts and clusters.
//!
//! A subject that is served, by this instance or by another, is answered like any other: that is how
//! the answer of one endpoint is led into the next. There is no loop in it, because no answer has a
//! reply subject of its own.

/// What the server itself puts there, though the prefix is reserved.
const MADE_BY_THE_SERVER: [&str; 2] = ["$JS.ACK.", "$JS.FC."];

/// Whether an answer may go there; if not, why.
pub(super) fn check(subject: &str) -> Result<(), &'static str> {
    if subject.starts_with('$')
        && !MADE_BY_THE_SERVER
            .iter()
            .any(|own| subject.starts_with(own))
    {
        return Err("is reserved for NATS");
    }
    // Each answer goes through this: first a look at what most of them have not.
    if may_have_odd_tokens(subject.as_bytes())
        && subject
            .split('.')
            .any(|token| matches!(token, "" | "*" | ">"))
    {
        return Err("has a wildcard or an empty token");
    }
    Ok(())
}

/// Whether there is a wildcard's character, or a dot at an end or beside another.
fn may_have_odd_tokens(bytes: &[u8]) -> bool {
    const AT_ONCE: usize = 16;
    let (Some((first, all_but_first)), Some((last, all_but_last))) =
        (bytes.split_first(), bytes.split_last())
    else {
        return true;
    };
    let is_odd = |one: u8, next: u8| {
        u8::from(next == b'*')
            | u8::from(next == b'>')
            | u8::from(one == b'.') & u8::from(next == b'.')
    };
    let fold = |ones: &[u8], nexts: &[u8]| {
        let pairs = ones.iter().zip(nexts);
        pairs.fold(0, |odd, (one, next)| odd | is_odd(*one, *next))
    };
    // So many at a time are a few instructions; the last ones are looked at twice.
    let (ones, ones_rest) = all_but_last.as_chunks::<AT_ONCE>();
    let (nexts, nexts_rest) = all_but_first.as_chunks::<AT_ONCE>();
    let chunks = ones.iter().zip(nexts);
    let mut odd = chunks.fold(0, |odd, (ones, nexts)| odd | fold(ones, nexts));
    odd |= match (
        all_but_last.last_chunk::<AT_ONCE>(),
        all_but_first.last_chunk::<AT_ONCE>(),
    ) {
        (Some(ones), Some(nexts)) => fold(ones, nexts),
        _ => fold(ones_rest, nexts_rest),
    };
    odd > 0 || matches!(first, b'.' | b'*' | b'>') || *last == b'.'
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_callers_and_the_server_use_is_answered() {
        for subject in [
            "_INBOX.x.1",
            "_R_.x.1",
            "_GR_.c.s._INBOX.x",
            "my.inbox",
            "numbers.add",
            "a*b.>c",
            "é",
            "$JS.ACK.stream.consumer.1.1.1.1.0",
            "$JS.FC.stream.consumer.x",
        ] {
            assert_eq!(check(subject), Ok(()), "{subject}");
        }
    }

    #[test]
    fn what_is_reserved_and_what_is_no_subject_is_not() {
        for subject in [
            "$SRV.PING",
            "$SYS.REQ.USER.INFO",
            "$JS.API.STREAM.DELETE.x",
            "$JS.ACK",
            "$KV.bucket.key",
            "$",
        ] {
            assert_eq!(check(subject), Err("is reserved for NATS"), "{subject}");
        }
        for subject in ["", ".", "a..b", "a.", ".a", "*", ">", "a.*.b", "a.>"] {
            let refused = Err("has a wildcard or an empty token");
            assert_eq!(check(subject), refused, "{subject}");
        }
    }
}
