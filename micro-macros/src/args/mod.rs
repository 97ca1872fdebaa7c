//! The arguments of an attribute: `key`, `key = value` and `key(list)`, separated by commas.
//!
//! This module walks the list and knows what every list has in common: unknown keys,
//! duplicates, missing values. What the keys mean is in the sub-modules, one an attribute.

pub(crate) mod endpoint;
mod keys;
pub(crate) mod param;
pub(crate) mod service;
pub(crate) mod subscribe;
pub(crate) mod suggest;
pub(crate) mod value;

use std::iter::Peekable;
use std::vec::IntoIter;

use micro_names::Problem;
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;
use syn::{Lit, MacroDelimiter};

use crate::args::suggest::{accepted, closest};
use crate::args::value::literal;
use crate::errors::{Errors, at};
use crate::tokens::{flatten, nested_too_deeply, plain_name, too_deep};

/// What a list of arguments may hold.
#[derive(Clone, Copy)]
pub(crate) struct Grammar {
    /// The list as it is written: `#[service(..)]`.
    pub(crate) attribute: &'static str,
    /// The keys in declaration order.
    pub(crate) keys: &'static [&'static str],
    /// The keys of the attribute people mix this one up with, and its name.
    pub(crate) sibling: Option<(&'static str, &'static [&'static str])>,
    /// Words that other frameworks have for something of ours, with what to say of each.
    pub(crate) foreign: &'static [(&'static str, &'static str)],
    /// What a lone literal is probably meant to be: the key and why one would write it.
    pub(crate) positional: Option<(&'static str, &'static str)>,
}

/// One argument.
pub(crate) struct Arg {
    pub(crate) key: Ident,
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// What stands after the key.
pub(crate) enum Value {
    /// Nothing.
    Flag,
    /// Nothing after the `=`.
    Missing,
    /// The tokens after the `=`, at least one.
    Tokens(Vec<TokenTree>),
    /// `key(..)`.
    List(Group),
}

/// The argument tokens of an attribute written with parentheses or bare; nothing, with an
/// error, for other forms.
pub(crate) fn attribute_tokens(
    meta: &syn::Meta,
    attribute: &str,
    errors: &mut Errors,
) -> TokenStream {
    match meta {
        syn::Meta::Path(_) => TokenStream::new(),
        syn::Meta::List(list) => {
            if !matches!(list.delimiter, MacroDelimiter::Paren(_)) {
                let span = list.delimiter.span().join();
                errors.push(
                    at(span),
                    &Problem::new(format!("use parentheses: `#[{attribute}(..)]`")),
                );
            }
            list.tokens.clone()
        }
        syn::Meta::NameValue(pair) => {
            errors.push(
                pair.eq_token,
                &Problem::new(format!(
                    "arguments go into parentheses: `#[{attribute}(..)]`"
                )),
            );
            TokenStream::new()
        }
    }
}

/// Takes the list apart. Every key comes at most once and is one of the grammar's.
pub(crate) fn walk(tokens: TokenStream, grammar: Grammar, errors: &mut Errors) -> Vec<Arg> {
    // No compiler has looked how deep they are.
    if let Some(deep) = too_deep(tokens.clone()) {
        errors.push(at(deep.span()), &nested_too_deeply());
        return Vec::new();
    }
    let mut rest = flatten(tokens).into_iter().peekable();
    let mut args: Vec<Arg> = Vec::new();
    while let Some(first) = rest.next() {
        let TokenTree::Ident(key) = first else {
            not_a_key(&first, rest.peek(), grammar, errors);
            if !is_punct(&first, ',') {
                skip_to_comma(&mut rest);
            }
            continue;
        };
        let name = plain_name(&key);
        let value = read_value(&name, &mut rest, grammar, errors);
        let Some(value) = value else { continue };
        if !grammar.keys.contains(&name.as_str()) {
            unknown_key(&key, &name, &value, grammar, errors);
            continue;
        }
        if let Some(first) = args.iter().find(|arg| arg.name == name) {
            errors.push_with_reference(
                &key,
                &Problem::new(format!("duplicate argument `{name}`")),
                &first.key,
                &format!("`{name}` is first given here"),
            );
            continue;
        }
        args.push(Arg { key, name, value });
    }
    args
}

/// What follows a key, up to and with its comma. `None` if it is beyond reading.
fn read_value(
    name: &str,
    rest: &mut Peekable<IntoIter<TokenTree>>,
    grammar: Grammar,
    errors: &mut Errors,
) -> Option<Value> {
    let value = match rest.peek() {
        None => return Some(Value::Flag),
        Some(token) if is_punct(token, ',') => Value::Flag,
        Some(token) if is_punct(token, '=') => {
            rest.next();
            let tokens = value_tokens(rest, errors);
            if tokens.is_empty() {
                Value::Missing
            } else {
                Value::Tokens(tokens)
            }
        }
        Some(TokenTree::Group(_)) => match rest.next() {
            Some(TokenTree::Group(group)) => {
                if group.delimiter() != Delimiter::Parenthesis {
                    let problem = Problem::new(format!("use parentheses: `{name}(..)`"));
                    errors.push(at(group.span()), &problem);
                    skip_to_comma(rest);
                    return None;
                }
                Value::List(group)
            }
            _ => return None,
        },
        Some(token) => {
            let token = token.clone();
            let problem = Problem::new(format!(
                "expected `=` after `{name}`, found `{}`",
                shown(&token)
            ));
            let is_dash = is_punct(&token, '-');
            rest.next();
            let problem = match rest.peek() {
                // `queue-group`.
                Some(TokenTree::Ident(second)) if is_dash => {
                    let key = format!("{name}_{second}");
                    if grammar.keys.contains(&key.as_str()) {
                        problem.help(format!("did you mean `{key}`?"))
                    } else {
                        problem
                    }
                }
                _ => problem,
            };
            errors.push(token, &problem);
            skip_to_comma(rest);
            return None;
        }
    };
    match rest.peek() {
        Some(token) if is_punct(token, ',') => {
            rest.next();
        }
        // The next argument is read as if the comma were there.
        Some(token) => {
            let problem = Problem::new(format!("expected `,` before `{}`", shown(token)));
            let problem = if is_punct(token, ';') || is_punct(token, ':') {
                Problem::new(format!("expected `,`, found `{}`", shown(token)))
            } else {
                problem
            };
            errors.push(token, &problem);
            if matches!(token, TokenTree::Punct(_)) {
                rest.next();
            }
        }
        None => {}
    }
    Some(value)
}

/// The tokens of a value. A literal ends by itself, so that a forgotten comma is found where it
/// is missing; everything else ends at the next comma outside angle brackets.
fn value_tokens(rest: &mut Peekable<IntoIter<TokenTree>>, errors: &mut Errors) -> Vec<TokenTree> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    while let Some(token) = rest.peek() {
        if depth == 0 && is_punct(token, ',') {
            break;
        }
        let after_literal = matches!(tokens.as_slice(), [TokenTree::Literal(_)]);
        let begins_anew = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if after_literal && (begins_anew || is_punct(token, ';') || is_punct(token, ':')) {
            break;
        }
        // `name == "x"` and `name => "x"`: say it here, or the value would be "an expression".
        if tokens.is_empty() && (is_punct(token, '=') || is_punct(token, '>')) {
            let found = shown(token);
            errors.push(
                token,
                &Problem::new(format!("expected a value after `=`, found `{found}`")),
            );
            rest.next();
            continue;
        }
        if is_punct(token, '<') {
            depth += 1;
        } else if is_punct(token, '>') {
            depth = depth.saturating_sub(1);
        }
        tokens.extend(rest.next());
    }
    tokens
}

fn skip_to_comma(rest: &mut Peekable<IntoIter<TokenTree>>) {
    for token in rest.by_ref() {
        if is_punct(&token, ',') {
            return;
        }
    }
}

fn not_a_key(token: &TokenTree, next: Option<&TokenTree>, grammar: Grammar, errors: &mut Errors) {
    let quoted = literal(std::slice::from_ref(token)).and_then(|literal| match literal {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    });
    let problem = match (token, grammar.positional) {
        // `"name" = "x"`.
        (TokenTree::Literal(_), _)
            if next.is_some_and(|next| is_punct(next, '='))
                && let Some(name) = &quoted =>
        {
            let problem = Problem::new("the name of an argument has no quotes");
            if grammar.keys.contains(&name.as_str()) {
                problem.help(format!("write `{name}`"))
            } else {
                problem.note(accepted(grammar.keys))
            }
        }
        // `"404"`.
        (TokenTree::Literal(_), Some((key @ "code", what)))
            if let Some(number) = quoted.as_ref().filter(|text| text.parse::<u16>().is_ok()) =>
        {
            Problem::new("arguments have names")
                .help(format!("to set {what} write `{key} = {number}`"))
        }
        (TokenTree::Literal(literal), Some((key, what)))
            if literal.to_string().starts_with('"') != (key == "code") =>
        {
            Problem::new("arguments have names")
                .help(format!("to set {what} write `{key} = {literal}`"))
        }
        (TokenTree::Literal(_), _) => {
            Problem::new("arguments have names").note(accepted(grammar.keys))
        }
        _ => Problem::new(format!(
            "expected the name of an argument, found `{}`",
            shown(token)
        ))
        .note(accepted(grammar.keys)),
    };
    errors.push(token, &problem);
}

fn unknown_key(key: &Ident, name: &str, value: &Value, grammar: Grammar, errors: &mut Errors) {
    let Grammar {
        attribute, keys, ..
    } = grammar;
    let problem = Problem::new(format!("unknown argument `{name}` in `{attribute}`"));
    let belongs = grammar
        .sibling
        .filter(|(_, theirs)| theirs.contains(&name))
        .map(|(sibling, _)| format!("`{name}` is an argument of `{sibling}`"));
    let foreign = grammar.foreign.iter().find(|(word, _)| *word == name);
    let help = foreign.map(|(_, help)| (*help).to_owned()).or(belongs);
    let help = help.or_else(|| closest(name, keys).map(|key| format!("did you mean `{key}`?")));
    let help = help.or_else(|| match (value, grammar.positional) {
        // `#[endpoint(add)]`: a name or a subject that lost its key.
        (Value::Flag, Some((key, what))) => {
            Some(format!("to set {what} write `{key} = \"{name}\"`"))
        }
        _ => None,
    });
    let problem = match help {
        Some(help) => problem.help(help),
        None => problem,
    };
    errors.push(key, &problem.note(accepted(keys)));
}

pub(crate) fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// A token as it is shown in a message; of a group only the bracket that opens it.
fn shown(token: &TokenTree) -> String {
    match token {
        TokenTree::Group(group) => match group.delimiter() {
            Delimiter::Parenthesis => "(".to_owned(),
            Delimiter::Brace => "{".to_owned(),
            Delimiter::Bracket => "[".to_owned(),
            Delimiter::None => group.stream().to_string(),
        },
        token => quote!(#token).to_string(),
    }
}
