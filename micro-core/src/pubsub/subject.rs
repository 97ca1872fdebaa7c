//! Where an event can go, and what can be subscribed to.

use micro_names::{Problem, Subject as Names, Wildcards};

use crate::wire::Subject;

/// The one subject that an event goes to.
pub(super) fn to_publish(subject: &str) -> Result<Subject, Problem> {
    if Names::is_plain(subject) {
        return Ok(subject.into());
    }
    if Names::parse(subject, Wildcards::Allowed)?.has_wildcards() {
        return Err(Problem::new(
            "an event goes to one subject, without wildcards and placeholders",
        )
        .help("put the values in, such as with `format!`"));
    }
    Ok(subject.into())
}

/// What a subscription is for.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As the server knows it.
    pub(super) wire: String,
    /// The names of placeholders, each with the index of its token.
    placeholders: Vec<(String, usize)>,
}

impl Pattern {
    pub(super) fn parse(subject: &str) -> Result<Self, Problem> {
        let names = Names::parse(subject, Wildcards::Allowed)?;
        let placeholders = names.placeholders();
        let placeholders = placeholders.map(|(name, index)| (name.to_owned(), index));
        Ok(Self {
            placeholders: placeholders.collect(),
            wire: names.wire(),
        })
    }

    /// The token of a subject that stands for `{name}`.
    pub(super) fn placeholder<'s>(&self, name: &str, subject: &'s str) -> Option<&'s str> {
        let (_, index) = self.placeholders.iter().find(|(n, _)| n == name)?;
        subject.split('.').nth(*index)
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, to_publish};

    #[test]
    fn an_event_goes_to_one_subject_that_is_not_reserved() {
        for subject in ["a", "a.b-c_D.9", "é.ü", "a*b"] {
            assert_eq!(to_publish(subject).unwrap().as_str(), subject);
        }
        for subject in [
            "",
            ".",
            "a.",
            "a..b",
            "*",
            "a.*",
            ">",
            "a.>",
            "a.{b}",
            "a b",
            "a\r\nPUB x 0\r\n",
            "$SRV.PING",
            "$SYS.x",
            "$",
            "_GR_.a",
        ] {
            assert!(to_publish(subject).is_err(), "{subject:?}");
        }
    }

    #[test]
    fn a_placeholder_is_a_token_of_the_subject() {
        let pattern = Pattern::parse("orders.{region}.created.{id}").unwrap();
        assert_eq!(pattern.wire, "orders.*.created.*");
        let of = |name| pattern.placeholder(name, "orders.eu.created.7");
        assert_eq!(
            (of("region"), of("id"), of("x")),
            (Some("eu"), Some("7"), None)
        );
        assert_eq!(Pattern::parse("orders.>").unwrap().wire, "orders.>");
        assert!(Pattern::parse("$SYS.>").is_err());
    }
}
