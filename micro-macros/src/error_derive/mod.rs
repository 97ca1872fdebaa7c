//! `#[derive(ServiceError)]`: an error that travels by code and kind and comes back as the same
//! variant.

mod expand;
mod model;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;

/// Expands the derive on `item`.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let (model, errors) = analyze(item);
    match errors {
        None => model.as_ref().map(expand::expand).unwrap_or_default(),
        Some(error) => {
            let error = error.into_compile_error();
            let stand_in = model.as_ref().map(expand::stand_in);
            quote!(#error #stand_in)
        }
    }
}

/// The model, and everything that is wrong.
pub(crate) fn analyze(item: TokenStream) -> (Option<model::ErrorModel>, Option<syn::Error>) {
    let mut errors = Errors::new();
    let model = parse::parse(item, &mut errors);
    (model, errors.finish())
}
