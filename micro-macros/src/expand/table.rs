//! The `Service` impl: what the service is, and the table of its endpoints, each with the
//! function that takes a request to a reply. Its subscribers have another, made in the same way.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Generics, Path, Type};

use super::{allowances, private, type_at};
use crate::model::{
    Codec, EndpointModel, Kind, Metadata, Order, Param, Purpose, Queue, Receiver, Reply,
    ServiceModel, Settings, Source,
};
use crate::tokens::{optional, placed, span_of};
use crate::validate::types::result_arguments;

pub(super) fn expand(service: &ServiceModel) -> TokenStream {
    let ServiceModel {
        krate,
        impl_token,
        self_ty,
        cfgs,
        name,
        group,
        ..
    } = service;
    let hidden = private(krate);
    let private = short();
    let allowances = allowances();
    let bounded = shareable(service);
    let (generics, _, clause) = bounded.split_for_impl();
    let version = service.version.as_ref().map_or_else(
        || quote!(::core::env!("CARGO_PKG_VERSION")),
        ToTokens::to_token_stream,
    );
    let description = &service.settings.description;
    let settings = expand_settings(&service.settings, &private);
    let endpoints = service.endpoints.iter().enumerate();
    let entries = endpoints.clone().map(|(index, endpoint)| {
        let cfgs = &endpoint.cfgs;
        let entry = expand_endpoint(service, endpoint);
        quote! {
            #(#cfgs)*
            #impl_token #generics #private::EndpointAt<__MicroTable, #index> for #self_ty #clause {
                const ENTRY: #private::Endpoint<Self> = #entry;
            }
        }
    });
    let table = endpoints.map(|(index, endpoint)| {
        let cfgs = &endpoint.cfgs;
        quote!(#(#cfgs)* <Self as #private::EndpointAt<__MicroTable, #index>>::ENTRY)
    });
    let subscribers = service.subscribers.iter().enumerate();
    let heard = subscribers.clone().map(|(index, subscriber)| {
        let cfgs = &subscriber.cfgs;
        let entry = expand_subscriber(service, subscriber);
        quote! {
            #(#cfgs)*
            #impl_token #generics #private::SubscriberAt<__MicroTable, #index> for #self_ty #clause {
                const ENTRY: #private::Subscriber<Self> = #entry;
            }
        }
    });
    let listed = subscribers.map(|(index, subscriber)| {
        let cfgs = &subscriber.cfgs;
        quote!(#(#cfgs)* <Self as #private::SubscriberAt<__MicroTable, #index>>::ENTRY)
    });
    let listed = (!service.subscribers.is_empty()).then(|| {
        quote! {
            const SUBSCRIBERS: &'static [#private::Subscriber<Self>] = &[#(#listed),*];
        }
    });
    let info = quote! {
        #private::ServiceDef {
            name: #name,
            version: #version,
            description: #description,
            group: #group,
            #settings
        }
    };
    // rustc has said what is wrong with a member, and does not come to this. Should it ever read one
    // that we cannot, the service must not run without it.
    let info = if service.is_whole {
        info
    } else {
        quote!(::core::panic!(
            "a member of this `impl` block could not be read by `#[service]`"
        ))
    };
    // The bounds of the trait are the user's type's to meet: errors about them belong there.
    let trait_path = quote_spanned!(span_of(self_ty)=> #krate::Service);
    quote! {
        #(#cfgs)*
        #allowances
        const _: () = {
            use #hidden::{self as #private, HeaderParam as _, ProbeElse as _, ReturnedValue as _};
            enum __MicroTable {}
            #(#entries)*
            #(#heard)*
            #[automatically_derived]
            #impl_token #generics #trait_path for #self_ty #clause {
                const INFO: #private::ServiceDef = #info;
                const ENDPOINTS: &'static [#private::Endpoint<Self>] = &[#(#table),*];
                #listed
            }
        };
    }
}

/// What the hidden module is called inside of the table.
fn short() -> TokenStream {
    quote!(__micro)
}

