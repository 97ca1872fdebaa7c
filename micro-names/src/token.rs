//! One token of a subject: what stands between two dots.

use crate::Problem;

/// A token of a subject pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Matches itself.
    Literal(String),
    /// `{name}`: matches any one token, which the handler gets under that name.
    Placeholder(String),
    /// `*`: matches any one token.
    Any,
    /// `>`: matches one token or more. The last token of its subject.
    Tail,
}

impl Token {
    /// Whether some token is matched by both. The tail is the caller's business.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => one == other,
            _ => true,
        }
    }
}

/// Checks a value that a client puts in the place of a placeholder: it has to be one token, and
/// one that matches nothing but itself.
pub fn check_token(value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::new("a subject token cannot be empty"));
    }
    if value.contains(|c: char| c.is_whitespace() || matches!(c, '.' | '*' | '>')) {
        return Err(Problem::new(format!(
            "a subject token cannot contain white space, `.`, `*` or `>`, found `{}`",
            value.escape_debug()
        )));
    }
    if value.contains(char::is_control) {
        return Err(Problem::new(format!(
            "a subject token cannot contain control characters, found `{}`",
            value.escape_debug()
        )));
    }
    Ok(())
}

/// Whether a placeholder of this name can be a parameter of a function.
pub(crate) fn is_parameter_name(name: &str) -> bool {
    let mut chars = name.chars();
    let starts = chars.next().is_some_and(|c| c == '_' || c.is_alphabetic());
    starts && name != "_" && chars.all(|c| c == '_' || c.is_alphanumeric()) && !is_keyword(name)
}

/// Strict and reserved keywords of every edition up to 2024.
pub(crate) fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "Self"
            | "abstract"
            | "as"
            | "async"
            | "await"
            | "become"
            | "box"
            | "break"
            | "const"
            | "continue"
            | "crate"
            | "do"
            | "dyn"
            | "else"
            | "enum"
            | "extern"
            | "false"
            | "final"
            | "fn"
            | "for"
            | "gen"
            | "if"
            | "impl"
            | "in"
            | "let"
            | "loop"
            | "macro"
            | "match"
            | "mod"
            | "move"
            | "mut"
            | "override"
            | "priv"
            | "pub"
            | "ref"
            | "return"
            | "self"
            | "static"
            | "struct"
            | "super"
            | "trait"
            | "true"
            | "try"
            | "type"
            | "typeof"
            | "unsafe"
            | "unsized"
            | "use"
            | "virtual"
            | "where"
            | "while"
            | "yield"
    )
}

#[cfg(test)]
mod tests {
    use super::{check_token, is_parameter_name};

    #[test]
    fn tokens_of_a_client() {
        for token in ["a", "42", "ada@example", "{a}", "é", "$x"] {
            assert_eq!(check_token(token), Ok(()), "{token}");
        }
        for token in ["", "a.b", "*", "a*", ">", "a b", "a\r\n", "a\0"] {
            assert!(check_token(token).is_err(), "{token:?}");
        }
    }

    #[test]
    fn parameter_names() {
        for name in ["id", "_id", "user_2", "größe", "union"] {
            assert!(is_parameter_name(name), "{name}");
        }
        for name in ["", "_", "0", "2nd", "a b", "a-b", "fn", "self", "{"] {
            assert!(!is_parameter_name(name), "{name}");
        }
    }
}
