//! Values of arguments: a literal of the right kind, or a message that says which kind is
//! asked for, which was found and what to write.

use std::collections::HashMap;
use std::time::Duration;

use micro_names::{Problem, check_metadata_key, parse_duration};
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::parse::Parser as _;
use syn::{Lit, LitStr};

use crate::args::{Arg, Value, is_punct};
use crate::errors::Errors;
use crate::model::{Metadata, Queue, Text};
use crate::tokens::flatten;

/// More tokens than the longest path that a person writes.
const EXPR_MAX_TOKENS: usize = 100;

impl Arg {
    /// The value as tokens, for an error about it; the key if there is none.
    pub(crate) fn place(&self) -> TokenStream {
        match &self.value {
            Value::Tokens(tokens) => tokens.iter().cloned().collect(),
            Value::List(group) => quote!(#group),
            Value::Flag | Value::Missing => self.key.to_token_stream(),
        }
    }

    /// A string, or an error with `example` as what to write.
    pub(crate) fn string(&self, example: &str, errors: &mut Errors) -> Option<LitStr> {
        if let Some(Lit::Str(text)) = self.literal() {
            return Some(text);
        }
        self.wrong_kind("a string literal", example, errors);
        None
    }

    /// A string that passes a check.
    pub(crate) fn checked(
        &self,
        example: &str,
        check: impl FnOnce(&str) -> Result<(), Problem>,
        errors: &mut Errors,
    ) -> Option<Text> {
        let literal = self.string(example, errors)?;
        let text = Text {
            value: literal.value(),
            place: literal.to_token_stream(),
        };
        match check(&text.value) {
            Ok(()) => Some(text),
            Err(problem) => {
                errors.push(&text.place, &problem);
                None
            }
        }
    }

    pub(crate) fn duration(&self, errors: &mut Errors) -> Option<Duration> {
        let mut duration = None;
        self.checked(
            "\"2s\"",
            |text| {
                duration = Some(parse_duration(&self.name, text)?);
                Ok(())
            },
            errors,
        );
        duration
    }

    /// How many requests at once: a whole number from 1.
    pub(crate) fn concurrency(&self, errors: &mut Errors) -> Option<u32> {
        let name = &self.name;
        if self.is_negative_number() {
            errors.push(
                self.place(),
                &Problem::new(format!("`{name}` must be at least 1")),
            );
            return None;
        }
        let Some(Lit::Int(number)) = self.literal() else {
            self.wrong_kind("an integer literal", "64", errors);
            return None;
        };
        let problem = match number.base10_parse::<u32>() {
            Ok(0) => Problem::new(format!("`{name}` must be at least 1")),
            Ok(number) => return Some(number),
            Err(_) => Problem::new(format!(
                "`{name}` must be at least 1 and at most {}",
                u32::MAX
            )),
        };
        errors.push(number, &problem);
        None
    }

    /// The name of a queue group, or `false`.
    pub(crate) fn queue_group(&self, errors: &mut Errors) -> Option<Queue> {
        match self.literal() {
            Some(Lit::Bool(flag)) if !flag.value => Some(Queue::Disabled),
            Some(Lit::Str(text)) => match micro_names::check_queue_group(&text.value()) {
                Ok(()) => Some(Queue::Named(text.value())),
                Err(problem) => {
                    errors.push(text, &problem);
                    None
                }
            },
            Some(Lit::Bool(_)) => {
                errors.push(
                    self.place(),
                    &Problem::new("`queue_group` is a string, or `false` to serve without one"),
                );
                None
            }
            _ => {
                self.wrong_kind("a string literal or `false`", "\"workers\"", errors);
                None
            }
        }
    }

    /// `metadata(key = "value", "any key" = "value")`.
    pub(crate) fn metadata(&self, errors: &mut Errors) -> Metadata {
        let Value::List(group) = &self.value else {
            errors.push(
                self.place(),
                &Problem::new("`metadata` takes a list").help("write `metadata(team = \"core\")`"),
            );
            return Metadata::new();
        };
        let mut pairs = Metadata::new();
        let mut known: HashMap<String, TokenTree> = HashMap::new();
        for pair in split_commas(flatten(group.stream())) {
            let Some((key, name, value)) = metadata_pair(&pair, errors) else {
                continue;
            };
            if let Some(first) = known.get(&name) {
                errors.push_with_reference(
                    &key,
                    &Problem::new(format!("duplicate metadata key `{name}`")),
                    first,
                    &format!("`{name}` is first given here"),
                );
                continue;
            }
            known.insert(name.clone(), key);
            pairs.push((name, value));
        }
        pairs
    }

    /// The value, if it is one literal; `true` and `false` are literals too.
    pub(crate) fn literal(&self) -> Option<Lit> {
        match &self.value {
            Value::Tokens(tokens) => literal(tokens),
            _ => None,
        }
    }

    pub(crate) fn is_negative_number(&self) -> bool {
        match &self.value {
            Value::Tokens(tokens) => match tokens.as_slice() {
                [minus, number] => {
                    is_punct(minus, '-')
                        && matches!(literal(std::slice::from_ref(number)), Some(Lit::Int(_)))
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// The error for a value that is not of the kind asked for.
    pub(crate) fn wrong_kind(&self, expected: &str, example: &str, errors: &mut Errors) {
        let name = &self.name;
        let help = format!("write `{name} = {example}`");
        let tokens = match &self.value {
            Value::Flag | Value::Missing => {
                let problem = Problem::new(format!("`{name}` needs a value"))
                    .help(format!("write `{name} = {example}`"));
                errors.push(&self.key, &problem);
                return;
            }
            Value::List(group) => {
                let problem = Problem::new(format!("`{name}` must be {expected}, found a list"));
                errors.push(group, &problem.help(help));
                return;
            }
            Value::Tokens(tokens) => tokens,
        };
        let found = describe(tokens);
        let problem = Problem::new(format!("`{name}` must be {expected}, found {found}"));
        let problem = match found {
            "a path" => problem.note(
                "attribute arguments are read before constants are evaluated; for a value known \
                 only at run time use `App::service_with`",
            ),
            "a macro call" => {
                problem.note("attribute arguments are read before macros are expanded")
            }
            _ => problem.help(match (found, tokens.as_slice()) {
                // The value is fine and only its quotes are missing or too many.
                ("an integer", [number]) if expected.starts_with("a string") => {
                    let quoted = format!("{:?}", number.to_string());
                    if name == "timeout" {
                        format!("write `{name} = {example}`")
                    } else {
                        format!("write `{name} = {quoted}`")
                    }
                }
                ("a string", _) => match self.literal() {
                    Some(Lit::Str(text)) if text.value().parse::<u64>().is_ok() => {
                        format!("write `{name} = {}`", text.value())
                    }
                    _ => help,
                },
                _ => help,
            }),
        };
        errors.push(self.place(), &problem);
    }
}

fn literal(tokens: &[TokenTree]) -> Option<Lit> {
    match tokens {
        [token @ (TokenTree::Literal(_) | TokenTree::Ident(_))] => {
            syn::parse2(token.to_token_stream()).ok()
        }
        _ => None,
    }
}

/// The value as an expression. A long one is none of those that are told apart, and `a + a + a` goes
/// as deep as it is long.
pub(crate) fn short_expr(tokens: &[TokenTree]) -> Option<syn::Expr> {
    if tokens.len() > EXPR_MAX_TOKENS {
        return None;
    }
    syn::parse2(tokens.iter().cloned().collect()).ok()
}

/// What a value is, in a word.
pub(crate) fn describe(tokens: &[TokenTree]) -> &'static str {
    if let Some(literal) = literal(tokens) {
        return match literal {
            Lit::Str(_) => "a string",
            Lit::Int(_) => "an integer",
            Lit::Float(_) => "a float",
            Lit::Bool(_) => "a boolean",
            Lit::Char(_) => "a character",
            Lit::ByteStr(_) | Lit::Byte(_) => "bytes",
            Lit::CStr(_) => "a C string",
            _ => "a literal",
        };
    }
    if let [minus, number] = tokens
        && is_punct(minus, '-')
        && matches!(number, TokenTree::Literal(_))
    {
        return "a negative number";
    }
    let stream: TokenStream = tokens.iter().cloned().collect();
    if syn::Path::parse_mod_style.parse2(stream.clone()).is_ok() {
        return "a path";
    }
    match short_expr(tokens) {
        Some(syn::Expr::Macro(_)) => "a macro call",
        Some(syn::Expr::Path(_)) => "a path",
        _ => "an expression",
    }
}

pub(crate) fn split_commas(tokens: Vec<TokenTree>) -> Vec<Vec<TokenTree>> {
    let mut pieces = vec![Vec::new()];
    for token in tokens {
        if is_punct(&token, ',') {
            pieces.push(Vec::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.push(token);
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn metadata_pair(tokens: &[TokenTree], errors: &mut Errors) -> Option<(TokenTree, String, String)> {
    let (key, rest) = tokens.split_first()?;
    let name = match (key, literal(std::slice::from_ref(key))) {
        (_, Some(Lit::Str(text))) => text.value(),
        (TokenTree::Ident(ident), _) => crate::tokens::plain_name(ident),
        _ => {
            let problem = Problem::new(format!(
                "a metadata key is a word or a string, found `{key}`"
            ))
            .help("write `metadata(team = \"core\")`");
            errors.push(key, &problem);
            return None;
        }
    };
    if let Err(problem) = check_metadata_key(&name) {
        errors.push(key, &problem);
        return None;
    }
    let value = match rest {
        [] => {
            let problem = Problem::new(format!("metadata key `{name}` needs a value"))
                .help(format!("write `{key} = \"..\"`"));
            errors.push(key, &problem);
            return None;
        }
        [equals, value @ ..] if is_punct(equals, '=') => value,
        [other, ..] => {
            let problem = Problem::new(format!("expected `=` after `{key}`, found `{other}`"));
            errors.push(other, &problem);
            return None;
        }
    };
    if let Some(Lit::Str(text)) = literal(value) {
        return Some((key.clone(), name, text.value()));
    }
    let place: TokenStream = value.iter().cloned().collect();
    let place = if place.is_empty() {
        key.to_token_stream()
    } else {
        place
    };
    let problem = if value.is_empty() {
        Problem::new(format!("metadata key `{name}` needs a value"))
            .help(format!("write `{key} = \"..\"`"))
    } else {
        Problem::new(format!(
            "the value of metadata key `{name}` must be a string literal, found {}",
            describe(value)
        ))
    };
    errors.push(place, &problem);
    None
}