/// The generics, with the bound of the trait on the type. Where it has no parameters, that it is met
/// is checked once (`checks`), and not again by everything that holds the service; where it has,
/// whoever names the parameters meets it.
fn shareable(service: &ServiceModel) -> Generics {
    let mut generics = service.generics.clone();
    let ServiceModel { krate, self_ty, .. } = service;
    let types: Vec<Ident> = generics
        .type_params()
        .map(|param| param.ident.clone())
        .collect();
    let predicates = &mut generics.make_where_clause().predicates;
    predicates.push(syn::parse_quote!(for<'__micro> #self_ty: #krate::Shareable));
    for ty in types {
        predicates.push(syn::parse_quote!(#ty: 'static));
    }
    generics
}

/// The fields that services and endpoints both have.
fn expand_settings(settings: &Settings, private: &TokenStream) -> TokenStream {
    let queue_group = match &settings.queue_group {
        Queue::Inherit => quote!(#private::QueueGroup::Inherit),
        Queue::Disabled => quote!(#private::QueueGroup::Disabled),
        Queue::Named(name) => quote!(#private::QueueGroup::named(#name)),
    };
    let metadata = expand_metadata(&settings.metadata);
    let timeout = option(settings.timeout.map(expand_duration));
    let concurrency = option(settings.concurrency.map(|limit| {
        let limit = proc_macro2::Literal::u32_unsuffixed(limit);
        quote!(#limit)
    }));
    quote! {
        queue_group: #queue_group,
        metadata: #metadata,
        timeout: #timeout,
        concurrency: #concurrency,
    }
}

fn expand_metadata(metadata: &Metadata) -> TokenStream {
    let pairs = metadata.iter().map(|(key, value)| quote!((#key, #value)));
    quote!(&[#(#pairs),*])
}

fn expand_duration(duration: Duration) -> TokenStream {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let milliseconds = proc_macro2::Literal::u64_unsuffixed(milliseconds);
    quote!(::core::time::Duration::from_millis(#milliseconds))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn expand_endpoint(service: &ServiceModel, endpoint: &EndpointModel) -> TokenStream {
    let private = short();
    let EndpointModel {
        address, settings, ..
    } = endpoint;
    let (name, subject) = (&address.name.value, &address.subject);
    let description = &settings.description;
    let example = expand_example(endpoint, &private);
    let def = if settings.is_plain() {
        quote!(#private::EndpointDef::plain(#name, #subject, #description, #example))
    } else {
        let settings = expand_settings(settings, &private);
        quote! {
            #private::EndpointDef {
                name: #name,
                subject: #subject,
                description: #description,
                example: #example,
                #settings
            }
        }
    };
    let call = expand_call(service, endpoint, &private);
    quote!(#private::Endpoint { def: #def, call: #call })
}

fn expand_subscriber(service: &ServiceModel, subscriber: &EndpointModel) -> TokenStream {
    let private = short();
    let EndpointModel {
        address,
        settings,
        events,
        ..
    } = subscriber;
    let (name, subject) = (&address.name.value, &address.subject);
    let description = &settings.description;
    let example = expand_example(subscriber, &private);
    let settings = expand_settings(settings, &private);
    let pending = option(events.pending.map(|limit| {
        let limit = proc_macro2::Literal::u32_unsuffixed(limit);
        quote!(#limit)
    }));
    let order = match &events.order {
        Order::Any => quote!(Any),
        Order::OneAtATime => quote!(OneAtATime),
        Order::PerPlaceholder(name) => quote!(PerPlaceholder(#name)),
        Order::PerHeader(name) => quote!(PerHeader(#name)),
    };
    let call = expand_call(service, subscriber, &private);
    quote! {
        #private::Subscriber {
            def: #private::SubscriberDef {
                name: #name,
                subject: #subject,
                description: #description,
                example: #example,
                #settings
                pending: #pending,
                order: #private::OrderDef::#order,
            },
            call: #call,
        }
    }
}

/// What makes up a body for people to copy.
fn expand_example(endpoint: &EndpointModel, private: &TokenStream) -> TokenStream {
    let payload = endpoint
        .params
        .iter()
        .filter(|param| param.is_sound)
        .find_map(|param| match &param.source {
            Source::Payload(codec) => Some((codec, &param.ty)),
            _ => None,
        });
    match payload {
        Some((Codec::Json, ty)) => {
            quote_spanned!(span_of(ty)=> <<#ty as #private::Typed>::Probe>::EXAMPLE)
        }
        Some((Codec::Raw, _)) => quote!(#private::any_payload),
        None => quote!(#private::no_payload),
    }
}

/// The one place where the types of an endpoint meet their bounds. Each use has the span of the
/// type, so that a type that does not fit is one error, at the type.
fn expand_call(
    service: &ServiceModel,
    endpoint: &EndpointModel,
    private: &TokenStream,
) -> TokenStream {
    let request = local("request");
    let service_local = local("service");
    // Nothing is generated that sends what a subscriber gets.
    let has_client = service.client.is_some() && endpoint.purpose == Purpose::Endpoint;

    let mut reads = TokenStream::new();
    let mut arguments = Vec::new();
    for (index, param) in endpoint.params.iter().enumerate() {
        if !param.is_sound {
            continue;
        }
        if matches!(param.source, Source::Context) {
            let span = span_of(&param.ty);
            let given = quote_spanned!(span=> Request);
            let given = type_at(&service.krate, &given, &TokenStream::new(), span);
            arguments.push(quote_spanned!(span=> #given::context(&#request)));
            continue;
        }
        let value = local(index);
        let of = (endpoint.purpose, has_client);
        let read = expand_read(param, &service.krate, private, &request, of);
        reads.extend(quote!(let #value = #read;));
        arguments.push(quote!(#value));
    }

    let place = endpoint.receiver_place;
    let given = placed(&service_local, place);
    let (taken, receiver) = match endpoint.receiver {
        Receiver::Reference => (
            quote!(#service_local),
            Some(quote_spanned!(place=> &*#given)),
        ),
        Receiver::Shared => (quote!(#service_local), Some(given)),
        Receiver::None => (quote!(_), None),
    };
    let arguments = receiver.into_iter().chain(arguments);
    let method = &endpoint.method;
    let span = method.span();
    let (wait, how) = match endpoint.kind {
        Kind::Async => (
            Some(quote_spanned!(span=> .await)),
            quote_spanned!(span=> put),
        ),
        Kind::Blocking => (None, quote_spanned!(span=> put_blocking)),
    };
    let call = quote_spanned!(span=> Self::#method(#(#arguments),*) #wait);
    let reply = if endpoint.is_callable && endpoint.reply_is_sound {
        expand_reply(endpoint, &service.krate, private, has_client, &call)
    } else {
        expand_reply_check(endpoint, &service.krate, private, has_client)
    };
    // The future must be `Send` here: one that is not is told so at the method.
    let room = local("room");
    let body = quote_spanned!(span=> async move { #reads #reply });
    let put = quote_spanned!(span=> __private0::Room);
    let put = type_at(&service.krate, &put, &TokenStream::new(), span);
    let put = quote_spanned!(span=> #put::#how(#room, #body));
    quote!(|#taken, #request, #room| #put)
}

fn expand_read(
    param: &Param,
    krate: &Path,
    private: &TokenStream,
    request: &Ident,
    (purpose, has_client): (Purpose, bool),
) -> TokenStream {
    let ty = &param.ty;
    let span = span_of(ty);
    let result = match &param.source {
        Source::Context => return TokenStream::new(),
        Source::Payload(Codec::Raw) => {
            return quote_spanned!(span=> <#ty as #krate::RawPayload>::from_payload(&#request));
        }
        Source::Payload(Codec::Json) if purpose == Purpose::Subscriber => {
            quote_spanned!(span=> <#ty as #krate::EventPayload>::decode(&#request))
        }
        Source::Payload(Codec::Json) if has_client => {
            quote_spanned!(span=> <#ty as #krate::EndpointRequest>::decode(&#request))
        }
        Source::Payload(Codec::Json) => {
            quote_spanned!(span=> <#ty as #krate::ServerRequest>::decode(&#request))
        }
        Source::Placeholder(name) => {
            quote_spanned!(span=> <#ty as #krate::FromSubject>::read(&#request, #name))
        }
        Source::Header(name) => {
            let parse =
                quote_spanned!(span_of(optional(ty))=> <_ as #krate::FromHeader>::from_header);
            quote_spanned!(span=> <<#ty as #private::Typed>::Header>::new(#name).__micro_read(&#request, #parse))
        }
        Source::Extract => {
            quote_spanned!(span=> <#ty as #krate::FromRequest>::extract(&#request).await)
        }
    };
    let (value, reply) = (local("value"), local("reply"));
    quote! {
        match #result {
            ::core::result::Result::Ok(#value) => #value,
            ::core::result::Result::Err(#reply) => return #reply,
        }
    }
}

/// What is left of a reply when the method cannot be called: its types are still held to their
/// bounds, so that their mistakes are reported with the others.
fn expand_reply_check(
    endpoint: &EndpointModel,
    krate: &Path,
    private: &TokenStream,
    has_client: bool,
) -> TokenStream {
    match &endpoint.reply {
        Reply::Value(ty) | Reply::Result(ty) if endpoint.reply_is_sound => {
            let none = local("none");
            let nothing = quote!({
                let #none: #ty = loop {};
                #none
            });
            expand_reply(endpoint, krate, private, has_client, &nothing)
        }
        _ => quote!(loop {}),
    }
}

/// Encodes the value and the error separately, so that one that does not fit is told so at its
/// own type.
fn expand_reply(
    endpoint: &EndpointModel,
    krate: &Path,
    private: &TokenStream,
    has_client: bool,
    call: &TokenStream,
) -> TokenStream {
    let (value_span, error_span) = reply_spans(endpoint);
    let role = if has_client {
        quote!(EndpointResponse)
    } else {
        quote!(ServerResponse)
    };
    let (value, error) = (local("value"), local("error"));
    let encode = match endpoint.purpose {
        Purpose::Endpoint => quote_spanned!(value_span=> <_ as #krate::#role>::encode(&#value)),
        Purpose::Subscriber => {
            quote_spanned!(value_span=> <_ as #krate::EventResult>::handled(#value))
        }
    };
    let to_fault = quote_spanned!(error_span=> <_ as #krate::ServiceError>::to_fault(&#error));
    quote! {
        match #private::Returned(#call).__micro_into_result() {
            ::core::result::Result::Ok(#value) => #encode,
            ::core::result::Result::Err(#error) => #private::failure(#to_fault),
        }
    }
}

/// Where the types of the value and of the error are written.
fn reply_spans(endpoint: &EndpointModel) -> (Span, Span) {
    let method = endpoint.method.span();
    match &endpoint.reply {
        Reply::Unit => (method, method),
        Reply::Value(ty) => (span_of(ty), span_of(ty)),
        Reply::Result(ty) => {
            let (value, error) = result_arguments(ty);
            let span = |part: Option<&Type>| span_of(part.unwrap_or(ty));
            (span(value), span(error))
        }
    }
}

/// A local no user code can see or clash with.
fn local(name: impl quote::IdentFragment) -> Ident {
    format_ident!("__micro_{}", name, span = Span::mixed_site())
}
