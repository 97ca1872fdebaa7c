//! The user's item without our attributes, token by token: bodies and everything else keep
//! their tokens and spans, and an item that does not parse comes out as it went in.

use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use crate::args::{is_punct, param};
use crate::member::{self, Reading};
use crate::model::Purpose;
use crate::tokens::flatten;

/// How to clean.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clean {
    /// Errors were reported: take out as well what rustc would complain about a second time.
    pub(crate) mistaken: bool,
    /// Macro calls were reported to hide endpoints: what they write would be reported again.
    pub(crate) without_calls: bool,
}

/// Which attributes of an item are ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Method,
    Param { of_endpoint: bool },
}

impl Clean {
    /// The impl block under `#[service]`.
    pub(crate) fn service(self, item: TokenStream) -> TokenStream {
        let item = self.without_repeated_service(item);
        let mut tokens: Vec<TokenTree> = item.into_iter().collect();
        let is_impl = is_impl(&tokens);
        if let Some(TokenTree::Group(body)) = tokens.last_mut() {
            let members = if is_impl && body.delimiter() == Delimiter::Brace {
                readable(body.stream())
            } else {
                body.stream()
            };
            *body = regroup(body, self.members(members, false));
        }
        tokens.into_iter().collect()
    }

    /// The function under a stray `#[endpoint]` or `#[subscribe]`.
    pub(crate) fn function(self, item: TokenStream) -> TokenStream {
        self.members(item, true)
    }

    fn without_repeated_service(self, item: TokenStream) -> TokenStream {
        let mut kept = TokenStream::new();
        let mut tokens = item.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let attribute = match (&token, tokens.peek()) {
                (TokenTree::Punct(_), Some(TokenTree::Group(group))) if is_punct(&token, '#') => {
                    Some(group)
                }
                _ => None,
            };
            if self.mistaken
                && let Some(group) = attribute
                && is_service_attribute(group)
            {
                tokens.next();
                continue;
            }
            kept.extend([token]);
        }
        kept
    }

    /// Walks over methods and whatever else stands between them.
    fn members(self, tokens: TokenStream, mut endpoint: bool) -> TokenStream {
        let mut kept = TokenStream::new();
        let mut in_signature = false;
        let mut at_start = true;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let starts = std::mem::replace(&mut at_start, false);
            if self.without_calls && starts && begins_macro_call(&token, tokens.clone()) {
                kept.extend(quote!(#[cfg(any())]));
            }
            match token {
                token if is_punct(&token, '#') => {
                    at_start = true;
                    match attribute(&token, &mut tokens, Place::Method) {
                        Some(Attribute::Kept(attribute)) => kept.extend(attribute),
                        Some(Attribute::Ours(span)) => {
                            if !endpoint {
                                // Most handlers that do not wait are still `async`.
                                kept.extend(quote_spanned!(span=> #[allow(clippy::unused_async)]));
                            }
                            endpoint = true;
                        }
                        None => kept.extend([token]),
                    }
                }
                TokenTree::Ident(word) if word == "fn" => {
                    in_signature = true;
                    kept.extend([TokenTree::from(word)]);
                }
                TokenTree::Ident(word)
                    if self.mistaken && endpoint && is_stray_const(&word, tokens.peek()) => {}
                TokenTree::Group(group)
                    if in_signature && group.delimiter() == Delimiter::Parenthesis =>
                {
                    // As it is if it can be: a new group has other spans, and rustc would show
                    // what it says at its end a second time.
                    let group = match params(group.stream(), endpoint, self.mistaken) {
                        Some(params) => regroup(&group, params),
                        None => group,
                    };
                    kept.extend([TokenTree::from(group)]);
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    (in_signature, endpoint, at_start) = (false, false, true);
                    kept.extend([TokenTree::from(group)]);
                }
                // A macro_rules! metavariable that holds whole members.
                TokenTree::Group(group)
                    if !in_signature && group.delimiter() == Delimiter::None =>
                {
                    let members = self.members(group.stream(), endpoint);
                    kept.extend([TokenTree::from(regroup(&group, members))]);
                }
                token if is_punct(&token, ';') => {
                    if self.mistaken && endpoint && in_signature {
                        // No body: reported, and rustc would report it again.
                        kept.extend(quote!({ loop {} }));
                    } else {
                        kept.extend([token]);
                    }
                    (in_signature, endpoint, at_start) = (false, false, true);
                }
                token => kept.extend([token]),
            }
        }
        kept
    }
}

/// Without the members that rustc could not read: it has said so, would say so again, and would
/// skip whatever follows them.
fn readable(body: TokenStream) -> TokenStream {
    let members = member::members(body.clone());
    if !members
        .iter()
        .any(|member| matches!(member.reading, Reading::Broken(_)))
    {
        return body;
    }
    members
        .into_iter()
        .filter(|member| !matches!(member.reading, Reading::Broken(_)))
        .flat_map(|member| member.tokens)
        .collect()
}

/// Whether the word that says what the item is is `impl`.
fn is_impl(item: &[TokenTree]) -> bool {
    let mut words = item.iter().filter_map(|token| match token {
        TokenTree::Ident(word) => Some(word),
        _ => None,
    });
    let before = ["pub", "default", "unsafe"];
    words
        .find(|word| !before.iter().any(|before| word == before))
        .is_some_and(|word| word == "impl")
}

/// The parameters without our attributes, if there are some.
fn params(tokens: TokenStream, of_endpoint: bool, mistaken: bool) -> Option<TokenStream> {
    let mut kept = TokenStream::new();
    let mut is_changed = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if is_punct(&token, '#') {
            match attribute(&token, &mut tokens, Place::Param { of_endpoint }) {
                Some(Attribute::Kept(attribute)) => kept.extend(attribute),
                Some(Attribute::Ours(_)) => is_changed = true,
                None => kept.extend([token]),
            }
        } else {
            let ends_name = matches!(&token, TokenTree::Punct(punct)
                if punct.as_char() == ':' && punct.spacing() == Spacing::Alone);
            kept.extend([token]);
            // Reported, and rustc would report it again: twice, and with another advice.
            if mistaken && of_endpoint && ends_name && begins_unsized(&tokens) {
                kept.extend(quote!(&));
                is_changed = true;
            }
        }
    }
    is_changed.then_some(kept)
}

/// Whether the type that follows is a value without a size: `str`, `[T]`, `dyn Trait`.
fn begins_unsized(tokens: &Peekable<IntoIter>) -> bool {
    let ty = tokens.clone().take_while(|token| !is_punct(token, ','));
    let ty: TokenStream = ty.collect();
    syn::parse2::<syn::Type>(ty).is_ok_and(|ty| crate::validate::types::is_unsized(&ty))
}

enum Attribute {
    Kept([TokenTree; 2]),
    Ours(proc_macro2::Span),
}

/// Takes the brackets after a `#`, if there are some, and says whose attribute it is.
fn attribute(pound: &TokenTree, rest: &mut Peekable<IntoIter>, place: Place) -> Option<Attribute> {
    let group = match rest.peek() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => group.clone(),
        _ => return None,
    };
    rest.next();
    let tokens = flatten(group.stream());
    let ours = match (place, path_end(&tokens)) {
        (_, None) => false,
        (Place::Method, Some(word)) if word == "cfg_attr" => holds_endpoint(&tokens),
        (Place::Method, Some(word)) => is_of_method(word),
        // Reported, and what it would apply may be ours.
        (Place::Param { of_endpoint: true }, Some(word)) if word == "cfg_attr" => true,
        (Place::Param { of_endpoint: true }, Some(word)) => !param::is_built_in(&word.to_string()),
        (Place::Param { of_endpoint: false }, Some(word)) => {
            param::NAMES.iter().any(|name| word == name)
        }
    };
    Some(if ours {
        Attribute::Ours(group.span())
    } else {
        Attribute::Kept([pound.clone(), TokenTree::from(group)])
    })
}

