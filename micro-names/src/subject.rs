//! Subjects: patterns of tokens, their groups, and when two of them meet.

use std::collections::HashSet;

use crate::Problem;
use crate::length::{self, SUBJECT_MAX_BYTES};
use crate::token::{Token, is_keyword, is_parameter_name};

/// A first token that no client may publish to.
const GATEWAYS: &str = "_GR_";

/// Which wildcards a subject may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wildcards {
    /// Only named ones, `{id}`: what the macros take, so that every token has a parameter.
    Named,
    /// `*` and a final `>` too: what the builder takes.
    Allowed,
}

/// A subject pattern, taken apart into its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    tokens: Vec<Token>,
}

impl Subject {
    /// Reads a subject, with `{placeholders}` as whole tokens.
    pub fn parse(value: &str, wildcards: Wildcards) -> Result<Self, Problem> {
        parse("subject", value, wildcards)
    }

    /// Whether [`parse`](Self::parse) would read a subject that NATS knows as it is written: without
    /// wildcards and placeholders, as nearly all are.
    pub fn is_plain(value: &str) -> bool {
        is_plain_subject(value)
            && !value.split('.').any(str::is_empty)
            && length::check("subject", value.len(), SUBJECT_MAX_BYTES).is_ok()
            && check_start("subject", value).is_ok()
    }

    /// The subject as NATS knows it: `history.{user}` is `history.*`.
    #[must_use]
    pub fn wire(&self) -> String {
        join(self.tokens.iter().map(|token| match token {
            Token::Literal(literal) => literal.as_str(),
            Token::Placeholder(_) | Token::Any => "*",
            Token::Tail => ">",
        }))
    }

    /// The placeholders in order, each with the index of its token.
    pub fn placeholders(&self) -> impl Iterator<Item = (&str, usize)> {
        let tokens = self.tokens.iter().enumerate();
        tokens.filter_map(|(index, token)| match token {
            Token::Placeholder(name) => Some((name.as_str(), index)),
            _ => None,
        })
    }

    /// How many tokens there are; a `>` counts as one.
    #[must_use]
    pub fn token_count(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it matches more than one subject.
    #[must_use]
    pub fn has_wildcards(&self) -> bool {
        let mut tokens = self.tokens.iter();
        tokens.any(|token| !matches!(token, Token::Literal(_)))
    }

    /// Whether there is a subject that both match, so that a request to it would be delivered
    /// to both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let mut ours = self.tokens.iter();
        let mut theirs = other.tokens.iter();
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) | (Some(Token::Tail), Some(_)) | (Some(_), Some(Token::Tail)) => {
                    return true;
                }
                (Some(one), Some(other)) if one.meets(other) => {}
                _ => return false,
            }
        }
    }
}

/// Checks a group: a subject prefix. The empty group is the identity.
pub fn check_group(value: &str, wildcards: Wildcards) -> Result<(), Problem> {
    if value.is_empty() {
        return Ok(());
    }
    parse("group", value, wildcards)?;
    // `a>` is a token of its own to NATS, and as part of a longer subject a mistake.
    if value.contains('>') {
        return Err(Problem::new("`group` cannot contain `>`")
            .note("nothing can follow `>` in a subject, and a group is a prefix"));
    }
    Ok(())
}

/// Joins groups and a subject with dots, leaving out empty ones.
#[must_use]
pub fn join<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        if !joined.is_empty() {
            joined.push('.');
        }
        joined.push_str(part);
    }
    joined
}

/// What a subject may not begin with.
fn check_start(key: &str, value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::new(format!("`{key}` cannot be empty")));
    }
    if value.starts_with('$') {
        return Err(Problem::new(
            "subjects starting with `$` are reserved for the NATS server and for service discovery",
        ));
    }
    if value.split('.').next() == Some(GATEWAYS) {
        return Err(Problem::new(format!(
            "subjects starting with `{GATEWAYS}` are reserved for the gateways of the NATS server"
        )));
    }
    Ok(())
}

fn is_plain_subject(value: &str) -> bool {
    value.bytes().all(is_plain)
}

