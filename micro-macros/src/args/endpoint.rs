//! The arguments of `#[endpoint(..)]`.

use std::time::Duration;

use micro_names::{Problem, Subject, Wildcards, check_group, check_name};
use proc_macro2::{Ident, TokenStream, TokenTree};

use crate::args::{Grammar, is_punct, keys, walk};
use crate::errors::Errors;
use crate::model::{EventSettings, Metadata, Queue, Text};
use crate::tokens::flatten;

const GRAMMAR: Grammar = Grammar {
    attribute: "#[endpoint(..)]",
    keys: keys::ENDPOINT,
    sibling: Some(("#[service(..)]", keys::SERVICE)),
    foreign: &[
        ("path", "did you mean `subject`?"),
        ("route", "did you mean `subject`?"),
        ("topic", "did you mean `subject`?"),
        ("description", "write it as a doc comment above the method"),
        ("doc", "write it as a doc comment above the method"),
        ("prefix", "did you mean `group`?"),
        ("limit", "did you mean `concurrency`?"),
        ("workers", "did you mean `concurrency`?"),
        ("max_in_flight", "did you mean `concurrency`?"),
    ],
    positional: Some(("subject", "the subject")),
};

/// What is left out is `None` and gets its default when the model is made.
pub(crate) struct EndpointArgs {
    pub(crate) name: Option<Text>,
    pub(crate) subject: Option<Text>,
    pub(crate) group: Option<Text>,
    pub(crate) queue_group: Queue,
    pub(crate) metadata: Metadata,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
    /// Where it says that the method blocks.
    pub(crate) blocking: Option<Ident>,
    /// Of a subscriber.
    pub(crate) events: EventSettings,
    /// Where its key is written, if it has one.
    pub(crate) key: Option<Text>,
    /// Name, subject and group as given are usable: without them, what they imply cannot be
    /// judged, and no second error is made of the first.
    pub(crate) address_is_known: bool,
    /// Whatever is wrong with them, they have no placeholders.
    pub(crate) cannot_hold_placeholders: bool,
    pub(crate) name_is_given: bool,
}

impl EndpointArgs {
    /// Nothing is said yet. `tokens` are all that there are.
    pub(super) fn of(tokens: TokenStream) -> Self {
        Self {
            name: None,
            subject: None,
            group: None,
            queue_group: Queue::Inherit,
            metadata: Metadata::new(),
            timeout: None,
            concurrency: None,
            blocking: None,
            events: EventSettings::default(),
            key: None,
            address_is_known: true,
            cannot_hold_placeholders: cannot_hold_placeholders(tokens),
            name_is_given: false,
        }
    }

    /// Something is wrong with all of them.
    pub(crate) fn unknown(tokens: TokenStream) -> Self {
        Self {
            address_is_known: false,
            ..Self::of(tokens)
        }
    }
}

pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> EndpointArgs {
    let mut args = EndpointArgs::of(tokens.clone());
    let before = errors.count();
    let list = walk(tokens, GRAMMAR, errors);
    // A misspelt `subject` is none: what it would have said is not known.
    args.address_is_known = before == errors.count();
    for arg in list {
        match arg.name.as_str() {
            "name" => {
                args.name_is_given = true;
                args.name = arg.checked("\"..\"", check_endpoint_name, errors);
                args.address_is_known &= args.name.is_some();
            }
            "subject" => {
                args.subject = arg.checked("\"..\"", check_subject, errors);
                args.address_is_known &= args.subject.is_some();
            }
            "group" => {
                let check = |text: &str| check_group(text, Wildcards::Named);
                args.group = arg.checked("\"..\"", check, errors);
                args.address_is_known &= args.group.is_some();
            }
            "queue_group" => {
                args.queue_group = arg.queue_group(errors).unwrap_or(Queue::Inherit);
            }
            "metadata" => args.metadata = arg.metadata(errors),
            "timeout" => args.timeout = arg.duration(errors),
            "concurrency" => args.concurrency = arg.number(1, 64, errors),
            "blocking" => {
                arg.flag(errors);
                args.blocking = Some(arg.key);
            }
            _ => {}
        }
    }
    args
}

/// Whether nothing in the arguments can be meant as a placeholder: every value is written out, and
/// none has a brace or a wildcard.
fn cannot_hold_placeholders(tokens: TokenStream) -> bool {
    let mut tokens = flatten(tokens).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_suspect = match &token {
            TokenTree::Literal(literal) => literal.to_string().contains(['{', '*', '>']),
            token if is_punct(token, '=') => {
                let word = tokens.peek().map(ToString::to_string);
                !matches!(tokens.peek(), Some(TokenTree::Literal(_)))
                    && !matches!(word.as_deref(), Some("true" | "false"))
            }
            _ => false,
        };
        if is_suspect {
            return false;
        }
    }
    true
}

fn check_subject(value: &str) -> Result<(), Problem> {
    Subject::parse(value, Wildcards::Named).map(drop)
}

/// As for services, but a dotted name is a group and a name.
fn check_endpoint_name(value: &str) -> Result<(), Problem> {
    if value.contains(['{', '}', '*']) {
        return check_name("name", value).map_err(|problem| {
            Problem::new(problem.message)
                .help(format!("write `subject = \"{value}\"`"))
                .note("a name is plain; placeholders and wildcards belong to the subject")
        });
    }
    check_name("name", value).map_err(|problem| match value.rsplit_once('.') {
        Some((group, name))
            if check_name("name", name).is_ok() && check_group(group, Wildcards::Named).is_ok() =>
        {
            problem.help(format!("write `group = \"{group}\", name = \"{name}\"`"))
        }
        _ => problem,
    })
}
