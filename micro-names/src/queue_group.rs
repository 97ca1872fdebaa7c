//! Names of queue groups. Implementations differ; ours takes what all servers and clients can
//! carry: anything but emptiness, white space, control characters and `>`.

use crate::Problem;

/// Checks the name of a queue group.
pub fn check_queue_group(value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::new("`queue_group` cannot be empty")
            .help("to serve without a queue group write `queue_group = false`"));
    }
    if value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '>') {
        return Err(Problem::new(format!(
            "`queue_group` cannot contain white space or `>`, found `{}`",
            value.escape_debug()
        )));
    }
    Ok(())
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
        for group in ["a b", "a>", "a.>", ">.abc", "a\tb", "a\r\nPUB x"] {
            assert!(check_queue_group(group).is_err(), "{group:?}");
        }
    }
}
