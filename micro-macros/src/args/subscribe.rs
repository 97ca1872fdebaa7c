//! The arguments of `#[subscribe("..", ..)]`: the subject, and then keys as everywhere.

use micro_names::{Problem, Subject, Wildcards, check_header_name, check_name};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Lit;

use crate::args::endpoint::EndpointArgs;
use crate::args::value::{CONSTANTS, as_text, describe, literal};
use crate::args::{Arg, Grammar, is_punct, keys, walk};
use crate::errors::{Errors, at};
use crate::model::{Order, Queue, Text};
use crate::tokens::{flatten, nested_too_deeply, plain_name, too_deep};

const SUBJECT_FIRST: &str = "write it first: `#[subscribe(\"orders.created\")]`";

const GRAMMAR: Grammar = Grammar {
    attribute: "#[subscribe(\"..\", ..)]",
    keys: keys::SUBSCRIBE,
    sibling: Some(("#[endpoint(..)]", keys::ENDPOINT)),
    foreign: &[
        ("subject", SUBJECT_FIRST),
        ("topic", SUBJECT_FIRST),
        ("group", "write the whole subject: events have no prefix"),
        ("prefix", "write the whole subject: events have no prefix"),
        ("description", "write it as a doc comment above the method"),
        ("doc", "write it as a doc comment above the method"),
        ("limit", "did you mean `concurrency`?"),
        ("workers", "did you mean `concurrency`?"),
        ("max_in_flight", "did you mean `concurrency`?"),
        ("order", "did you mean `ordered`?"),
        ("key", "did you mean `ordered_by`?"),
        ("partition_by", "did you mean `ordered_by`?"),
    ],
    positional: None,
};

pub(crate) fn parse(tokens: TokenStream, place: &Ident, errors: &mut Errors) -> EndpointArgs {
    if let Some(deep) = too_deep(tokens.clone()) {
        errors.push(at(deep.span()), &nested_too_deeply());
        return EndpointArgs::unknown(tokens);
    }
    let mut args = EndpointArgs::of(tokens.clone());
    let mut tokens = flatten(tokens);
    let subject = Subjects::take(&mut tokens);
    args.subject = subject.read(place, errors);
    args.address_is_known = args.subject.is_some();
    let list = walk(tokens.into_iter().collect(), GRAMMAR, errors);
    let mut ordered: Option<Ident> = None;
    let mut has_one_order = true;
    for arg in list {
        match arg.name.as_str() {
            "name" => {
                args.name_is_given = true;
                let check = |text: &str| check_name("name", text);
                args.name = arg.checked("\"..\"", check, errors);
            }
            "queue_group" => {
                args.queue_group = arg.queue_group(errors).unwrap_or(Queue::Inherit);
            }
            "metadata" => args.metadata = arg.metadata(errors),
            "timeout" => args.timeout = arg.duration(errors),
            "concurrency" => args.concurrency = arg.number(1, 64, errors),
            "pending" => args.events.pending = arg.number(0, 1000, errors),
            "blocking" => {
                arg.flag(errors);
                args.blocking = Some(arg.key);
            }
            _ => {
                order(&arg, &mut args, errors);
                if let Some(first) = &ordered {
                    has_one_order = false;
                    let problem =
                        Problem::new(format!("`{first}` and `{}` cannot be combined", arg.key))
                            .note("events have one order");
                    errors.push_with_reference(
                        &arg.key,
                        &problem,
                        first,
                        &format!("`{first}` is given here"),
                    );
                }
                ordered.get_or_insert(arg.key);
            }
        }
    }
    if has_one_order
        && args.events.order == Order::OneAtATime
        && let (Some(limit @ 2..), Some(ordered)) = (args.concurrency, &ordered)
    {
        let problem = Problem::new(format!(
            "`ordered` handles one event at a time, and `concurrency` says {limit}"
        ))
        .help("remove one of them, or write `ordered_by = \"..\"` to handle one at a time of each key");
        errors.push(ordered, &problem);
    }
    if let (Some(_), Some(blocking), Some(ordered)) = (&args.timeout, &args.blocking, &ordered) {
        let problem = Problem::new(format!(
            "a `blocking` method with `{ordered}` cannot have a `timeout`"
        ))
        .help("remove `timeout`, and bound in the method what it waits for; or write an `async fn`")
        .note("nothing can end its thread, and the next event would be handled beside it");
        errors.push(blocking, &problem);
    }
    args
}