fn parse(key: &str, value: &str, wildcards: Wildcards) -> Result<Subject, Problem> {
    check_start(key, value)?;
    // Nearly all are, and a service may have a thousand endpoints.
    let is_plain = is_plain_subject(value);
    let pieces = if is_plain {
        value.split('.').collect()
    } else {
        pieces(key, value, wildcards)?
    };
    if pieces.contains(&"") {
        let kept = join(pieces);
        return Err(Problem::new(format!("`{key}` has an empty token"))
            .propose((!kept.is_empty()).then_some(kept)));
    }
    if is_plain {
        length::check(key, value.len(), SUBJECT_MAX_BYTES)?;
        let tokens = pieces.into_iter();
        let tokens = tokens.map(|piece| Token::Literal(piece.to_owned()));
        return Ok(Subject {
            tokens: tokens.collect(),
        });
    }
    check_wildcards(key, value, &pieces, wildcards)?;
    let subject = Subject {
        tokens: pieces.into_iter().map(token).collect(),
    };
    let mut seen = HashSet::new();
    for (name, _) in subject.placeholders() {
        if !seen.insert(name) {
            return Err(Problem::new(format!(
                "placeholder `{{{name}}}` is used twice"
            )));
        }
    }
    length::check(key, subject.wire().len(), SUBJECT_MAX_BYTES)?;
    Ok(subject)
}

/// What is in a subject of literal tokens only, about which there is nothing more to say.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// The tokens of a subject that is not plain, if they can be some.
fn pieces<'v>(key: &str, value: &'v str, wildcards: Wildcards) -> Result<Vec<&'v str>, Problem> {
    let pieces = split(key, value).map_err(|problem| {
        // `{{id}}`, as in a format string.
        let single = value.replace("{{", "{").replace("}}", "}");
        let passes = single != value && parse(key, &single, wildcards).is_ok();
        problem.propose(passes.then_some(single))
    })?;
    // The name of a placeholder has its own rule and message; it goes before those for the text.
    for piece in &pieces {
        check_placeholder(piece)?;
    }
    if value.contains(char::is_whitespace) {
        return Err(Problem::new(format!("`{key}` cannot contain white space")));
    }
    if value.contains(char::is_control) {
        return Err(Problem::new(format!(
            "`{key}` cannot contain control characters, found `{}`",
            value.escape_debug()
        )));
    }
    Ok(pieces)
}

/// Splits at the dots outside braces, and sees that the braces pair up.
fn split<'v>(key: &str, value: &'v str) -> Result<Vec<&'v str>, Problem> {
    let mut pieces = Vec::new();
    let mut rest = value;
    let mut open = false;
    let mut start = 0;
    for (index, c) in value.char_indices() {
        match c {
            '{' if open => return Err(unclosed(key)),
            '{' => open = true,
            '}' if open => open = false,
            '}' => return Err(Problem::new(format!("unmatched `}}` in `{key}`"))),
            '.' if !open => {
                let (piece, after) = rest.split_at(index - start);
                pieces.push(piece);
                rest = after.get(1..).unwrap_or_default();
                start = index + 1;
            }
            _ => {}
        }
    }
    if open {
        return Err(unclosed(key));
    }
    pieces.push(rest);
    Ok(pieces)
}

fn unclosed(key: &str) -> Problem {
    Problem::new(format!("unclosed `{{` in `{key}`"))
}

/// The text between the braces, if there are any. `split` has seen that they pair up.
fn placeholder_name(piece: &str) -> Option<&str> {
    let (_, rest) = piece.split_once('{')?;
    rest.split_once('}').map(|(name, _)| name)
}

fn check_placeholder(piece: &str) -> Result<(), Problem> {
    let Some(name) = placeholder_name(piece) else {
        return Ok(());
    };
    if name.is_empty() {
        return Err(Problem::new("a placeholder needs a name")
            .help("write `{id}` and add a parameter `id`"));
    }
    if !is_parameter_name(name) {
        return Err(not_a_parameter(name));
    }
    if piece.len() != name.len() + 2 {
        let problem = Problem::new(format!(
            "a placeholder must be a whole token, found `{}`",
            piece.escape_debug()
        ))
        .note("a wildcard of NATS stands for one token, never for a part of one");
        // `${id}`, as in a shell.
        let meant = piece.starts_with("${").then(|| format!("{{{name}}}"));
        return Err(problem.propose(meant));
    }
    Ok(())
}

