//! `register`: an entry in the list of services that a program can run without naming them.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::generics::replace_self;
use super::{allowances, private};
use crate::model::{Register, ServiceModel};
use crate::tokens::placed;

pub(super) fn expand(service: &ServiceModel) -> TokenStream {
    let Some(register) = &service.register else {
        return TokenStream::new();
    };
    let ServiceModel { self_ty, cfgs, .. } = service;
    let private = private(&service.krate);
    let allowances = allowances();
    // What cannot be built is told so at the word that asks for it.
    let build = match register {
        Register::Default { key } => {
            let span = key.span();
            let ty = placed(self_ty, span);
            let build = quote_spanned!(span=> #private::build_default::<#ty>());
            quote!(|| #build)
        }
        Register::With(path) => {
            let span = path.span();
            let path = replace_self(path.to_token_stream(), self_ty);
            let build = quote_spanned!(span=> #private::build_with::<#self_ty, _, _>(#path));
            quote!(|| #build)
        }
    };
    quote! {
        #(#cfgs)*
        #allowances
        const _: () = {
            #private::inventory::submit! {
                #private::Registered::new::<#self_ty>(#build, ::core::file!(), ::core::line!())
            }
        };
    }
}
