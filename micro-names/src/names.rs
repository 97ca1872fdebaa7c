//! Names of services and endpoints: `^[A-Za-z0-9_-]+$`, as every implementation has it.

use crate::Problem;
use crate::length::{self, NAME_MAX_BYTES};

/// Checks the name of a service or of an endpoint. `key` is what the user calls the value,
/// `name` as a rule.
pub fn check_name(key: &str, value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::new(format!("`{key}` cannot be empty")));
    }
    if value.chars().all(is_name_char) {
        return length::check(key, value.len(), NAME_MAX_BYTES);
    }
    let problem = Problem::new(format!(
        "`{key}` must match `[A-Za-z0-9_-]+`, found `{}`",
        value.escape_debug()
    ))
    .propose(nearest_name(value));
    // A letter that looks like another one is seen by its number only.
    let foreign = value.chars().find(|c| !c.is_ascii() && c.is_alphanumeric());
    Err(match foreign {
        _ if value.contains('.') => {
            problem.note("dots separate groups; `nats micro` cannot address a name with a dot")
        }
        Some(c) => problem.note(format!(
            "`{c}` is U+{:04X} and not an ASCII letter",
            u32::from(c)
        )),
        None => problem,
    })
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// The name with every run of other characters replaced by one `-`; nothing if that leaves no
/// letter or digit to recognise it by.
fn nearest_name(value: &str) -> Option<String> {
    // Without its letters it would be another word.
    if value.contains(|c: char| !c.is_ascii() && c.is_alphanumeric()) {
        return None;
    }
    let name = value
        .split(|c: char| !is_name_char(c))
        .filter(|piece| !piece.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    name.contains(|c: char| c.is_ascii_alphanumeric())
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::check_name;

    fn message(value: &str) -> String {
        check_name("name", value).unwrap_err().to_string()
    }

    #[test]
    fn names_every_implementation_accepts() {
        for name in ["a", "numbers", "EchoService", "my-service_2", "-", "_", "0"] {
            assert_eq!(check_name("name", name), Ok(()), "{name}");
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        assert_eq!(
            message("my service"),
            "`name` must match `[A-Za-z0-9_-]+`, found `my service`\nhelp: write `my-service`"
        );
        assert_eq!(
            message(" a, b!"),
            "`name` must match `[A-Za-z0-9_-]+`, found ` a, b!`\nhelp: write `a-b`"
        );
        assert_eq!(
            message("a.b"),
            "`name` must match `[A-Za-z0-9_-]+`, found `a.b`\nhelp: write `a-b`\n\
             note: dots separate groups; `nats micro` cannot address a name with a dot"
        );
    }

    #[test]
    fn no_proposal_without_letters() {
        assert_eq!(
            message("日本"),
            "`name` must match `[A-Za-z0-9_-]+`, found `日本`\n\
             note: `日` is U+65E5 and not an ASCII letter"
        );
        // The second letter is Cyrillic.
        assert_eq!(
            message("h\u{435}llo"),
            "`name` must match `[A-Za-z0-9_-]+`, found `h\u{435}llo`\n\
             note: `\u{435}` is U+0435 and not an ASCII letter"
        );
        assert_eq!(
            message("\n"),
            "`name` must match `[A-Za-z0-9_-]+`, found `\\n`"
        );
        assert_eq!(message(""), "`name` cannot be empty");
    }

    #[test]
    fn as_long_as_a_token_of_a_subject_may_be() {
        assert_eq!(check_name("name", &"n".repeat(512)), Ok(()));
        assert_eq!(
            message(&"n".repeat(513)),
            "`name` has 513 bytes, at most 512 are allowed\n\
             note: nats-server ends a connection whose lines are too long"
        );
    }
}
