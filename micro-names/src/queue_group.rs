//! Names of queue groups. Implementations differ; ours takes what all servers and clients can
//! carry: anything but emptiness, white space, control characters and `>`.

use crate::Problem;
use crate::length::{self, QUEUE_GROUP_MAX_BYTES};

/// The one name that no client may use.
const SYSTEM: &str = "_sys_";

/// Checks the name of a queue group.
pub fn check_queue_group(value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::new("`queue_group` cannot be empty")
            .help("to serve without a queue group write `queue_group = false`"));
    }
    if value.contains(|c: char| c.is_whitespace() || c == '>') {
        return Err(Problem::new(format!(
            "`queue_group` cannot contain white space or `>`, found `{}`",
            value.escape_debug()
        )));
    }
    if value.contains(char::is_control) {
        return Err(Problem::new(format!(
            "`queue_group` cannot contain control characters, found `{}`",
            value.escape_debug()
        )));
    }
    if value == SYSTEM {
        return Err(Problem::new(format!(
            "`queue_group` cannot be `{SYSTEM}`: the NATS server keeps it for itself"
        )));
    }
    length::check("queue_group", value.len(), QUEUE_GROUP_MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::check_queue_group;

    #[test]
    fn dots_and_stars_are_fine() {
        for group in ["q", "workers-1", "a.b", "*", "queue_group"] {
            assert_eq!(check_queue_group(group), Ok(()), "{group}");
        }
    }

    #[test]
    fn refusals() {
        assert_eq!(
            check_queue_group("").unwrap_err().to_string(),
            "`queue_group` cannot be empty\n\
             help: to serve without a queue group write `queue_group = false`"
        );
        assert_eq!(
            check_queue_group("a\0").unwrap_err().to_string(),
            "`queue_group` cannot contain control characters, found `a\\0`"
        );
        assert_eq!(
            check_queue_group(&"g".repeat(513)).unwrap_err().message,
            "`queue_group` has 513 bytes, at most 512 are allowed"
        );
        for group in ["_sys_", "a b", "a>", "a.>", ">.abc", "a\tb", "a\r\nPUB x"] {
            assert!(check_queue_group(group).is_err(), "{group:?}");
        }
    }
}
