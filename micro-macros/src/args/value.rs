//! Values of arguments: a literal of the right kind, or a message that says which kind is
//! asked for, which was found and what to write.

use std::collections::HashMap;
use std::time::Duration;

use micro_names::{Problem, check_metadata_key, parse_duration};
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::parse::Parser as _;
use syn::{Lit, LitInt, LitStr};

use crate::args::{Arg, Value, is_punct};
use crate::errors::Errors;
use crate::model::{Metadata, Queue, Text};
use crate::tokens::flatten;

pub(super) const CONSTANTS: &str = "attribute arguments are read before constants are evaluated; for a value \
                         known only at run time use `App::service_with`";
const MACROS: &str = "attribute arguments are read before macros are expanded";
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

    /// Nothing, or an error: the key says it all.
    pub(crate) fn flag(&self, errors: &mut Errors) {
        if !matches!(self.value, Value::Flag) {
            let name = &self.name;
            let problem = Problem::new(format!("`{name}` takes no value"))
                .help(format!("write `{name}`, or leave it out"));
            errors.push(self.place(), &problem);
        }
    }

    /// A string, or an error with `example` as what to write.
    pub(crate) fn string(&self, example: &str, errors: &mut Errors) -> Option<LitStr> {
        let Some(Lit::Str(text)) = self.literal() else {
            self.wrong_kind("a string literal", example, errors);
            return None;
        };
        if !text.suffix().is_empty() {
            let problem = Problem::new(format!(
                "a string literal cannot have a suffix, found `{}`",
                text.suffix()
            ))
            .help(format!("write `{} = {:?}`", self.name, text.value()));
            errors.push(text, &problem);
            return None;
        }
        Some(text)
    }

    /// A string that passes a check.
    pub(crate) fn checked(
        &self,
        example: &str,
        mut check: impl FnMut(&str) -> Result<(), Problem>,
        errors: &mut Errors,
    ) -> Option<Text> {
        let meant = match &self.value {
            Value::Tokens(tokens) => as_text(tokens),
            Value::List(group) => as_text(&flatten(group.stream())),
            Value::Flag | Value::Missing => None,
        };
        // What was meant is proposed if it passes, or as the check would have it.
        let meant = meant.and_then(|meant| match check(&meant) {
            Ok(()) => Some(meant),
            Err(problem) => {
                let help = problem.help?;
                let meant = help.strip_prefix("write `")?.strip_suffix('`')?;
                (!meant.contains('"')).then(|| meant.to_owned())
            }
        });
        let meant = meant.map(|meant| format!("{meant:?}"));
        let literal = self.string(meant.as_deref().unwrap_or(example), errors)?;
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

    /// How many, such as of requests at once: a whole number. `example` is proposed where none can be
    /// made out.
    pub(crate) fn number(&self, least: u32, example: u32, errors: &mut Errors) -> Option<u32> {
        let name = &self.name;
        if self.is_negative_number() {
            errors.push(
                self.place(),
                &Problem::new(format!("`{name}` must be at least {least}")),
            );
            return None;
        }
        let Some(Lit::Int(number)) = self.literal() else {
            let meant = self.number_inside().unwrap_or(example).to_string();
            self.wrong_kind("an integer literal", &meant, errors);
            return None;
        };
        if !fits_its_suffix(&number) {
            let problem = Problem::new(format!("`{number}` is not a number of Rust"))
                .help(format!("write `{name} = {}`", number.base10_digits()));
            errors.push(number, &problem);
            return None;
        }
        let problem = match number.base10_parse::<u32>() {
            Ok(number) if number < least => {
                Problem::new(format!("`{name}` must be at least {least}"))
            }
            Ok(number) => return Some(number),
            Err(_) => Problem::new(format!(
                "`{name}` must be at least {least} and at most {}",
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
            Some(Lit::Str(text)) if text.value().contains(['{', '}']) => {
                let problem = Problem::new("`queue_group` cannot have placeholders")
                    .note("it is one name for all requests of the endpoint");
                errors.push(text, &problem);
                None
            }
            Some(Lit::Str(_)) => {
                let text = self.string("\"workers\"", errors)?;
                match micro_names::check_queue_group(&text.value()) {
                    Ok(()) => Some(Queue::Named(text.value())),
                    Err(problem) => {
                        errors.push(text, &problem);
                        None
                    }
                }
            }
            None if self.is_word_for_nothing() => {
                let problem =
                    Problem::new("`queue_group` is a string, or `false` to serve without one")
                        .help("write `queue_group = false`");
                errors.push(self.place(), &problem);
                None
            }
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

    /// `none`, `None`, `null`: there is a word for it in every language.
    fn is_word_for_nothing(&self) -> bool {
        let word = self.place().to_string().to_lowercase();
        matches!(word.as_str(), "none" | "null" | "nil" | "off" | "no" | "_")
    }

    /// The only number in a value that is none, `(8)` or `8.0`.
    fn number_inside(&self) -> Option<u32> {
        let tokens = match &self.value {
            Value::Tokens(tokens) => tokens.clone(),
            Value::List(group) => flatten(group.stream()),
            Value::Flag | Value::Missing => return None,
        };
        let [only] = literals(tokens).try_into().ok()?;
        match only {
            Lit::Int(number) => number.base10_parse().ok(),
            Lit::Float(number) => number.base10_digits().strip_suffix(".0")?.parse().ok(),
            Lit::Str(text) => text.value().parse().ok(),
            _ => None,
        }
        .filter(|number| *number > 0)
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
            // A word that is no constant by its letters has lost its quotes.
            "a path" if expected.starts_with("a string") && is_plain_word(tokens) => {
                problem.help(format!("write `{name} = \"{}\"`", self.place()))
            }
            "a path" => problem.note(CONSTANTS),
            "a macro call" => problem.note(MACROS),
            _ => problem.help(match (found, tokens.as_slice()) {
                ("an integer", [number]) if expected == "a string literal or `false`" => {
                    format!("write `{name} = \"{number}\"`")
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

/// Whether it is one word with a small letter in it.
fn is_plain_word(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Ident(word)]
        if word.to_string().starts_with(|first: char| first.is_lowercase()))
}

/// The text that a value was probably meant to be: what is in its only literal, or the number.
pub(crate) fn as_text(tokens: &[TokenTree]) -> Option<String> {
    let is_number = |token: &TokenTree| match token {
        TokenTree::Literal(literal) => literal
            .to_string()
            .starts_with(|first: char| first.is_ascii_digit()),
        token => is_punct(token, '.'),
    };
    if !tokens.is_empty() && tokens.iter().all(is_number) {
        return Some(tokens.iter().map(ToString::to_string).collect());
    }
    let [only] = literals(tokens.to_vec()).try_into().ok()?;
    match only {
        Lit::Str(text) => Some(text.value()),
        Lit::Char(character) => Some(character.value().to_string()),
        Lit::ByteStr(bytes) => String::from_utf8(bytes.value()).ok(),
        Lit::CStr(text) => text.value().into_string().ok(),
        _ => None,
    }
}

/// Every literal in the tokens, those in groups included.
fn literals(tokens: Vec<TokenTree>) -> Vec<Lit> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(literals(flatten(group.stream()))),
            TokenTree::Literal(_) => found.extend(literal(&[token])),
            _ => {}
        }
    }
    found
}

/// Whether rustc would take an integer literal with this suffix.
pub(crate) fn fits_its_suffix(number: &LitInt) -> bool {
    match number.suffix() {
        "u8" => number.base10_parse::<u8>().is_ok(),
        "i8" => number.base10_parse::<i8>().is_ok(),
        "u16" => number.base10_parse::<u16>().is_ok(),
        "i16" => number.base10_parse::<i16>().is_ok(),
        "i32" => number.base10_parse::<i32>().is_ok(),
        "" | "u32" | "i64" | "u64" | "i128" | "u128" | "isize" | "usize" => true,
        _ => false,
    }
}

pub(crate) fn literal(tokens: &[TokenTree]) -> Option<Lit> {
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
        [equals, wrong, ..] if is_punct(equals, '=') && is_punct(wrong, '>') => {
            let problem = Problem::new("expected a value after `=`, found `>`");
            errors.push(wrong, &problem);
            return None;
        }
        [equals, value @ ..] if is_punct(equals, '=') => value,
        // `a-b = ".."`, `a.b = ".."`, `a::b = ".."`.
        [joint, .., TokenTree::Ident(_), equals, _]
            if is_punct(equals, '=') && matches!(joint, TokenTree::Punct(_)) =>
        {
            let words = tokens.iter().take_while(|token| !is_punct(token, '='));
            let written: String = words.map(ToString::to_string).collect();
            let problem = Problem::new("a metadata key of more than one word is a string")
                .help(format!("write `\"{written}\" = \"..\"`"));
            errors.push(joint, &problem);
            return None;
        }
        [other, ..] => {
            let problem = Problem::new(format!("expected `=` after `{key}`, found `{other}`"));
            errors.push(other, &problem);
            return None;
        }
    };
    if let [first, then, ..] = value
        && let Some(Lit::Str(_)) = literal(std::slice::from_ref(first))
        && (is_punct(then, ';') || matches!(then, TokenTree::Ident(_) | TokenTree::Literal(_)))
    {
        let problem = if is_punct(then, ';') {
            Problem::new("expected `,`, found `;`")
        } else {
            Problem::new(format!("expected `,` before `{then}`"))
        };
        errors.push(then, &problem);
        return None;
    }
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
        let found = describe(value);
        let problem = Problem::new(format!(
            "the value of metadata key `{name}` must be a string literal, found {found}"
        ));
        match found {
            "a path" if !is_plain_word(value) => problem.note(CONSTANTS),
            "a macro call" => problem.note(MACROS),
            _ => {
                let written: String = value.iter().map(ToString::to_string).collect();
                let meant = as_text(value).or_else(|| (value.len() < 3).then_some(written));
                let meant =
                    meant.map_or_else(|| "..".to_owned(), |meant| meant.escape_debug().to_string());
                problem.help(format!("write `{key} = \"{meant}\"`"))
            }
        }
    };
    errors.push(place, &problem);
    None
}
