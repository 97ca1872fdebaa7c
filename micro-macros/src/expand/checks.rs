//! Checks by the type checker that have nothing to do with serving a request.

use super::generics::{names_parameter, without_self};
use super::{allowances, crate_at, private};
use crate::model::{EndpointModel, Reply, ServiceModel};
use crate::tokens::span_of;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

pub(super) fn expand(service: &ServiceModel) -> TokenStream {
    let private = private(&service.krate);
    let cfgs = &service.cfgs;
    let allowances = allowances();
    let shareable = assert_shareable(service);
    let aliases = assert_no_aliases(service);
    quote! {
        #(#cfgs)*
        #allowances
        const _: () = {
            use #private::ProbeElse as _;
            #shareable
            #aliases
        };
    }
}

/// One value of the service answers all requests at once. Of a type with parameters nothing is
/// known here: the bounds of the impl block are checked with the table.
fn assert_shareable(service: &ServiceModel) -> Option<TokenStream> {
    if !service.generics.params.is_empty() {
        return None;
    }
    let self_ty = &service.self_ty;
    let span = span_of(self_ty);
    let krate = crate_at(&service.krate, span);
    let private = quote_spanned!(span=> #krate::__private0);
    let checked = quote_spanned! {span=>
        <
            #private::Shared<{ <<#self_ty as #private::Typed>::Probe>::IS_SHAREABLE }>
                as #private::CanBeShared<#self_ty>
        >::CHECKED
    };
    Some(quote!(const _: () = #checked;))
}

/// A return type that is a `Result` under another name hides its two types from the client. The
/// types are named in an `impl` and not in the constants that are evaluated, for what rustc advises
/// of an unknown one (see `ServiceModel::impl_token`).
fn assert_no_aliases(service: &ServiceModel) -> TokenStream {
    let endpoints = service.endpoints.iter().enumerate();
    let (answers, asserts): (Vec<_>, Vec<_>) = endpoints
        .filter_map(|(index, endpoint)| assert_no_alias(service, endpoint, index))
        .unzip();
    if answers.is_empty() {
        return TokenStream::new();
    }
    let impl_token = &service.impl_token;
    quote! {
        struct __MicroNoAlias;
        #impl_token __MicroNoAlias {
            #(#answers)*
        }
        #(#asserts)*
    }
}

fn assert_no_alias(
    service: &ServiceModel,
    endpoint: &EndpointModel,
    index: usize,
) -> Option<(TokenStream, TokenStream)> {
    let Reply::Value(ty) = &endpoint.reply else {
        return None;
    };
    service.client.as_ref()?;
    if !endpoint.reply_is_sound {
        return None;
    }
    // Only a path can be an alias.
    crate::tokens::last_segment(ty)?;
    let span = span_of(ty);
    let ty = without_self(ty, &service.self_ty);
    // Nothing is known of a type with parameters before it is used.
    if names_parameter(ty.clone(), &service.generics) {
        return None;
    }
    let private = private(&service.krate);
    let cfgs = &endpoint.cfgs;
    let krate = crate_at(&service.krate, span);
    let name = format_ident!("ENDPOINT_{index}");
    let checked = quote_spanned!(span=> #krate::__private0::no_alias(__MicroNoAlias::#name));
    Some((
        quote! {
            #(#cfgs)*
            const #name: ::core::primitive::bool = <<#ty as #private::Typed>::Probe>::IS_RESULT;
        },
        quote! {
            #(#cfgs)*
            const _: () = #checked;
        },
    ))
}
