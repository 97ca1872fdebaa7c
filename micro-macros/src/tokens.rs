//! Small questions to tokens, types and attributes that several steps ask.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::visit::Visit;
use syn::{
    Attribute, Expr, GenericArgument, Lit, Meta, Path, PathArguments, Type, TypeFnPtr,
    TypeReference,
};

/// The tokens without invisible groups: what a `macro_rules!` caller substituted counts as
/// written in place.
pub(crate) fn flatten(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                flat.extend(flatten(group.stream()));
            }
            token => flat.push(token),
        }
    }
    flat
}

/// The type without parentheses and invisible groups around it.
pub(crate) fn peel(mut ty: &Type) -> &Type {
    loop {
        match ty {
            Type::Group(group) => ty = &group.elem,
            Type::Paren(paren) => ty = &paren.elem,
            _ => return ty,
        }
    }
}

/// The last segment of a type that is a plain path.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match peel(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The type inside an `Option`.
pub(crate) fn optional(ty: &Type) -> &Type {
    let Some(segment) = last_segment(ty) else {
        return ty;
    };
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) if segment.ident == "Option" => {
            match arguments.args.first() {
                Some(GenericArgument::Type(inner)) => inner,
                _ => ty,
            }
        }
        _ => ty,
    }
}

/// Whether there is a reference in the type, beside those in the signatures of functions.
pub(crate) fn borrows(ty: &Type) -> bool {
    struct Search(bool);
    impl<'t> Visit<'t> for Search {
        fn visit_type_reference(&mut self, _: &'t TypeReference) {
            self.0 = true;
        }

        fn visit_type_fn_ptr(&mut self, _: &'t TypeFnPtr) {}
    }
    let mut search = Search(false);
    search.visit_type(ty);
    search.0
}

/// Whether the last segment of the path is `word`, so that `micro::endpoint` is `endpoint`.
pub(crate) fn ends_with(path: &Path, word: &str) -> bool {
    path.segments
        .last()
        .is_some_and(|segment| segment.ident == word)
}

/// The name of an identifier as a person reads it, without `r#`.
pub(crate) fn plain_name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Tokens as text, for messages: as dense as a person writes them.
pub(crate) fn text(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (loose, dense) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" :", ":"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" [", "["),
        ("[ ", "["),
        (" ]", "]"),
        ("( ", "("),
        (" )", ")"),
    ] {
        text = text.replace(loose, dense);
    }
    text
}

/// The doc comment of an item as plain text: one leading space a line and blank ends removed.
pub(crate) fn doc_text(attrs: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attr in attrs {
        let Meta::NameValue(meta) = &attr.meta else {
            continue;
        };
        if !meta.path.is_ident("doc") {
            continue;
        }
        if let Some(literal) = string_literal(&meta.value) {
            for line in literal.split('\n') {
                lines.push(line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned());
            }
        }
    }
    lines.join("\n").trim().to_owned()
}

fn string_literal(mut expr: &Expr) -> Option<String> {
    loop {
        match expr {
            Expr::Group(group) => expr = &group.expr,
            Expr::Lit(literal) => {
                return match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                };
            }
            _ => return None,
        }
    }
}

/// The attributes with one of these names.
pub(crate) fn named(attrs: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    attrs
        .iter()
        .filter(|attr| names.iter().any(|name| attr.path().is_ident(name)))
        .cloned()
        .collect()
}
