//! What is wrong with a body, without what is in it.
//!
//! serde quotes the value that does not fit: `invalid type: string "hunter2", expected u32`. The
//! caller may read that, it has sent it. The log, and `last_error`, which anybody may ask for, may
//! not.

use serde_json::error::Category;

/// What a value can be, as serde says it.
const KINDS: [&str; 18] = [
    "boolean",
    "integer",
    "floating point",
    "character",
    "string",
    "byte array",
    "unit value",
    "null",
    "Option value",
    "newtype struct",
    "sequence",
    "map",
    "enum",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
    "number",
];

/// Messages that begin so name nothing but what is in the program.
const OF_THE_TYPE: [&str; 3] = [
    "missing field `",
    "duplicate field `",
    "data did not match any variant of untagged enum ",
];

/// The error, place included.
pub(crate) fn harmless(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    let reason = text.strip_suffix(&place).unwrap_or(&text);
    let reason = harmless_reason(error.classify(), reason);
    match line {
        // Of a value that is no text any more.
        0 => reason,
        _ => format!("line {line} column {column}: {reason}"),
    }
}

/// The error without its place.
fn harmless_reason(category: Category, reason: &str) -> String {
    if category != Category::Data || OF_THE_TYPE.iter().any(|own| reason.starts_with(own)) {
        return reason.to_owned();
    }
    // From the right: what is quoted can hold the same words.
    let expected = reason.rsplit_once(", expected ").map(|(_, after)| after);
    for prefix in ["invalid type: ", "invalid value: "] {
        if let (Some(quoted), Some(expected)) = (reason.strip_prefix(prefix), expected) {
            let kind = quoted
                .split(['"', '`', ','])
                .next()
                .unwrap_or_default()
                .trim();
            let kind = KINDS.into_iter().find(|known| *known == kind);
            let kind = kind.unwrap_or("another value");
            return format!("{prefix}{kind}, expected {expected}");
        }
    }
    for what in ["unknown field", "unknown variant"] {
        if reason.starts_with(what) {
            let none = reason.ends_with(", there are no fields")
                || reason.ends_with(", there are no variants");
            return match expected {
                Some(expected) if !none => format!("{what}, expected {expected}"),
                _ => what.to_owned(),
            };
        }
    }
    "its type refuses it".to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::IpAddr;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::harmless;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "to be read into")]
    struct Known {
        name: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    #[derive(Debug, Deserialize)]
    enum Colour {
        Red,
    }

    fn says<T: DeserializeOwned + std::fmt::Debug>(body: &str) -> String {
        harmless(&serde_json::from_str::<T>(body).unwrap_err())
    }

    #[test]
    fn nothing_of_the_body_is_said() {
        for (said, is) in [
            (
                says::<u32>(r#""hunter2, expected \"x""#),
                "line 1 column 23: invalid type: string, expected u32",
            ),
            (
                says::<u8>("271828"),
                "line 1 column 6: invalid value: integer, expected u8",
            ),
            (
                says::<String>("2.71828"),
                "line 1 column 7: invalid type: floating point, expected a string",
            ),
            (
                says::<u8>("[271828]"),
                "line 1 column 0: invalid type: sequence, expected u8",
            ),
            (
                says::<Known>(r#"{"hunter2, expected ":1}"#),
                "line 1 column 21: unknown field, expected `name`",
            ),
            (
                says::<Nothing>(r#"{"a, expected hunter2":1}"#),
                "line 1 column 22: unknown field",
            ),
            (
                says::<Colour>(r#""hunter2""#),
                "line 1 column 9: unknown variant, expected `Red`",
            ),
            (says::<Known>("{}"), "line 1 column 2: missing field `name`"),
            (
                says::<IpAddr>(r#""hunter2""#),
                "line 1 column 9: its type refuses it",
            ),
            (says::<u8>("hunter2"), "line 1 column 1: expected value"),
        ] {
            assert_eq!(said, is);
        }
    }

    /// `serde_json` says it in one way or another, by the features that a program gives it.
    #[test]
    fn a_key_is_not_said_either() {
        let said = says::<HashMap<u8, u8>>(r#"{"hunter2":1}"#);
        assert!(said.contains(": invalid value: "), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_value_has_no_place() {
        let error = serde_json::from_value::<u8>("hunter2".into()).unwrap_err();
        assert_eq!(harmless(&error), "invalid type: string, expected u8");
        assert!(
            Colour::deserialize(serde_json::json!("Red")).is_ok_and(|c| matches!(c, Colour::Red))
        );
    }
}
