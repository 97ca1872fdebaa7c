//! Subjects: tokens between dots, `*` for one token, `>` for the rest.

/// The tokens of a subject, in order. The empty subject has one empty token.
pub(crate) fn tokens(subject: &[u8]) -> impl Iterator<Item = &[u8]> {
    subject.split(|byte| *byte == b'.')
}

/// Whether one can subscribe to it: no empty token, and nothing after `>`.
pub(crate) fn is_valid(subject: &[u8]) -> bool {
    let mut ended = false;
    tokens(subject).all(|token| {
        let valid = !ended && !token.is_empty();
        ended = token == b">";
        valid
    })
}

/// Whether it names one subject: no empty token and no wildcard.
pub(crate) fn is_literal(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !matches!(token, b"" | b"*" | b">"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_need_tokens_and_nothing_after_the_rest() {
        for valid in [
            "a",
            "a.b",
            "*",
            ">",
            "a.*.b",
            "a.>",
            "*.>",
            "a*",
            "a>.b",
            "$SRV.PING",
        ] {
            assert!(is_valid(valid.as_bytes()), "{valid}");
        }
        for invalid in ["", ".", "a.", ".a", "a..b", ">.a", "a.>.>"] {
            assert!(!is_valid(invalid.as_bytes()), "{invalid}");
        }
    }

    #[test]
    fn a_literal_has_no_wildcard_token() {
        assert!(is_literal(b"a.b*.>c"));
        for other in ["", "a.", "a.*", "a.>", "*", ">"] {
            assert!(!is_literal(other.as_bytes()), "{other}");
        }
    }
}
