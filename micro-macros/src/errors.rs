//! The sink of everything that is wrong with one input. Errors are collected and reported
//! together, so that a person repairs a file once and not once per mistake.

use micro_names::Problem;
use proc_macro2::{Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// Collects errors, each at the tokens that are wrong.
#[must_use]
#[derive(Debug, Default)]
pub(crate) struct Errors {
    all: Option<syn::Error>,
    /// How many are in it; to count them takes as long as there are many.
    count: usize,
    finished: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many there are, to see whether a step has added some.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Reports a problem with `wrong`.
    pub(crate) fn push(&mut self, wrong: impl ToTokens, problem: &Problem) {
        self.push_error(syn::Error::new_spanned(wrong, problem));
    }

    /// Reports a problem with `wrong` that has to do with something said before. Stable rustc
    /// has no second label for macros: the reference is an entry of its own, worded as a clause.
    pub(crate) fn push_with_reference(
        &mut self,
        wrong: impl ToTokens,
        problem: &Problem,
        first: impl ToTokens,
        reference: &str,
    ) {
        self.push(wrong, problem);
        self.push_error(syn::Error::new_spanned(first, reference));
    }

    /// Takes over an error of the parser.
    pub(crate) fn push_error(&mut self, error: syn::Error) {
        self.count += 1;
        match &mut self.all {
            Some(all) => all.combine(error),
            None => self.all = Some(error),
        }
    }

    /// Everything reported, or nothing. A sink that is dropped without this call has lost errors.
    pub(crate) fn finish(mut self) -> Option<syn::Error> {
        self.finished = true;
        self.all.take()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        debug_assert!(
            self.finished || std::thread::panicking(),
            "errors were collected and not reported"
        );
    }
}

/// A place for an error where there is a span and no token.
pub(crate) fn at(span: Span) -> TokenStream {
    let mut punct = Punct::new(';', Spacing::Alone);
    punct.set_span(span);
    TokenTree::from(punct).into()
}
