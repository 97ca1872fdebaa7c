//! Lines for the person at the terminal; the log is for operators, and goes elsewhere.

use std::fmt::Display;
use std::io::Write as _;

/// Prints a line. Nobody may read it; the program goes on all the same.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
