//! The attributes of parameters: `#[header("..")]`, `#[extract]`, `#[payload(..)]`.

use micro_names::{Problem, check_header_name, is_reply_only_header};
use proc_macro2::TokenTree;
use syn::{Attribute, Lit, Meta};

use crate::args::suggest::{accepted, closest};
use crate::args::value::{as_text, describe};
use crate::args::{attribute_tokens, is_punct};
use crate::errors::{Errors, at};
use crate::model::{Codec, Purpose};
use crate::tokens::flatten;

/// Ours, in the order they are listed in messages.
pub(crate) const NAMES: &[&str] = &["header", "extract", "payload"];

/// Attributes of the compiler that may stand on a parameter.
const BUILT_IN: &[&str] = &[
    "allow", "cfg", "cfg_attr", "deny", "doc", "expect", "forbid", "warn",
];

/// What an attribute makes of its parameter. The contents are `None` after an error.
pub(crate) enum Marker {
    Header(Option<String>),
    Extract,
    Payload(Option<Codec>),
    /// An attribute that nobody knows: where the value comes from cannot be said.
    Unknown,
}

impl Marker {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::Extract => "extract",
            Self::Payload(_) => "payload",
            Self::Unknown => "attribute",
        }
    }
}

/// Whether the compiler knows this attribute on a parameter, so that it may stay.
pub(crate) fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

/// The marker of a parameter, with the attribute it came from.
pub(crate) fn parse<'a>(
    attrs: &'a [Attribute],
    purpose: Purpose,
    errors: &mut Errors,
) -> Option<(&'a Attribute, Marker)> {
    let mut found: Option<(&Attribute, Marker)> = None;
    let mut misspelt = None;
    for attr in attrs {
        let Some(name) = attr
            .path()
            .segments
            .last()
            .map(|last| last.ident.to_string())
        else {
            continue;
        };
        let marker = match name.as_str() {
            "header" => Marker::Header(header(attr, errors)),
            "extract" => extract(attr, errors),
            "payload" => Marker::Payload(payload(attr, errors)),
            "cfg" | "cfg_attr" => {
                let problem = Problem::new(format!(
                    "a parameter of {} cannot have `#[{name}]`",
                    purpose.one()
                ))
                .help(format!("put `#[{name}]` on the method"));
                errors.push(attr, &problem);
                continue;
            }
            name if is_built_in(name) => continue,
            name => {
                let near = unknown(attr, name, errors);
                misspelt.get_or_insert((attr, near));
                continue;
            }
        };
        match &found {
            None => found = Some((attr, marker)),
            Some((_, first)) if first.name() == marker.name() => {
                let name = marker.name();
                errors.push(
                    attr,
                    &Problem::new(format!("duplicate `#[{name}]` attribute")),
                );
            }
            Some((_, first)) => errors.push(
                attr,
                &Problem::new(format!(
                    "`#[{}]` and `#[{}]` cannot be combined",
                    first.name(),
                    marker.name()
                )),
            ),
        }
    }
    if found.is_none()
        && let Some((attr, near)) = misspelt
    {
        // As what is likely meant: an endpoint would otherwise have a payload too many.
        let marker = match near {
            Some("header") => Marker::Header(None),
            Some("extract") => Marker::Extract,
            Some("payload") => Marker::Payload(None),
            _ => Marker::Unknown,
        };
        found = Some((attr, marker));
    }
    found
}

/// Reports an attribute, and says which of ours is likely meant.
fn unknown(attr: &Attribute, name: &str, errors: &mut Errors) -> Option<&'static str> {
    let problem = Problem::new(format!("unknown parameter attribute `{name}`"));
    let near = closest(name, NAMES);
    let problem = match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    };
    errors.push(attr.path(), &problem.note(accepted(NAMES)));
    near
}

fn header(attr: &Attribute, errors: &mut Errors) -> Option<String> {
    if let Meta::NameValue(pair) = &attr.meta {
        let value = &pair.value;
        let problem = Problem::new("the name of a header goes into parentheses")
            .help(format!("write `#[header({})]`", quote::quote!(#value)));
        errors.push(attr, &problem);
        return None;
    }
    let mut tokens = flatten(attribute_tokens(&attr.meta, "header", errors));
    if tokens.len() > 1 && tokens.last().is_some_and(|last| is_punct(last, ',')) {
        tokens.pop();
    }
    let literal = match tokens.as_slice() {
        [] => {
            let problem =
                Problem::new("`#[header]` needs a name").help("write `#[header(\"X-Name\")]`");
            errors.push(attr, &problem);
            return None;
        }
        [token] => syn::parse2::<Lit>(token.clone().into()).ok(),
        _ => None,
    };
    let Some(Lit::Str(name)) = literal else {
        // `X-Name` or `name = "X-Name"`.
        let written: String = tokens.iter().map(ToString::to_string).collect();
        let meant = as_text(&tokens).unwrap_or(written);
        let meant = if check_header_name(&meant).is_ok() && !meant.contains(['"', '(', '=']) {
            meant
        } else {
            "X-Name".to_owned()
        };
        let problem = Problem::new(format!(
            "`#[header]` takes the name as one string literal, found {}",
            describe(&tokens)
        ))
        .help(format!("write `#[header(\"{meant}\")]`"));
        errors.push(
            tokens.into_iter().collect::<proc_macro2::TokenStream>(),
            &problem,
        );
        return None;
    };
    let value = name.value();
    if let Err(problem) = check_header_name(&value) {
        errors.push(name, &problem);
        return None;
    }
    if is_reply_only_header(&value) {
        let problem = Problem::new(format!(
            "`{value}` is set on replies by the framework and never arrives with a request"
        ));
        errors.push(name, &problem);
        return None;
    }
    Some(value)
}

fn extract(attr: &Attribute, errors: &mut Errors) -> Marker {
    let problem = Problem::new("`#[extract]` takes no arguments");
    match &attr.meta {
        Meta::Path(_) => {}
        Meta::List(list) if list.tokens.is_empty() => {
            errors.push(at(list.delimiter.span().join()), &problem);
        }
        Meta::List(list) => errors.push(&list.tokens, &problem),
        Meta::NameValue(pair) => errors.push(&pair.value, &problem),
    }
    Marker::Extract
}

fn payload(attr: &Attribute, errors: &mut Errors) -> Option<Codec> {
    const KINDS: &[&str] = &["json", "raw"];
    let tokens = flatten(attribute_tokens(&attr.meta, "payload", errors));
    match tokens.as_slice() {
        [] if matches!(attr.meta, Meta::NameValue(_)) => None,
        [] => {
            let problem = Problem::new("`#[payload]` needs a kind")
                .help("write `#[payload(json)]` or `#[payload(raw)]`");
            errors.push(attr, &problem);
            None
        }
        [TokenTree::Ident(kind)] if kind == "json" => Some(Codec::Json),
        [TokenTree::Ident(kind)] if kind == "raw" => Some(Codec::Raw),
        [kind] => {
            let word = kind.to_string();
            let problem = Problem::new(format!("unknown payload kind `{word}`"));
            let problem = match closest(word.trim_matches('"'), KINDS) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            };
            errors.push(kind, &problem.note(accepted(KINDS)));
            None
        }
        [_, second, ..] => {
            let problem = Problem::new("`#[payload]` takes one kind").note(accepted(KINDS));
            errors.push(at(second.span()), &problem);
            None
        }
    }
}
