//! Names and subjects: no check panics, and whether two subjects meet is what the plainest reading
//! of the rules says, in the grammar and in the dev server.
#![no_main]

use libfuzzer_sys::fuzz_target;
use micro_devserver::fuzzing;
use micro_names::{Subject, Wildcards};

fuzz_target!(|input: &[u8]| {
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').take(16).collect();
    matches(&lines);
    let texts: Vec<&str> = lines
        .iter()
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    for text in &texts {
        names(text);
    }
    if let [one, other, ..] = texts.as_slice() {
        for wildcards in [Wildcards::Allowed, Wildcards::Named] {
            if let (Ok(one), Ok(other)) = (
                Subject::parse(one, wildcards),
                Subject::parse(other, wildcards),
            ) {
                let meet = overlap(&one.wire(), &other.wire());
                assert_eq!(one.overlaps(&other), meet);
                assert_eq!(other.overlaps(&one), meet);
            }
        }
    }
});

/// The last line is the subject of a message, the others are patterns.
fn matches(lines: &[&[u8]]) {
    let Some((subject, patterns)) = lines.split_last() else {
        return;
    };
    let expected: Vec<u64> = (0..)
        .zip(patterns)
        .filter(|(_, pattern)| is_valid(pattern) && reaches(pattern, subject))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(fuzzing::reached(patterns, subject), expected);
    for pattern in patterns {
        assert_eq!(fuzzing::is_valid(pattern), is_valid(pattern));
    }
}

fn tokens(subject: &[u8]) -> Vec<&[u8]> {
    subject.split(|byte| *byte == b'.').collect()
}

fn is_valid(pattern: &[u8]) -> bool {
    let tokens = tokens(pattern);
    let last = tokens.len() - 1;
    tokens
        .iter()
        .enumerate()
        .all(|(index, token)| !token.is_empty() && (*token != b">" || index == last))
}

fn reaches(pattern: &[u8], subject: &[u8]) -> bool {
    let (pattern, subject) = (tokens(pattern), tokens(subject));
    if subject.iter().any(|token| token.is_empty()) {
        return false;
    }
    fn walk(pattern: &[&[u8]], subject: &[&[u8]]) -> bool {
        match (pattern, subject) {
            ([], []) => true,
            ([b">"], [_, ..]) => true,
            ([p, pattern @ ..], [s, subject @ ..]) => {
                (*p == b"*" || p == s) && walk(pattern, subject)
            }
            _ => false,
        }
    }
    walk(&pattern, &subject)
}

/// Whether some subject is matched by both.
fn overlap(one: &str, other: &str) -> bool {
    fn walk(one: &[&[u8]], other: &[&[u8]]) -> bool {
        match (one, other) {
            ([], []) => true,
            ([], _) | (_, []) => false,
            ([b">"], _) | (_, [b">"]) => true,
            ([a, one @ ..], [b, other @ ..]) => {
                (*a == b"*" || *b == b"*" || a == b) && walk(one, other)
            }
        }
    }
    walk(&tokens(one.as_bytes()), &tokens(other.as_bytes()))
}

fn names(text: &str) {
    let problems = [
        micro_names::check_name("name", text).err(),
        micro_names::check_token(text).err(),
        micro_names::check_header_name(text).err(),
        micro_names::check_queue_group(text).err(),
        micro_names::check_version(text).err(),
        micro_names::check_metadata_key(text).err(),
        micro_names::parse_duration("timeout", text).err(),
        micro_names::check_group(text, Wildcards::Allowed).err(),
        micro_names::check_group(text, Wildcards::Named).err(),
        Subject::parse(text, Wildcards::Allowed).err(),
        Subject::parse(text, Wildcards::Named).err(),
    ];
    for problem in problems.into_iter().flatten() {
        let said = problem.to_string();
        assert!(!said.is_empty());
    }
    let shown = micro_names::Shown(text).to_string();
    assert!(shown.len() <= 203 && !shown.contains(char::is_control));
    if let Ok(duration) = micro_names::parse_duration("timeout", text) {
        micro_names::check_duration("timeout", duration).unwrap();
    }
    for wildcards in [Wildcards::Allowed, Wildcards::Named] {
        let Ok(subject) = Subject::parse(text, wildcards) else {
            continue;
        };
        let wire = subject.wire();
        // What is accepted can be subscribed to, and says the same when it is read again.
        assert!(is_valid(wire.as_bytes()), "{wire:?}");
        assert_eq!(tokens(wire.as_bytes()).len(), subject.token_count());
        assert_eq!(
            Subject::parse(&wire, Wildcards::Allowed).unwrap().wire(),
            wire
        );
        assert!(subject.overlaps(&subject));
    }
}