/// Proposes the name that is in it: `{id:u32}`, `{id }`, `{id...}`, `{user-id}`.
fn not_a_parameter(name: &str) -> Problem {
    let problem = Problem::new(format!(
        "`{}` cannot be the name of a parameter",
        name.escape_debug()
    ));
    if is_keyword(name) {
        return problem.note("it is a keyword of Rust");
    }
    let (start, after) = match name.split_once(':') {
        Some((start, after)) => (start, Some(after.trim())),
        None => (name, None),
    };
    let start = start
        .trim()
        .trim_end_matches(['.', '*', '?', '+'])
        .replace('-', "_");
    if !is_parameter_name(&start) {
        return problem;
    }
    match after.filter(|after| is_parameter_name(after)) {
        Some(ty) => problem.help(format!(
            "write `{{{start}}}`, and the type at the parameter: `{start}: {ty}`"
        )),
        None => problem.help(format!("write `{{{start}}}`")),
    }
}

fn check_wildcards(
    key: &str,
    value: &str,
    pieces: &[&str],
    wildcards: Wildcards,
) -> Result<(), Problem> {
    let tail = value.find('>');
    if wildcards == Wildcards::Allowed {
        return match tail {
            Some(index) if index + 1 != value.len() => Err(Problem::new(format!(
                "`>` must be the last character of `{key}`"
            ))),
            _ => Ok(()),
        };
    }
    if tail.is_some() {
        let problem = Problem::new(format!("a {key} cannot contain `>`"));
        // `<id>`, as in other routers.
        let braces = value.replace('<', "{").replace('>', "}");
        if value.contains('<') && parse(key, &braces, wildcards).is_ok() {
            return Err(problem.help(format!("write `{braces}`")));
        }
        return Err(problem.note(
            "an endpoint answers requests whose tokens are known; \
             subscribe with async-nats for a whole tree",
        ));
    }
    if value.contains('*') {
        return Err(
            Problem::new(format!("name the wildcard: a {key} cannot contain `*`"))
                .help(named_wildcards(pieces)),
        );
    }
    Ok(())
}

/// The help for stars: the same subject with every star named, and the parameters to add.
fn named_wildcards(pieces: &[&str]) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut pattern = Vec::new();
    for piece in pieces {
        if piece.contains('*') {
            let free = |name: &String| {
                !names.contains(&format!("`{name}`"))
                    && !pieces.contains(&format!("{{{name}}}").as_str())
            };
            let name = (1..=pieces.len())
                .map(|number| match number {
                    1 => "id".to_owned(),
                    number => format!("id{number}"),
                })
                .find(free)
                .unwrap_or_default();
            pattern.push(format!("{{{name}}}"));
            names.push(format!("`{name}`"));
        } else {
            pattern.push((*piece).to_owned());
        }
    }
    let (what, names) = match names.as_slice() {
        [name] => ("a parameter", name.clone()),
        names => ("parameters", names.join(", ")),
    };
    format!("write `{}` and add {what} {names}", pattern.join("."))
}

