//! Small questions to tokens, types and attributes that several steps ask.

use micro_names::Problem;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
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

/// How deep types may be nested. The parser goes as deep as they do, some 45 kB of stack a level in a
/// debug build, and an editor may run it with no more than 2 MB.
const DEPTH_MAX: usize = 32;

/// The place where tokens that are to be parsed are nested too deeply.
pub(crate) fn too_deep(tokens: TokenStream) -> Option<TokenTree> {
    deeper_than(DEPTH_MAX, tokens)
}

pub(crate) fn nested_too_deeply() -> Problem {
    Problem::new(format!(
        "types and arguments cannot be nested more than {DEPTH_MAX} levels deep"
    ))
    .help("give a part of the type a name: `type Part = ..;`")
}

fn deeper_than(levels: usize, tokens: TokenStream) -> Option<TokenTree> {
    let mut nesting = Nesting::default();
    for token in tokens {
        nesting.pass(&token);
        let left = levels.saturating_sub(nesting.depth());
        if left == 0 {
            return Some(token);
        }
        if let TokenTree::Group(group) = &token
            && let Some(deep) = deeper_than(left - 1, group.stream())
        {
            return Some(deep);
        }
    }
    None
}

/// How deep a type is where a token stands, without the groups around it. A level is what stands
/// before a type and makes another one of it: `<`, a row of `&`, `*` and `!`, and arrows, which
/// return what returns something.
#[derive(Default)]
pub(crate) struct Nesting {
    angles: usize,
    row: usize,
    arrows: usize,
    /// The token before.
    last: Option<char>,
}

impl Nesting {
    pub(crate) fn pass(&mut self, token: &TokenTree) {
        let is_arrow = matches!(self.last, Some('-' | '='));
        let is_lifetime = self.last == Some('\'');
        self.last = None;
        match token {
            TokenTree::Punct(punct) => {
                let c = punct.as_char();
                match c {
                    '<' => self.angles += 1,
                    '>' if is_arrow => self.arrows += 1,
                    '>' => self.angles = self.angles.saturating_sub(1),
                    ',' => self.arrows = 0,
                    // The end of a member: what looked like a bracket was a comparison.
                    ';' => *self = Self::default(),
                    _ => {}
                }
                match c {
                    '&' | '*' | '!' => self.row += 1,
                    '\'' => {}
                    _ => self.row = 0,
                }
                self.last = Some(c);
            }
            TokenTree::Ident(word) if is_lifetime || word == "mut" || word == "const" => {}
            _ => self.row = 0,
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.angles + self.row + self.arrows
    }

    pub(crate) fn is_outside_of_angles(&self) -> bool {
        self.angles == 0
    }

    /// Whether a macro is called with what comes next.
    pub(crate) fn is_after_bang(&self) -> bool {
        self.last == Some('!')
    }
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

/// Where errors about a type belong: a path is known by its last word.
pub(crate) fn span_of(ty: &Type) -> Span {
    match peel(ty) {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) => last.ident.span(),
            None => ty.span(),
        },
        ty => ty.span(),
    }
}

/// The tokens as if they stood at a place; what they mean stays.
pub(crate) fn placed(tokens: impl ToTokens, span: Span) -> TokenStream {
    let tokens = tokens.to_token_stream().into_iter();
    let placed = tokens.map(|token| match token {
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), placed(group.stream(), span));
            inner.set_span(span.resolved_at(group.span()));
            inner.into()
        }
        mut token => {
            token.set_span(span.resolved_at(token.span()));
            token
        }
    });
    placed.collect()
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

/// Whether a word is somewhere in the tokens.
pub(crate) fn names(tokens: impl ToTokens, word: &str) -> bool {
    let mut tokens = tokens.to_token_stream().into_iter();
    tokens.any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => names(group.stream(), word),
        _ => false,
    })
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