/// The last word of the path an attribute starts with.
fn path_end(tokens: &[TokenTree]) -> Option<&Ident> {
    let mut last = None;
    for token in tokens {
        match token {
            TokenTree::Ident(word) => last = Some(word),
            token if is_punct(token, ':') => {}
            _ => break,
        }
    }
    last
}

/// Whether it is the attribute of a method of ours.
fn is_of_method(word: &Ident) -> bool {
    let mut purposes = Purpose::ALL.iter();
    purposes.any(|purpose| word == purpose.attribute())
}

/// Whether a `#[cfg_attr(condition, ..)]` would apply `endpoint` or `subscribe`. An attribute inside the impl
/// block is not expanded before us, so this never works.
pub(crate) fn holds_endpoint(tokens: &[TokenTree]) -> bool {
    endpoint_inside(tokens).is_some()
}

pub(crate) fn endpoint_inside(tokens: &[TokenTree]) -> Option<Ident> {
    let arguments = tokens.iter().find_map(|token| match token {
        TokenTree::Group(group) => Some(flatten(group.stream())),
        _ => None,
    })?;
    let mut attributes = crate::args::value::split_commas(arguments).into_iter();
    attributes.next();
    attributes.find_map(|attribute| {
        path_end(&attribute)
            .filter(|word| is_of_method(word))
            .cloned()
    })
}

/// `service` or `micro::service`, and not the attribute of another crate.
fn is_service_attribute(group: &Group) -> bool {
    let tokens = flatten(group.stream());
    group.delimiter() == Delimiter::Bracket
        && path_end(&tokens).is_some_and(|word| word == "service")
        && match tokens.first() {
            Some(TokenTree::Ident(first)) => first == "service" || first == "micro",
            Some(first) => is_punct(first, ':'),
            None => false,
        }
}

/// Whether a macro is called here, by a path.
fn begins_macro_call(first: &TokenTree, rest: Peekable<IntoIter>) -> bool {
    if !matches!(first, TokenTree::Ident(_)) {
        return false;
    }
    for token in rest {
        match token {
            TokenTree::Ident(_) => {}
            token if is_punct(&token, ':') => {}
            token => return is_punct(&token, '!'),
        }
    }
    false
}

fn is_stray_const(word: &Ident, next: Option<&TokenTree>) -> bool {
    let qualified = ["async", "unsafe", "extern", "fn"];
    word == "const"
        && matches!(next, Some(TokenTree::Ident(next)) if qualified.iter().any(|word| next == word))
}

fn regroup(group: &Group, tokens: TokenStream) -> Group {
    let mut new = Group::new(group.delimiter(), tokens);
    new.set_span(group.span());
    new
}
