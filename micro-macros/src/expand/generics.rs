//! The generics of the impl block in generated items, and `Self` outside of it.

use proc_macro2::{Group, Spacing, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{GenericParam, Generics, Type};

use crate::tokens::placed;

/// The type as it is written where `Self` is something else.
pub(crate) fn without_self(ty: &Type, self_ty: &Type) -> TokenStream {
    replace_self(ty.to_token_stream(), self_ty)
}

pub(super) fn replace_self(tokens: TokenStream, self_ty: &Type) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut replaced = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "Self" => match tokens.peek() {
                Some(TokenTree::Punct(next))
                    if next.as_char() == ':' && next.spacing() == Spacing::Joint =>
                {
                    let self_ty = placed(self_ty, word.span());
                    replaced.extend(quote!(<#self_ty>));
                }
                _ => replaced.extend(placed(self_ty, word.span())),
            },
            TokenTree::Group(group) => {
                let mut inner =
                    Group::new(group.delimiter(), replace_self(group.stream(), self_ty));
                inner.set_span(group.span());
                replaced.extend([TokenTree::from(inner)]);
            }
            token => replaced.extend([token]),
        }
    }
    replaced
}

/// Whether one of the parameters is named in the tokens.
pub(crate) fn names_parameter(tokens: TokenStream, generics: &Generics) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => generics.params.iter().any(|param| match param {
            GenericParam::Type(param) => param.ident == word,
            GenericParam::Const(param) => param.ident == word,
            GenericParam::Lifetime(_) => false,
        }),
        TokenTree::Group(group) => names_parameter(group.stream(), generics),
        _ => false,
    })
}
