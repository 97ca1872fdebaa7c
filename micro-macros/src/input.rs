//! The annotated item: its header precisely, and its members one by one. What does not parse is left
//! for rustc to complain about.

use micro_names::Problem;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Generics, Path, Token, Type, Visibility};

use crate::args::is_punct;
use crate::errors::{Errors, at};
use crate::member::{Item, Reading, has_invisible_groups, is_fn_word, members, without_bodies};
use crate::tokens::{ends_with, nested_too_deeply, too_deep};

pub(crate) struct ServiceInput {
    pub(crate) attrs: Vec<Attribute>,
    /// The word itself, for its place.
    pub(crate) impl_token: Token![impl],
    pub(crate) generics: Generics,
    pub(crate) trait_: Option<Path>,
    pub(crate) self_ty: Type,
    pub(crate) items: Vec<Item>,
    /// Everything in the block could be read.
    pub(crate) is_whole: bool,
}

/// Reads the item under `#[service]`. An item that is not an impl block of some type is an
/// error that says so.
pub(crate) fn parse(item: &TokenStream, errors: &mut Errors) -> Option<ServiceInput> {
    let item = outermost(item.clone());
    if let Err(problem) = check_is_impl(&item, errors) {
        if let Some((place, problem)) = problem {
            errors.push(place, &problem);
        }
        return None;
    }
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let body = match tokens.pop() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => body,
        Some(last) => {
            errors.push(last, &Problem::new("the `impl` block has no body"));
            return None;
        }
        None => return None,
    };
    let header: TokenStream = tokens.into_iter().collect();
    let emptied = without_bodies(body.stream());
    if let Some(deep) = too_deep(header.clone()) {
        errors.push(at(deep.span()), &nested_too_deeply());
        return None;
    }
    let mut input = match parse_header.parse2(header) {
        Ok(input) => input,
        Err(error) => {
            errors.push_error(error);
            return None;
        }
    };
    (input.items, input.is_whole) = parse_body(emptied, errors);
    Some(input)
}

/// Without an invisible group around the whole item.
fn outermost(item: TokenStream) -> TokenStream {
    let mut tokens = item.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            outermost(group.stream())
        }
        _ => item,
    }
}

fn parse_header(input: ParseStream) -> syn::Result<ServiceInput> {
    let attrs = input.call(Attribute::parse_outer)?;
    // What may not stand before or after the `impl`, rustc says itself.
    input.parse::<Visibility>()?;
    input.parse::<Option<Token![default]>>()?;
    input.parse::<Option<Token![unsafe]>>()?;
    let impl_token = input.parse()?;
    let mut generics = if input.peek(Token![<]) && !is_qualified_path(input) {
        input.parse()?
    } else {
        Generics::default()
    };
    input.parse::<Option<Token![const]>>()?;
    input.parse::<Option<Token![!]>>()?;
    let mut self_ty: Type = input.parse()?;
    let mut trait_ = None;
    if input.peek(Token![for]) {
        input.parse::<Token![for]>()?;
        trait_ = syn::parse2(self_ty.to_token_stream()).ok();
        self_ty = input.parse()?;
    }
    generics.where_clause = input.parse()?;
    if !input.is_empty() {
        return Err(input.error("expected the body of the `impl` block"));
    }
    Ok(ServiceInput {
        attrs,
        impl_token,
        generics,
        trait_,
        self_ty,
        items: Vec::new(),
        is_whole: true,
    })
}

/// `impl <T as Trait>::Type { .. }` has no generics: after the `<` stands a type and `as`.
fn is_qualified_path(input: ParseStream) -> bool {
    let ahead = input.fork();
    ahead.parse::<Token![<]>().is_ok()
        && ahead.parse::<Type>().is_ok()
        && (ahead.peek(Token![as]) || ahead.peek(Token![>]) && ahead.peek2(Token![::]))
}

type Refusal = Option<(TokenStream, Problem)>;

/// Looks for the keyword that says what the item is.
fn check_is_impl(item: &TokenStream, errors: &mut Errors) -> Result<(), Refusal> {
    let mut tokens = item.clone().into_iter().peekable();
    let mut before: Option<TokenTree> = None;
    while let Some(token) = tokens.next() {
        if is_punct(&token, '#') {
            tokens.next();
            continue;
        }
        let TokenTree::Ident(word) = &token else {
            // The group of `pub(crate)`, the string of `extern "C"`.
            before = Some(token);
            continue;
        };
        let what = match word.to_string().as_str() {
            "impl" => return Ok(()),
            "pub" | "unsafe" | "default" | "async" | "crate" | "in" => continue,
            "const" if matches!(tokens.peek(), Some(TokenTree::Ident(next)) if is_fn_word(next)) => {
                continue;
            }
            "extern" if !matches!(tokens.peek(), Some(TokenTree::Ident(_))) => {
                if matches!(tokens.peek(), Some(TokenTree::Group(_))) {
                    "an `extern` block"
                } else {
                    continue;
                }
            }
            "struct" => "a struct",
            "enum" => "an enum",
            "union" => "a union",
            "fn" => "a function",
            "mod" => "a module",
            "const" => "a constant",
            "static" => "a static",
            "type" => "a type alias",
            "use" => "a `use`",
            "trait" => "a trait",
            "extern" => "an `extern crate`",
            _ => "something else",
        };
        let problem = Problem::new(format!(
            "`#[service]` goes on an inherent `impl` block, found {what}"
        ));
        let problem = match (what, tokens.next()) {
            ("a struct" | "an enum" | "a union", Some(TokenTree::Ident(name))) => {
                problem.help(format!("move it to `impl {name} {{ .. }}`"))
            }
            ("a trait", _) => problem.note(
                "defining a service by a trait is not supported; the client is generated from \
                 the `impl` block",
            ),
            _ => problem,
        };
        return Err(Some((token.into_token_stream(), problem)));
    }
    // Nothing but attributes and visibility: somebody is typing.
    let place = before.map_or_else(|| at(proc_macro2::Span::call_site()), Into::into);
    errors.push(
        place,
        &Problem::new("`#[service]` goes on an inherent `impl` block"),
    );
    Err(None)
}

/// Reads the members. One that does not parse is left out: rustc has read the block before us and
/// has said what is wrong, and a second error would be the same one in other words.
fn parse_body(body: TokenStream, errors: &mut Errors) -> (Vec<Item>, bool) {
    let mut items = Vec::new();
    let mut unread = None;
    let mut is_whole = true;
    for member in members(body) {
        match member.reading {
            Reading::Item(item) => items.push(item),
            Reading::TooDeep(error) => {
                is_whole = false;
                errors.push_error(error);
            }
            // What a `macro_rules!` substituted may be read by rustc and not by us.
            Reading::BrokenParams(error) | Reading::Broken(error) => {
                is_whole = false;
                if has_invisible_groups(&member.tokens) {
                    errors.push_error(error);
                } else {
                    unread.get_or_insert(error);
                }
            }
        }
    }
    // Without it, the block would be said to have no endpoint.
    if let Some(error) = unread
        && !items.iter().any(is_endpoint)
    {
        errors.push_error(error);
    }
    (items, is_whole)
}

fn is_endpoint(item: &Item) -> bool {
    let Item::Method(method) = item else {
        return false;
    };
    method
        .attrs
        .iter()
        .any(|attr| ends_with(attr.path(), "endpoint"))
}
