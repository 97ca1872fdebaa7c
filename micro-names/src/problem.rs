//! What is wrong with a value, in the three lines every message of this project has.

use std::fmt;

/// What is wrong with a value and what to write instead.
///
/// `Display` gives the message, then a `help: ..` and a `note: ..` line where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What is wrong: lower case, no full stop, the user's words in backticks.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Why, where the reason is not obvious.
    pub note: Option<String>,
}

impl Problem {
    /// A problem with neither help nor note.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            note: None,
        }
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says why.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Proposes `value`, if there is one: a proposal is only worth making when it would pass.
    pub(crate) fn propose(self, value: Option<String>) -> Self {
        match value {
            Some(value) => self.help(format!("write `{value}`")),
            None => self,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        if let Some(note) = &self.note {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::Problem;

    #[test]
    fn lines_in_order() {
        let problem = Problem::new("it is wrong")
            .note("it is so")
            .help("write `x`");
        assert_eq!(
            problem.to_string(),
            "it is wrong\nhelp: write `x`\nnote: it is so"
        );
        assert_eq!(Problem::new("it is wrong").to_string(), "it is wrong");
    }
}
