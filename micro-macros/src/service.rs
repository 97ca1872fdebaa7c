//! `#[service]`, `#[endpoint]` and `#[subscribe]` from end to end, as functions of tokens: what the tests call.

use micro_names::Problem;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;

use crate::args;
use crate::clean::Clean;
use crate::errors::{Errors, at};
use crate::expand;
use crate::input;
use crate::model::Purpose;
use crate::tokens::flatten;
use crate::validate;

/// Expands `#[service(args)] item`.
pub(crate) fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    let (model, errors) = analyze(args, &item);
    let Some(errors) = errors else {
        let item = Clean::default().service(item);
        let generated = model.as_ref().map(expand::service);
        return quote!(#item #generated);
    };
    // The item stays, so that everything that names it still does, and so does the editor.
    let clean = Clean {
        mistaken: true,
        without_calls: model
            .as_ref()
            .is_some_and(|model| model.endpoints.is_empty() && model.subscribers.is_empty()),
    };
    let item = clean.service(item);
    let stand_in = model.as_ref().map(expand::stand_in);
    let errors = errors.into_compile_error();
    quote! {
        #errors
        #[allow(dead_code, unused_variables)]
        #item
        #stand_in
    }
}

/// The model, and everything that is wrong.
pub(crate) fn analyze(
    args: TokenStream,
    item: &TokenStream,
) -> (Option<crate::model::ServiceModel>, Option<syn::Error>) {
    let mut errors = Errors::new();
    let args = args::service::parse(args, &mut errors);
    let input = input::parse(item, &mut errors);
    let model = input.and_then(|input| validate::service(args, input, &mut errors));
    (model, errors.finish())
}

/// Expands an `#[endpoint(args)] item` or a `#[subscribe(args)] item` that no `#[service]` has taken.
pub(crate) fn method(purpose: Purpose, args: &TokenStream, item: TokenStream) -> TokenStream {
    if expand::is_anchor(args) {
        return TokenStream::new();
    }
    let ours = purpose.attribute();
    let mut errors = Errors::new();
    if let Some((word, what)) = no_function(&item) {
        let problem = Problem::new(format!(
            "`#[{ours}]` goes on an `async fn` in an `impl` block, found {what}"
        ))
        .help(format!(
            "write `#[service]` above the `impl` block, and `#[{ours}]` above its methods"
        ));
        errors.push(word, &problem);
        let errors = errors.finish().map(syn::Error::into_compile_error);
        return quote!(#errors #item);
    }
    errors.push(
        at(Span::call_site()),
        &Problem::new(format!(
            "`#[{ours}]` only works inside an `impl` block annotated with `#[service]`"
        ))
        .help("add `#[service(..)]` to the surrounding `impl` block")
        .note("`#[service]` knows it by this name: `use .. as ..` hides it"),
    );
    let errors = errors.finish().map(syn::Error::into_compile_error);
    let item = Clean::default().function(item);
    quote!(#errors #item)
}

/// The word that says that an item is no function, and what it is.
fn no_function(item: &TokenStream) -> Option<(TokenTree, &'static str)> {
    flatten(item.clone()).into_iter().find_map(|token| {
        let what = match &token {
            TokenTree::Ident(word) => match word.to_string().as_str() {
                "fn" => return Some(None),
                "struct" => "a struct",
                "enum" => "an enum",
                "trait" => "a trait",
                "impl" => "an `impl` block",
                "mod" => "a module",
                _ => return None,
            },
            _ => return None,
        };
        Some(Some((token, what)))
    })?
}
