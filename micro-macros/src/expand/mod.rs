//! From the model to code. Everything generated names its paths from the root, keeps its locals
//! under `__micro_`, and lives in `const _: () = { .. }` where it can.

mod anchor;
mod checks;
mod client;
mod generics;
mod register;
mod table;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Path;

use crate::model::ServiceModel;

pub(crate) use anchor::is_anchor;

/// What is generated for a sound service, beside its impl block.
pub(crate) fn service(service: &ServiceModel) -> TokenStream {
    let table = table::expand(service);
    let checks = checks::expand(service);
    let client = client::expand(service, client::Bodies::Real);
    let register = register::expand(service);
    let anchors = anchor::expand(&service.anchors);
    quote! { #table #checks #client #register #anchors }
}

/// What stands in for it when the service has errors: nothing else turns red, and what is sound
/// is still held to its types, so that their mistakes are reported in the same compile.
pub(crate) fn stand_in(service: &ServiceModel) -> TokenStream {
    let table = table::expand(service);
    let checks = checks::expand(service);
    let client = client::expand(service, client::Bodies::StandIn);
    let register = register::expand(service);
    let anchors = anchor::expand(&service.anchors);
    quote! { #table #checks #client #register #anchors }
}

/// The hidden module of the runtime. Its name changes with every incompatible change of what the
/// expansion expects, so that halves of two releases fail early and in one place.
pub(crate) fn private(krate: &Path) -> TokenStream {
    quote!(#krate::__private0)
}

/// The crate, as if it were written at a place of the user's: a type that starts with it is then
/// reported there. A path of the user's stays where it is, so that one that leads nowhere is told so
/// there, and nowhere else.
fn crate_at(krate: &Path, span: Span) -> TokenStream {
    if is_default(krate) {
        return quote_spanned!(span=> ::micro);
    }
    krate.to_token_stream()
}

/// A type of the crate at the start of an expression, which is then reported at the place. `args` are
/// its generic arguments, which can be left out as long as nothing stands around it.
fn type_at(krate: &Path, ty: &TokenStream, args: &TokenStream, span: Span) -> TokenStream {
    if is_default(krate) {
        let krate = crate_at(krate, span);
        return quote_spanned!(span=> #krate::#ty);
    }
    quote_spanned!(span=> <#krate::#ty #args>)
}

fn is_default(krate: &Path) -> bool {
    krate.leading_colon.is_some() && crate::tokens::text(krate) == "::micro"
}

/// What lints may say of generated code is not the user's to repair.
fn allowances() -> TokenStream {
    quote! {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::impl_trait_in_params,
            clippy::same_name_method,
            dead_code,
            deprecated,
            nonstandard_style,
            private_interfaces,
            rustdoc::broken_intra_doc_links,
            rustdoc::private_intra_doc_links,
            unreachable_code,
            unreachable_patterns,
            unreachable_pub,
            unused_braces,
            unused_imports,
            unused_parens,
            unused_qualifications
        )]
    }
}