fn order(arg: &Arg, args: &mut EndpointArgs, errors: &mut Errors) {
    match arg.name.as_str() {
        "ordered" => {
            arg.flag(errors);
            args.events.order = Order::OneAtATime;
        }
        "ordered_by" => {
            let key = arg.checked("\"region\"", check_key, errors);
            if let Some(key) = key {
                args.events.order = Order::PerPlaceholder(key.value.clone());
                args.key = Some(key);
            }
        }
        _ => {
            let name = arg.checked("\"X-Key\"", check_header_name, errors);
            if let Some(name) = name {
                args.events.order = Order::PerHeader(name.value);
            }
        }
    }
}

/// The name of a placeholder, without its braces.
fn check_key(value: &str) -> Result<(), Problem> {
    let inner = value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    match inner {
        Some(inner) => Err(Problem::new("`ordered_by` is the name of a placeholder")
            .help(format!("write `ordered_by = \"{inner}\"`"))),
        None => Ok(()),
    }
}

/// What stands before the keys.
enum Subjects {
    /// A value, of whatever kind.
    Written(Vec<TokenTree>),
    /// Nothing; or keys, one of which is meant to be it.
    Missing { is_told: bool },
}

impl Subjects {
    /// Takes the first argument, if that is no key, and the comma behind it.
    fn take(tokens: &mut Vec<TokenTree>) -> Self {
        let first = tokens.split(|token| is_punct(token, ',')).next();
        let first = first.unwrap_or_default();
        let is_key = match first {
            [] => true,
            [TokenTree::Ident(word)] => keys::SUBSCRIBE.contains(&plain_name(word).as_str()),
            [TokenTree::Ident(_), second, ..] => {
                is_punct(second, '=') || matches!(second, TokenTree::Group(_))
            }
            _ => false,
        };
        if is_key {
            let mut words = tokens.iter();
            let is_told = words.any(|token| {
                matches!(token, TokenTree::Ident(word) if word == "subject" || word == "topic")
            });
            return Self::Missing { is_told };
        }
        // A literal ends by itself: a comma that is missing behind it is told as such.
        let length = match first {
            [TokenTree::Literal(_), ..] => 1,
            first => first.len(),
        };
        let written = tokens.drain(..length).collect();
        if tokens.first().is_some_and(|token| is_punct(token, ',')) {
            tokens.remove(0);
        }
        Self::Written(written)
    }

    fn read(&self, place: &Ident, errors: &mut Errors) -> Option<Text> {
        let tokens = match self {
            Self::Written(tokens) => tokens,
            Self::Missing { is_told: true } => return None,
            Self::Missing { is_told: false } => {
                let problem = Problem::new("`#[subscribe]` needs a subject")
                    .help("write `#[subscribe(\"orders.created\")]`");
                errors.push(place, &problem);
                return None;
            }
        };
        let written: TokenStream = tokens.iter().cloned().collect();
        let text = match literal(tokens) {
            Some(Lit::Str(text)) if text.suffix().is_empty() => text,
            _ => {
                let found = describe(tokens);
                let problem = Problem::new(format!(
                    "the subject must be a string literal, found {found}"
                ));
                let problem = match (found, as_text(tokens)) {
                    ("a path", _) => problem.note(CONSTANTS),
                    (_, Some(text)) if check(&text).is_ok() => {
                        problem.help(format!("write `#[subscribe({text:?})]`"))
                    }
                    _ => problem.help("write `#[subscribe(\"orders.created\")]`"),
                };
                errors.push(written, &problem);
                return None;
            }
        };
        if let Err(problem) = check(&text.value()) {
            errors.push(&text, &problem);
            return None;
        }
        Some(Text {
            value: text.value(),
            place: text.to_token_stream(),
        })
    }
}

fn check(subject: &str) -> Result<(), Problem> {
    Subject::parse(subject, Wildcards::Allowed).map(drop)
}
