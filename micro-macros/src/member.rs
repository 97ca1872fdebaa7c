//! One member of the annotated `impl` block: where it begins and ends, and what it is. Signatures
//! are read precisely, bodies not at all.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Path, Signature, Token, Visibility, token};

use crate::args::is_punct;
use crate::tokens::{Nesting, flatten, nested_too_deeply, too_deep};

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

/// The members with nothing in their bodies and macro calls: it is not looked at, and may be as deep
/// as it likes.
pub(crate) fn without_bodies(body: TokenStream) -> TokenStream {
    let mut nesting = Nesting::default();
    let tokens = body.into_iter().map(|token| {
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

pub(crate) fn is_fn_word(ident: &proc_macro2::Ident) -> bool {
    ["fn", "async", "unsafe", "extern"]
        .iter()
        .any(|word| ident == word)
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

/// One member of an impl block.
pub(crate) struct Member {
    pub(crate) tokens: Vec<TokenTree>,
    pub(crate) reading: Reading,
}

/// What a member is.
pub(crate) enum Reading {
    Item(Item),
    /// What stands before its body is nested too deeply to be parsed.
    TooDeep(syn::Error),
    /// A method with something wrong between its parentheses: rustc goes on after them.
    BrokenParams(syn::Error),
    /// Where it ends is a guess, and rustc may lose whatever follows it.
    Broken(syn::Error),
}

/// Takes the body of an impl block apart. Each member is parsed by itself, so that one that is
/// being typed does not take the others with it.
pub(crate) fn members(body: TokenStream) -> Vec<Member> {
    let members = split_members(&with_groups_of_members_opened(body.clone()));
    let is_broken = |member: &Member| matches!(member.reading, Reading::Broken(_));
    if !members
        .iter()
        .any(|member| is_broken(member) && has_invisible_groups(&member.tokens))
    {
        return members;
    }
    // A group may begin in one member and end in another.
    let opened = split_members(&flatten(body));
    if opened.iter().any(is_broken) {
        members
    } else {
        opened
    }
}

fn split_members(tokens: &[TokenTree]) -> Vec<Member> {
    let mut rest = tokens;
    let mut members = Vec::new();
    while !rest.is_empty() {
        let end = member_end(rest);
        let (member, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let stream: TokenStream = member.iter().cloned().collect();
        let deep = too_deep(without_bodies(stream.clone()));
        let deep = deep.map(|token| syn::Error::new(token.span(), nested_too_deeply()));
        let is_too_deep = deep.is_some();
        let (member, after, reading) = match deep.map_or_else(|| parse_item.parse2(stream), Err) {
            Err(error) if is_too_deep => (member, after, Reading::TooDeep(error)),
            Ok(item) => (member, after, Reading::Item(item)),
            Err(error) => {
                // One that has lost its end has the next one in it.
                let cut = next_start(member).unwrap_or(end);
                let (member, after) = rest.split_at_checked(cut).unwrap_or((rest, &[]));
                let reading = if parses_without_params(member) {
                    Reading::BrokenParams(error)
                } else {
                    Reading::Broken(error)
                };
                (member, after, reading)
            }
        };
        members.push(Member {
            tokens: member.to_vec(),
            reading,
        });
        rest = after;
    }
    members
}

/// A metavariable of `macro_rules!` may hold any number of members.
fn with_groups_of_members_opened(body: TokenStream) -> Vec<TokenTree> {
    let mut opened = Vec::new();
    for token in body {
        match token {
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::None
                    && flatten(group.stream()).last().is_some_and(ends_member) =>
            {
                opened.extend(with_groups_of_members_opened(group.stream()));
            }
            token => opened.push(token),
        }
    }
    opened
}

/// How many tokens the first member has: up to its body, or to the semicolon.
fn member_end(tokens: &[TokenTree]) -> usize {
    let mut in_head = true;
    let mut ends_with_brace = true;
    let mut depth = 0_usize;
    let mut before: Option<&TokenTree> = None;
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        if in_head {
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                    // A metavariable: whole members, or a visibility.
                    let ends = flatten(group.stream()).last().is_some_and(ends_member);
                    if ends {
                        return index + 1;
                    }
                }
                TokenTree::Ident(word) if word == "const" => {
                    in_head = matches!(next, Some(TokenTree::Ident(next)) if is_fn_word(next));
                    ends_with_brace = in_head;
                }
                TokenTree::Ident(word) if word == "type" || word == "static" => {
                    (in_head, ends_with_brace) = (false, false);
                }
                token => in_head = is_head(token),
            }
        }
        if is_punct(token, '<') {
            depth += 1;
        } else if is_punct(token, '>') && !before.is_some_and(|before| is_punct(before, '-')) {
            depth = depth.saturating_sub(1);
        }
        let is_argument =
            depth > 0 && next.is_some_and(|next| is_punct(next, '>') || is_punct(next, ','));
        let ends = match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                !in_head
                    && matches!(flatten(group.stream()).as_slice(), [only] if ends_member(only))
            }
            token => ends_member(token),
        };
        if ends && (is_punct(token, ';') || ends_with_brace && !is_argument) {
            return index + 1;
        }
        before = Some(token);
    }
    tokens.len()
}

fn ends_member(token: &TokenTree) -> bool {
    is_punct(token, ';')
        || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// Attributes, and a visibility: what stands before the word that says what a member is.
fn is_head(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => matches!(punct.as_char(), '#' | '!'),
        TokenTree::Group(group) => group.delimiter() != Delimiter::Brace,
        TokenTree::Ident(word) => word == "pub" || word == "default",
        TokenTree::Literal(_) => false,
    }
}

/// Where in a member that does not parse the next one seems to begin.
fn next_start(tokens: &[TokenTree]) -> Option<usize> {
    let is_attribute = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket);
    let mut before: Option<&TokenTree> = None;
    // Where the words in front of a `fn` begin, if it is not at an attribute or a visibility.
    let mut qualifiers: Option<usize> = None;
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        let follows = before.is_some_and(|before| !is_attribute(before));
        let starts = match token {
            token if is_punct(token, '#') => next.is_some_and(is_attribute),
            TokenTree::Ident(word) => word == "pub",
            _ => false,
        };
        if follows && starts {
            return Some(index);
        }
        let TokenTree::Ident(word) = token else {
            (qualifiers, before) = (None, Some(token));
            continue;
        };
        let is_free = follows && !before.is_some_and(is_head);
        if qualifiers.is_none() && is_free && is_fn_word(word) {
            qualifiers = Some(index);
        }
        if word == "fn" && matches!(next, Some(TokenTree::Ident(_))) && qualifiers.is_some() {
            return qualifiers;
        }
        if !is_fn_word(word) {
            qualifiers = None;
        }
        before = Some(token);
    }
    None
}

/// Whether what is wrong with a method stands between its parentheses.
fn parses_without_params(member: &[TokenTree]) -> bool {
    let mut in_signature = false;
    let mut tokens = member.to_vec();
    for token in &mut tokens {
        match token {
            TokenTree::Ident(word) if *word == "fn" => in_signature = true,
            TokenTree::Group(group)
                if in_signature && group.delimiter() == Delimiter::Parenthesis =>
            {
                *token = Group::new(Delimiter::Parenthesis, TokenStream::new()).into();
                break;
            }
            _ => {}
        }
    }
    parse_item.parse2(tokens.into_iter().collect()).is_ok()
}

pub(crate) fn has_invisible_groups(tokens: &[TokenTree]) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => false,
        TokenTree::Group(group) => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            group.delimiter() == Delimiter::None || has_invisible_groups(&inner)
        }
        _ => false,
    })
}