fn token(piece: &str) -> Token {
    match piece {
        "*" => Token::Any,
        ">" => Token::Tail,
        _ => match placeholder_name(piece) {
            Some(name) => Token::Placeholder(name.to_owned()),
            None => Token::Literal(piece.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Subject, Wildcards, check_group, join};

    fn named(value: &str) -> Result<Subject, String> {
        Subject::parse(value, Wildcards::Named).map_err(|problem| problem.to_string())
    }

    fn allowed(value: &str) -> Result<Subject, String> {
        Subject::parse(value, Wildcards::Allowed).map_err(|problem| problem.to_string())
    }

    #[test]
    fn what_is_plain_is_read_as_it_is_written() {
        let long = "x".repeat(5_000);
        let rows = [
            "a", "a.b", "a-b.C_9", "", ".", ".a", "a.", "a..b", "$SRV", "$a.b", "_GR_", "_GR_.a",
            "_GR_a", "a b", "*", "a.*", "a.>", "{x}", "a.{x}.b", "ä", "a\u{0}", &long,
        ];
        let mut plain = 0;
        for value in rows {
            let read = Subject::parse(value, Wildcards::Allowed);
            let is = read.is_ok_and(|read| !read.has_wildcards() && read.wire() == value);
            // Of those with other letters, some are read as they are written all the same.
            assert!(is || !Subject::is_plain(value), "{value}");
            assert!(
                !is || Subject::is_plain(value) || !value.is_ascii(),
                "{value}"
            );
            plain += usize::from(Subject::is_plain(value));
        }
        assert_eq!(plain, 4);
    }

    fn refusal(value: &str) -> String {
        named(value).unwrap_err()
    }

    #[test]
    fn placeholders_are_tokens() {
        let subject = named("history.{user}.of.{day}").unwrap();
        assert_eq!(subject.wire(), "history.*.of.*");
        assert_eq!(subject.token_count(), 4);
        assert!(subject.has_wildcards());
        let placeholders: Vec<_> = subject.placeholders().collect();
        assert_eq!(placeholders, [("user", 1), ("day", 3)]);
        assert!(!named("numbers.add").unwrap().has_wildcards());
    }

    #[test]
    fn what_go_accepts_the_builder_accepts() {
        for subject in [
            "a", "a.b", "a.>", ">", "*", "*.a", "a>", "a*b", "func.*.x", "é",
        ] {
            let parsed = allowed(subject).unwrap();
            assert_eq!(parsed.wire(), subject);
        }
        for subject in ["", "a..b", ".a", "a.", "a b", "a\tb", "a.>.b", ">a", "a\0"] {
            assert!(allowed(subject).is_err(), "{subject:?}");
        }
    }

    #[test]
    fn wildcards_have_to_be_named() {
        assert_eq!(
            refusal("history.*"),
            "name the wildcard: a subject cannot contain `*`\n\
             help: write `history.{id}` and add a parameter `id`"
        );
        assert_eq!(
            refusal("*.of.*"),
            "name the wildcard: a subject cannot contain `*`\n\
             help: write `{id}.of.{id2}` and add parameters `id`, `id2`"
        );
        assert_eq!(
            refusal("{id}.*.{id3}.*"),
            "name the wildcard: a subject cannot contain `*`\n\
             help: write `{id}.{id2}.{id3}.{id4}` and add parameters `id2`, `id4`"
        );
        assert_eq!(
            refusal("h.<id>"),
            "a subject cannot contain `>`\nhelp: write `h.{id}`"
        );
        assert_eq!(
            refusal("logs.>"),
            "a subject cannot contain `>`\n\
             note: an endpoint answers requests whose tokens are known; \
             subscribe with async-nats for a whole tree"
        );
    }

    #[test]
    fn text_of_subjects() {
        assert_eq!(refusal(""), "`subject` cannot be empty");
        assert_eq!(refusal("a b"), "`subject` cannot contain white space");
        assert_eq!(
            refusal("a\0"),
            "`subject` cannot contain control characters, found `a\\0`"
        );
        assert_eq!(
            refusal("a..b"),
            "`subject` has an empty token\nhelp: write `a.b`"
        );
        assert_eq!(refusal("."), "`subject` has an empty token");
        assert_eq!(
            refusal("$SRV.PING"),
            "subjects starting with `$` are reserved for the NATS server and for service discovery"
        );
        for reserved in ["_GR_", "_GR_.a"] {
            assert_eq!(
                refusal(reserved),
                "subjects starting with `_GR_` are reserved for the gateways of the NATS server"
            );
        }
        assert!(named("_GR_a.b").is_ok());
    }

    #[test]
    fn as_long_as_a_line_may_be() {
        assert!(named(&"a".repeat(3072)).is_ok());
        assert_eq!(
            refusal(&"a".repeat(3073)),
            "`subject` has 3073 bytes, at most 3072 are allowed\n\
             note: nats-server ends a connection whose lines are too long"
        );
        // On the wire a placeholder is a `*`.
        assert!(named(&format!("{{{}}}", "a".repeat(4000))).is_ok());
    }

    #[test]
    fn braces() {
        assert_eq!(refusal("h.{id"), "unclosed `{` in `subject`");
        assert_eq!(
            refusal("h.{{id}}"),
            "unclosed `{` in `subject`\nhelp: write `h.{id}`"
        );
        assert_eq!(refusal("h.{{0}}"), "unclosed `{` in `subject`");
        assert_eq!(refusal("h.id}"), "unmatched `}` in `subject`");
        assert_eq!(refusal("{id}.{id}"), "placeholder `{id}` is used twice");
        for (subject, name) in [
            ("{0}", "0"),
            ("{a b}", "a b"),
            ("{a.b}", "a.b"),
            ("{*}", "*"),
        ] {
            assert_eq!(
                refusal(subject),
                format!("`{name}` cannot be the name of a parameter")
            );
        }
        assert_eq!(
            refusal("{fn}"),
            "`fn` cannot be the name of a parameter\nnote: it is a keyword of Rust"
        );
        for (subject, name, help) in [
            ("{id }", "id ", "write `{id}`"),
            ("{id...}", "id...", "write `{id}`"),
            ("{user-id}", "user-id", "write `{user_id}`"),
            ("{id:[0-9]+}", "id:[0-9]+", "write `{id}`"),
            (
                "{id:u32}",
                "id:u32",
                "write `{id}`, and the type at the parameter: `id: u32`",
            ),
        ] {
            assert_eq!(
                refusal(subject),
                format!("`{name}` cannot be the name of a parameter\nhelp: {help}")
            );
        }
        assert_eq!(
            refusal("${id}"),
            "subjects starting with `$` are reserved for the NATS server and for service discovery"
        );
        assert_eq!(
            refusal("h.${id}"),
            "a placeholder must be a whole token, found `${id}`\n\
             help: write `{id}`\n\
             note: a wildcard of NATS stands for one token, never for a part of one"
        );
        assert_eq!(
            refusal("{}"),
            "a placeholder needs a name\nhelp: write `{id}` and add a parameter `id`"
        );
        assert_eq!(
            refusal("user-{id}"),
            "a placeholder must be a whole token, found `user-{id}`\n\
             note: a wildcard of NATS stands for one token, never for a part of one"
        );
        assert!(named("{a}{b}").is_err());
    }

    #[test]
    fn groups() {
        let check =
            |value, wildcards| check_group(value, wildcards).map_err(|problem| problem.to_string());
        for group in ["", "numbers", "a.b", "tenants.{tenant}"] {
            assert_eq!(check(group, Wildcards::Named), Ok(()), "{group}");
        }
        assert_eq!(check("a.*", Wildcards::Allowed), Ok(()));
        assert!(check("a.*", Wildcards::Named).is_err());
        assert!(check(">", Wildcards::Named).is_err());
        assert_eq!(
            check("a.>", Wildcards::Allowed).unwrap_err(),
            "`group` cannot contain `>`\n\
             note: nothing can follow `>` in a subject, and a group is a prefix"
        );
        assert!(check("a>", Wildcards::Allowed).is_err());
        assert_eq!(
            check("numbers.", Wildcards::Named).unwrap_err(),
            "`group` has an empty token\nhelp: write `numbers`"
        );
        assert_eq!(
            check("a b", Wildcards::Named).unwrap_err(),
            "`group` cannot contain white space"
        );
    }

    #[test]
    fn joins_skip_what_is_empty() {
        assert_eq!(join(["", "g1", "", "foo"]), "g1.foo");
        assert_eq!(join(["foo"]), "foo");
        assert_eq!(join([""]), "");
    }

    #[test]
    fn overlaps() {
        let overlaps = |one, other| {
            let (one, other) = (allowed(one).unwrap(), allowed(other).unwrap());
            let meet = one.overlaps(&other);
            assert_eq!(meet, other.overlaps(&one), "it is symmetric");
            meet
        };
        assert!(overlaps("a.b", "a.b"));
        assert!(overlaps("a.{x}", "a.b"));
        assert!(overlaps("a.{x}", "{y}.b"));
        assert!(overlaps("a.>", "a.b.c"));
        assert!(overlaps("a.>", "a.*"));
        assert!(!overlaps("a.b", "a.c"));
        assert!(!overlaps("a", "a.b"));
        assert!(!overlaps("a.>", "a"));
        assert!(!overlaps("a.{x}", "b.{x}"));
    }
}
