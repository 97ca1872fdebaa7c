//! Texts of strangers, fit to be shown.

use std::fmt::{self, Write as _};

/// How much of a text is shown, in bytes: a line or two of a terminal.
const SHOWN_MAX_BYTES: usize = 200;

/// A text that somebody else wrote, fit to be printed or logged: one line of at most 200 bytes (or
/// as many as the precision says: `{:.50}`) and an `…`, in which control characters, and those that turn the direction of writing, are blanks.
///
/// ```
/// # use micro_names::Shown;
/// let name = "evil\u{1b}[2J\nINFO all is well";
/// assert_eq!(Shown(name).to_string(), "evil [2J INFO all is well");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = f.precision().unwrap_or(SHOWN_MAX_BYTES);
        for c in self.0.chars() {
            let Some(rest) = left.checked_sub(c.len_utf8()) else {
                return f.write_char('…');
            };
            left = rest;
            f.write_char(if misleads(c) { ' ' } else { c })?;
        }
        Ok(())
    }
}

/// Whether a terminal or a log would do something else with it than to show it.
fn misleads(c: char) -> bool {
    let breaks_the_line = matches!(c, '\u{2028}' | '\u{2029}');
    let turns_the_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || breaks_the_line || turns_the_direction
}

#[cfg(test)]
mod tests {
    use super::{SHOWN_MAX_BYTES, Shown};

    #[test]
    fn one_line_that_does_nothing() {
        for (text, shown) in [
            ("numbers 1.0.0", "numbers 1.0.0"),
            ("größe 日本", "größe 日本"),
            ("\u{1b}[2Ja\r\nb\tc\u{9b}d\u{7f}", " [2Ja  b c d "),
            ("user\u{202e}nimda\u{2069}\u{2028}x", "user nimda  x"),
            ("", ""),
        ] {
            assert_eq!(Shown(text).to_string(), shown);
        }
    }

    #[test]
    fn of_bounded_length() {
        let whole = "a".repeat(SHOWN_MAX_BYTES);
        assert_eq!(Shown(&whole).to_string(), whole);
        assert_eq!(Shown(&format!("{whole}a")).to_string(), format!("{whole}…"));
        assert_eq!(format!("{:.2}", Shown("abc")), "ab…");
        let odd = "é".repeat(SHOWN_MAX_BYTES);
        assert_eq!(
            Shown(&odd).to_string(),
            "é".repeat(SHOWN_MAX_BYTES / 2) + "…"
        );
    }
}
