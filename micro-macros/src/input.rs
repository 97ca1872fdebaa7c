//! The annotated `impl` block: its header and the signatures of its methods precisely, bodies
//! not at all. What does not parse is left for rustc to complain about.

use micro_names::Problem;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Generics, Path, Signature, Token, Type, Visibility, token};

use crate::args::is_punct;
use crate::errors::{Errors, at};
use crate::tokens::{Nesting, nested_too_deeply, too_deep};

pub(crate) struct ServiceInput {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) generics: Generics,
    pub(crate) trait_: Option<Path>,
    pub(crate) self_ty: Type,
    pub(crate) items: Vec<Item>,
}

pub(crate) enum Item {
    Method(Box<Method>),
    /// `name! { .. }`, by the tokens of its path.
    Macro {
        attrs: Vec<Attribute>,
        path: Path,
    },
    /// Constants and types, with the word that begins them.
    Other {
        attrs: Vec<Attribute>,
        keyword: TokenTree,
    },
}

pub(crate) struct Method {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) sig: Signature,
    /// The `;` in the place of a body.
    pub(crate) semicolon: Option<Token![;]>,
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
    let members = without_bodies(&body);
    if let Some(deep) = too_deep(header.clone()).or_else(|| too_deep(members.clone())) {
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
    input.items = parse_members(members, errors);
    Some(input)
}

/// The members with nothing in their bodies and macro calls: it is not looked at, and may be as deep
/// as it likes.
fn without_bodies(body: &Group) -> TokenStream {
    let mut nesting = Nesting::default();
    let tokens = body.stream().into_iter().map(|token| {
        let is_called = nesting.is_after_bang();
        nesting.pass(&token);
        match &token {
            TokenTree::Group(group)
                if is_called
                    || group.delimiter() == Delimiter::Brace && nesting.is_outside_of_angles() =>
            {
                let mut empty = Group::new(group.delimiter(), TokenStream::new());
                empty.set_span(group.span());
                empty.into()
            }
            _ => token,
        }
    });
    tokens.collect()
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
    input.parse::<Option<Token![default]>>()?;
    input.parse::<Option<Token![unsafe]>>()?;
    input.parse::<Token![impl]>()?;
    let mut generics = if input.peek(Token![<]) && !is_qualified_path(input) {
        input.parse()?
    } else {
        Generics::default()
    };
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
        generics,
        trait_,
        self_ty,
        items: Vec::new(),
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

fn is_fn_word(ident: &proc_macro2::Ident) -> bool {
    ["fn", "async", "unsafe", "extern"]
        .iter()
        .any(|word| ident == word)
}

fn parse_members(members: TokenStream, errors: &mut Errors) -> Vec<Item> {
    let parser = |input: ParseStream| {
        let mut items = Vec::new();
        while !input.is_empty() {
            let start = input.fork();
            match parse_item(input) {
                Ok(item) => items.push(item),
                Err(error) => {
                    errors.push_error(error);
                    // Whatever was eaten, the item ends at the next body or semicolon. One token
                    // has to go in any case, or this would not end.
                    if start.cursor() == input.cursor() {
                        input.parse::<TokenTree>()?;
                    }
                    skip_item(input)?;
                }
            }
        }
        Ok(items)
    };
    match parser.parse2(members) {
        Ok(items) => items,
        Err(error) => {
            errors.push_error(error);
            Vec::new()
        }
    }
}

fn parse_item(input: ParseStream) -> syn::Result<Item> {
    input.call(Attribute::parse_inner)?;
    let attrs = input.call(Attribute::parse_outer)?;
    let ahead = input.fork();
    ahead.parse::<Visibility>()?;
    ahead.parse::<Option<Token![default]>>()?;
    if is_signature(&ahead) {
        input.parse::<Visibility>()?;
        input.parse::<Option<Token![default]>>()?;
        let sig = input.parse()?;
        let semicolon = if input.peek(token::Brace) {
            input.parse::<TokenTree>()?;
            None
        } else {
            Some(input.parse::<Token![;]>()?)
        };
        return Ok(Item::Method(Box::new(Method {
            attrs,
            sig,
            semicolon,
        })));
    }
    input.parse::<Visibility>()?;
    input.parse::<Option<Token![default]>>()?;
    if input.peek(Token![const]) || input.peek(Token![type]) || input.peek(Token![static]) {
        let keyword = input.parse()?;
        // The value may have braces: only the semicolon ends it.
        while !input.is_empty() && !input.peek(Token![;]) {
            input.parse::<TokenTree>()?;
        }
        input.parse::<Token![;]>()?;
        return Ok(Item::Other { attrs, keyword });
    }
    let path = input.call(Path::parse_mod_style)?;
    input.parse::<Token![!]>()?;
    let arguments: Group = input.parse()?;
    if arguments.delimiter() != Delimiter::Brace {
        input.parse::<Token![;]>()?;
    }
    Ok(Item::Macro { attrs, path })
}

fn is_signature(input: ParseStream) -> bool {
    let ahead = input.fork();
    loop {
        if ahead.peek(Token![fn]) {
            return true;
        }
        let qualifier = ahead.peek(Token![const])
            || ahead.peek(Token![async])
            || ahead.peek(Token![unsafe])
            || ahead.peek(Token![extern])
            || ahead.peek(syn::LitStr);
        if !qualifier || ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
}

fn skip_item(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let body =
            matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if body || is_punct(&token, ';') {
            break;
        }
    }
    Ok(())
}
