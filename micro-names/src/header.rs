//! Names of message headers: printable ASCII except `:` and space, as ADR-4 has it.

use crate::Problem;

/// Headers the framework writes on replies. They never come with a request.
const REPLY_ONLY: [&str; 2] = ["Nats-Service-Error", "Nats-Service-Error-Code"];

/// Checks the name of a message header.
pub fn check_header_name(value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::new("a header name cannot be empty").help("write `X-Name`"));
    }
    if value.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
        return Ok(());
    }
    Err(Problem::new(format!(
        "header name `{}` contains a character that NATS does not allow",
        value.escape_debug()
    ))
    .propose(nearest_header_name(value))
    .note("allowed are the printable ASCII characters except `:` and space"))
}

/// Whether the framework sets this header on replies, so that no request carries it.
pub fn is_reply_only_header(value: &str) -> bool {
    REPLY_ONLY
        .iter()
        .any(|name| name.eq_ignore_ascii_case(value))
}

fn nearest_header_name(value: &str) -> Option<String> {
    if !value.is_ascii() {
        return None;
    }
    let name = value
        .split(|c: char| !c.is_ascii_graphic() || c == ':')
        .filter(|piece| !piece.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{check_header_name, is_reply_only_header};

    #[test]
    fn names() {
        for name in ["X-Tenant", "traceparent", "a.b_c~1", "!#$%"] {
            assert_eq!(check_header_name(name), Ok(()), "{name}");
        }
        assert_eq!(
            check_header_name("X Tenant").unwrap_err().to_string(),
            "header name `X Tenant` contains a character that NATS does not allow\n\
             help: write `X-Tenant`\n\
             note: allowed are the printable ASCII characters except `:` and space"
        );
        assert_eq!(
            check_header_name("").unwrap_err().to_string(),
            "a header name cannot be empty\nhelp: write `X-Name`"
        );
        for name in ["X:Y", ":", "a\r\nb", "Größe", "a\u{7f}"] {
            assert!(check_header_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn reply_only() {
        assert!(is_reply_only_header("Nats-Service-Error"));
        assert!(is_reply_only_header("nats-service-error-code"));
        assert!(!is_reply_only_header("X-Tenant"));
    }
}
