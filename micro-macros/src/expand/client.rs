//! The generated client: one small function an endpoint, with the handler's name, documentation
//! and arguments.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{GenericParam, Type};

use super::generics::{names_parameter, replace_self, without_self};
use super::{allowances, crate_at, private, type_at};
use crate::model::{Client, Codec, EndpointModel, Param, Reply, ServiceModel, Source};
use crate::tokens::{optional, placed, plain_name, span_of};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bodies {
    /// They make calls.
    Real,
    /// The service has errors and nothing will run: only the signatures matter.
    StandIn,
}

pub(super) fn expand(service: &ServiceModel, bodies: Bodies) -> TokenStream {
    let Some(client) = &service.client else {
        return TokenStream::new();
    };
    let generic = is_generic(service);
    let structure = expand_struct(service, client, generic);
    let functions = expand_functions(service, client, generic, bodies);
    quote!(#structure #functions)
}

/// The client has the parameters of the service if a caller can see one of them.
fn is_generic(service: &ServiceModel) -> bool {
    let seen = |ty: &Type| names_parameter(without_self(ty, &service.self_ty), &service.generics);
    service.endpoints.iter().any(|endpoint| {
        let reply = match &endpoint.reply {
            Reply::Unit => false,
            Reply::Result(ty) | Reply::Value(ty) => seen(ty),
        };
        reply
            || endpoint
                .params
                .iter()
                .any(|param| param.is_sent() && seen(&param.ty))
    })
}

fn expand_struct(service: &ServiceModel, client: &Client, generic: bool) -> TokenStream {
    let Client { name, vis } = client;
    let ServiceModel { krate, cfgs, .. } = service;
    let allowances = allowances();
    let doc = format!("Calls the `{}` service.", service.name);
    // A name that is taken is told so where the name comes from. To lints it is generated all the same.
    let span = Span::call_site().located_at(name.span());
    let vis = placed(vis, span);
    if !generic {
        let structure = quote_spanned! {span=>
            #vis struct #name {
                caller: #krate::Caller,
            }
        };
        return quote! {
            #(#cfgs)*
            #[doc = #doc]
            #allowances
            #structure
        };
    }
    // `Self` in a bound is the service.
    let params = replace_self(service.generics.params.to_token_stream(), &service.self_ty);
    let clause = &service.generics.where_clause;
    let clause = replace_self(clause.to_token_stream(), &service.self_ty);
    let types = service
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            _ => None,
        });
    let structure = quote_spanned! {span=>
        #vis struct #name<#params> #clause {
            caller: #krate::Caller,
            types: ::core::marker::PhantomData<fn() -> (#(#types,)*)>,
        }
    };
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #allowances
        #structure
    }
}

fn expand_functions(
    service: &ServiceModel,
    client: &Client,
    generic: bool,
    bodies: Bodies,
) -> TokenStream {
    let Client { name, vis } = client;
    let ServiceModel {
        krate,
        cfgs,
        impl_token,
        ..
    } = service;
    let private = private(krate);
    let allowances = allowances();
    let (generics, types, clause, marker) = if generic {
        let (generics, types, clause) = service.generics.split_for_impl();
        (
            replace_self(generics.to_token_stream(), &service.self_ty),
            types.to_token_stream(),
            replace_self(clause.to_token_stream(), &service.self_ty),
            quote!(types: ::core::marker::PhantomData,),
        )
    } else {
        Default::default()
    };
    let shown = plain_name(name);
    let new = "A client over `nats`. Cheap to make, and to clone.";
    let with = "A client with the settings of `caller`.";
    let methods = service
        .endpoints
        .iter()
        .map(|endpoint| expand_method(service, client, endpoint, bodies));
    let visible = match vis {
        syn::Visibility::Inherited => quote!(),
        vis => quote!(#vis),
    };
    quote! {
        #(#cfgs)*
        #allowances
        const _: () = {
            use #private::{ExpectedElse as _, HeaderParam as _, ProbeElse as _};
            #[automatically_derived]
            #impl_token #generics #name #types #clause {
                #[doc = #new]
                #visible fn new(nats: impl ::core::convert::Into<#krate::Caller>) -> Self {
                    Self { caller: ::core::convert::Into::into(nats), #marker }
                }

                #[doc = #with]
                #visible fn with(caller: #krate::Caller) -> Self {
                    Self { caller, #marker }
                }

                #(#methods)*
            }

            #[automatically_derived]
            impl #generics ::core::clone::Clone for #name #types #clause {
                fn clone(&self) -> Self {
                    Self { caller: ::core::clone::Clone::clone(&self.caller), #marker }
                }
            }

            #[automatically_derived]
            impl #generics ::core::fmt::Debug for #name #types #clause {
                // Without method calls: traits of the user's may have these methods for every type.
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::DebugStruct::finish(::core::fmt::DebugStruct::field(
                        &mut ::core::fmt::Formatter::debug_struct(f, #shown),
                        "caller",
                        &self.caller,
                    ))
                }
            }
        };
    }
}

