//! A use of `endpoint` and `subscribe` that is left when the attributes are gone. Without it
//! `use micro::endpoint` is an unused import, and an editor does not know the word.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

/// The argument by which the attribute knows that it is an anchor.
pub(crate) const MARKER: &str = "__micro_anchor";

pub(super) fn expand(paths: &[Path]) -> TokenStream {
    let anchors = paths.iter().map(|path| {
        let marker = proc_macro2::Ident::new(MARKER, proc_macro2::Span::call_site());
        quote! {
            #[#path(#marker)]
            const _: () = ();
        }
    });
    anchors.collect()
}

/// Whether these are the arguments of an anchor.
pub(crate) fn is_anchor(args: &TokenStream) -> bool {
    args.to_string() == MARKER
}