fn expand_method(
    service: &ServiceModel,
    client: &Client,
    endpoint: &EndpointModel,
    bodies: Bodies,
) -> TokenStream {
    let ServiceModel { krate, self_ty, .. } = service;
    let private = private(krate);
    let vis = &client.vis;
    // A name the client needs itself is an error, and a second function of it another.
    let method = &endpoint.method;
    if bodies == Bodies::StandIn && ["new", "with"].contains(&plain_name(method).as_str()) {
        return TokenStream::new();
    }
    let EndpointModel { cfgs, docs, .. } = endpoint;
    let default_doc = (endpoint.settings.description.is_empty()).then(|| {
        let doc = format!("Calls the `{}` endpoint.", endpoint.address.name.value);
        quote!(#[doc = #doc])
    });
    let sent: Vec<&Param> = endpoint
        .params
        .iter()
        .filter(|param| param.is_sent())
        .collect();
    let names = sent.iter().map(|param| &param.name);

    let is_sound = endpoint.params_are_sound && endpoint.reply_is_sound;
    if bodies == Bodies::StandIn || !is_sound {
        let anything = |index: usize| format_ident!("__Micro{}", index);
        // A type with errors would add rustc's to ours.
        let sound = endpoint.params_are_sound;
        let arguments = sent.iter().enumerate().map(|(index, param)| {
            let name = &param.name;
            let ty = if sound {
                without_self(&param.ty, self_ty)
            } else {
                anything(index).to_token_stream()
            };
            quote!(#name: &#ty)
        });
        let parameters = (0..if sound { 0 } else { sent.len() }).map(anything);
        let (ok, err) = if endpoint.reply_is_sound {
            reply_types(service, endpoint)
        } else {
            (quote!(()), quote!(::core::convert::Infallible))
        };
        return quote! {
            #(#cfgs)*
            #(#docs)*
            #default_doc
            #[allow(unused_variables, reason = "stands in for a method with an error")]
            #vis fn #method<#(#parameters: ?::core::marker::Sized),*>(
                &self,
                #(#arguments),*
            ) -> #krate::Call<'_, #ok, #err> {
                loop {}
            }
        };
    }

    let arguments = names.zip(&sent).map(|(name, param)| {
        let ty = without_self(&param.ty, self_ty);
        quote!(#name: &#ty)
    });
    let call = format_ident!("__micro_call", span = Span::mixed_site());
    let writes = sent.iter().map(|param| {
        let write = expand_write(service, param, &call);
        quote!(let #call = #write;)
    });
    let (ok, err) = reply_types(service, endpoint);
    let subject = endpoint.address.full(&service.group);
    let reply_span = match &endpoint.reply {
        Reply::Unit => method.span(),
        Reply::Value(ty) | Reply::Result(ty) => span_of(ty),
    };
    let outer = crate_at(krate, reply_span);
    let outgoing = quote_spanned!(reply_span=> Outgoing);
    let outgoing = type_at(krate, &outgoing, &quote!(<'_>), reply_span);
    // The closures have the types of the signature, which are not named again: what is wrong with
    // one is then one error.
    let expected = format_ident!("__micro_expected", span = Span::mixed_site());
    let made = quote_spanned! {reply_span=>
        #outgoing::call_read_by(
            #call,
            |#expected| #expected.__micro_value(),
            |#expected| #expected.__micro_error(),
        )
    };
    let gives = quote_spanned!(reply_span=> #outer::Call<'_, #ok, #err>);
    let body = quote! {
        let #call = #private::Outgoing::new(&self.caller, #subject);
        #(#writes)*
        #made
    };
    quote! {
        #(#cfgs)*
        #(#docs)*
        #default_doc
        #vis fn #method(&self, #(#arguments),*) -> #gives {
            #body
        }
    }
}

/// Adds one argument to the call. A payload is written by what its type has for it, whether it fits
/// or not; the others with the span that the dispatch uses for the same type: of two errors that are
/// the same in place and words, rustc shows one.
fn expand_write(service: &ServiceModel, param: &Param, call: &Ident) -> TokenStream {
    let krate = &service.krate;
    let private = private(krate);
    let name = &param.name;
    let span = span_of(&param.ty);
    let ty = without_self(&param.ty, &service.self_ty);
    match &param.source {
        Source::Payload(Codec::Json) => {
            quote_spanned!(span=> <<#ty as #private::Typed>::Probe>::WRITE(#name, #call))
        }
        Source::Payload(Codec::Raw) => {
            quote_spanned!(span=> <#ty as #krate::RawPayload>::write(#name, #call))
        }
        Source::Placeholder(placeholder) => {
            quote_spanned!(span=> <#ty as #krate::FromSubject>::write(#name, #call, #placeholder))
        }
        Source::Header(header) => {
            let inner = span_of(optional(&param.ty));
            let print = quote_spanned!(inner=> <_ as #krate::FromHeader>::to_header);
            quote_spanned!(span=> <<#ty as #private::Typed>::Header>::new(#header).__micro_write(#name, #call, #print))
        }
        Source::Context | Source::Extract => call.to_token_stream(),
    }
}

/// The types a call gives: of the value and of the error.
fn reply_types(service: &ServiceModel, endpoint: &EndpointModel) -> (TokenStream, TokenStream) {
    let none = quote!(::core::convert::Infallible);
    match &endpoint.reply {
        Reply::Unit => (quote!(()), none),
        Reply::Value(ty) => (without_self(ty, &service.self_ty), none),
        Reply::Result(ty) => {
            let span = span_of(ty);
            let private = private(&service.krate);
            let ty = without_self(ty, &service.self_ty);
            (
                quote_spanned!(span=> <#ty as #private::ResultParts>::Ok),
                quote_spanned!(span=> <#ty as #private::ResultParts>::Err),
            )
        }
    }
}
