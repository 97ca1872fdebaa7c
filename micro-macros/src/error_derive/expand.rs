//! From the model to the impl: `to_fault` takes a value apart, `from_fault` puts it together.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericParam, Generics, Lifetime, Path, Type, WherePredicate, parse_quote};

use crate::error_derive::model::{Conduct, ErrorModel, Fields, Variant};
use crate::tokens::plain_name;

pub(super) fn expand(error: &ErrorModel) -> TokenStream {
    let ErrorModel {
        krate, variants, ..
    } = error;
    let to = variants.iter().map(|variant| to_arm(error, variant));
    let from = variants
        .iter()
        .filter_map(|variant| from_arm(krate, variant));
    let inner = variants
        .iter()
        .filter_map(|variant| transparent_try(krate, variant));
    let (this, fault) = (this(error), local("fault"));
    let to_fault = if variants.is_empty() {
        quote!(match *#this {})
    } else {
        quote!(match #this { #(#to)* })
    };
    expand_impl(
        error,
        &to_fault,
        &quote! {
            match #krate::Fault::kind_str(#fault) {
                #(#from)*
                _ => {}
            }
            #(#inner)*
            ::core::option::Option::None
        },
    )
}

/// What stands in for it after an error.
pub(super) fn stand_in(error: &ErrorModel) -> TokenStream {
    let params = &error.generics.params;
    let is_lifetime = |param: &GenericParam| matches!(param, GenericParam::Lifetime(_));
    let (to, from) = (quote!(loop {}), quote!(loop {}));
    if !params.iter().any(is_lifetime) {
        return expand_impl(error, &to, &from);
    }
    if !params.iter().all(is_lifetime) || error.generics.where_clause.is_some() {
        return TokenStream::new();
    }
    // For the one lifetime with which it could be an error.
    let lifetimes = params
        .iter()
        .map(|_| Lifetime::new("'static", Span::call_site()));
    expand_impl_of(
        error,
        &TokenStream::new(),
        &quote!(<#(#lifetimes),*>),
        &TokenStream::new(),
        &to,
        &from,
    )
}

fn expand_impl(error: &ErrorModel, to: &TokenStream, from: &TokenStream) -> TokenStream {
    let bounded = bounded(error);
    let (generics, types, clause) = bounded.split_for_impl();
    expand_impl_of(
        error,
        &generics.to_token_stream(),
        &types.to_token_stream(),
        &clause.to_token_stream(),
        to,
        from,
    )
}

/// The generics with what the impl needs of them, as serde's derives have it: a person writes the
/// bounds of the type, and not those of its derives.
fn bounded(error: &ErrorModel) -> Generics {
    let ErrorModel {
        krate,
        name,
        variants,
        ..
    } = error;
    let mut generics = error.generics.clone();
    let params: Vec<Ident> = generics
        .type_params()
        .map(|param| param.ident.clone())
        .collect();
    if params.is_empty() {
        return generics;
    }
    let mut predicates: Vec<WherePredicate> = Vec::new();
    for param in &params {
        predicates.push(parse_quote!(#param: ::core::marker::Send + 'static));
    }
    for variant in variants {
        let needs = match variant.conduct {
            Conduct::Open { .. } => quote!(#krate::FaultField),
            Conduct::Transparent => quote!(#krate::ServiceError),
            Conduct::Internal { .. } => continue,
        };
        for (_, ty) in fields(&variant.fields) {
            if names_any(ty.to_token_stream(), &params) {
                predicates.push(parse_quote!(#ty: #needs));
            }
        }
    }
    let (_, types, _) = error.generics.split_for_impl();
    predicates.push(parse_quote!(#name #types: #krate::FaultMessage));
    generics.make_where_clause().predicates.extend(predicates);
    generics
}

fn names_any(tokens: TokenStream, params: &[Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => params.contains(&word),
        TokenTree::Group(group) => names_any(group.stream(), params),
        _ => false,
    })
}

fn expand_impl_of(
    error: &ErrorModel,
    generics: &TokenStream,
    types: &TokenStream,
    clause: &TokenStream,
    to: &TokenStream,
    from: &TokenStream,
) -> TokenStream {
    let ErrorModel { krate, name, .. } = error;
    let (this, fault) = (this(error), local("fault"));
    quote! {
        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            deprecated,
            unreachable_code,
            unused_braces,
            unused_parens,
            unused_qualifications,
            unused_variables
        )]
        const _: () = {
            #[automatically_derived]
            impl #generics #krate::ServiceError for #name #types #clause {
                fn to_fault(&#this) -> #krate::Fault {
                    #to
                }

                fn from_fault(#fault: &#krate::Fault) -> ::core::option::Option<Self> {
                    #from
                }
            }
        };
    }
}

fn to_arm(error: &ErrorModel, variant: &Variant) -> TokenStream {
    let krate = &error.krate;
    let path = &variant.path;
    let (pattern, names) = pattern(&variant.fields);
    // A type without a message is told so at its name, however many variants ask for it.
    let span = error.name.span();
    let this = this(error);
    match &variant.conduct {
        Conduct::Transparent => {
            let (Some((_, ty)), Some(inner)) = (fields(&variant.fields).next(), names.first())
            else {
                return TokenStream::new();
            };
            let call = quote_spanned!(ty.span()=> <#ty as #krate::ServiceError>::to_fault(#inner));
            quote!(#path #pattern => #call,)
        }
        Conduct::Internal { code } => {
            let fault = quote_spanned!(span=> #krate::Fault::hidden(#code, #this));
            quote!(#path { .. } => #fault,)
        }
        Conduct::Open { code, kind, .. } => {
            let fault = quote_spanned!(span=> #krate::Fault::of(#code, #this));
            let single = variant.fields.len() == 1;
            let writes = fields(&variant.fields)
                .zip(&names)
                .map(|((field, ty), name)| {
                    let value =
                        quote_spanned!(ty.span()=> <#ty as #krate::FaultField>::to_value(#name));
                    match field.map(plain_name) {
                        Some(field) => quote!(.json_field(#field, #value)),
                        None if single => quote!(.json_value(#value)),
                        None => quote!(.json_item(#value)),
                    }
                });
            quote!(#path #pattern => #fault.kind(#kind) #(#writes)*,)
        }
    }
}

fn from_arm(krate: &Path, variant: &Variant) -> Option<TokenStream> {
    let Conduct::Open { kind, .. } = &variant.conduct else {
        return None;
    };
    let path = &variant.path;
    let fault = local("fault");
    let single = variant.fields.len() == 1;
    let reads = fields(&variant.fields)
        .enumerate()
        .map(|(index, (field, ty))| {
            let json = match field.map(plain_name) {
                Some(field) => quote!(#krate::Fault::field_json(#fault, #field)?),
                None if single => quote!(#krate::Fault::value_json(#fault)?),
                None => quote!(#krate::Fault::item_json(#fault, #index)?),
            };
            // The same words at the same place as in `to_fault`: rustc shows one error for both. Not so
            // the `?`, which lints would take for the user's.
            let value = quote_spanned!(ty.span()=> <#ty as #krate::FaultField>::from_value(#json));
            let name = field.map(|field| quote!(#field:));
            quote!(#name #value?)
        });
    let value = match &variant.fields {
        Fields::Unit => quote!(#path),
        Fields::Named(_) => quote!(#path { #(#reads),* }),
        Fields::Tuple(_) => quote!(#path(#(#reads),*)),
    };
    Some(quote! {
        ::core::option::Option::Some(#kind) => return ::core::option::Option::Some(#value),
    })
}

/// Transparent variants have the kinds of the errors inside, which are not known here: they are
/// asked one after the other.
fn transparent_try(krate: &Path, variant: &Variant) -> Option<TokenStream> {
    let Conduct::Transparent = &variant.conduct else {
        return None;
    };
    let path = &variant.path;
    let (field, ty) = fields(&variant.fields).next()?;
    let (fault, inner) = (local("fault"), local("inner"));
    let value = field.map_or_else(
        || quote!(#path(#inner)),
        |field| quote!(#path { #field: #inner }),
    );
    let read = quote_spanned!(ty.span()=> <#ty as #krate::ServiceError>::from_fault(#fault));
    Some(quote! {
        if let ::core::option::Option::Some(#inner) = #read {
            return ::core::option::Option::Some(#value);
        }
    })
}

/// The fields with their names, if they have any.
fn fields(fields: &Fields) -> Box<dyn Iterator<Item = (Option<&Ident>, &Type)> + '_> {
    match fields {
        Fields::Unit => Box::new(std::iter::empty()),
        Fields::Named(named) => Box::new(named.iter().map(|(name, ty)| (Some(name), ty))),
        Fields::Tuple(types) => Box::new(types.iter().map(|ty| (None, ty))),
    }
}

/// A pattern that binds every field, and the names it binds them to.
fn pattern(fields: &Fields) -> (TokenStream, Vec<Ident>) {
    let names: Vec<Ident> = (0..fields.len()).map(local).collect();
    let pattern = match fields {
        Fields::Unit => TokenStream::new(),
        Fields::Named(fields) => {
            let fields = fields.iter().map(|(field, _)| field);
            quote!({ #(#fields: #names),* })
        }
        Fields::Tuple(_) => quote!((#(#names),*)),
    };
    (pattern, names)
}

/// `self`, everywhere with the one span: where a macro was given the name of the type, the `self` of
/// the derive is another than that at the name.
fn this(error: &ErrorModel) -> Ident {
    Ident::new("self", error.name.span())
}

fn local(name: impl quote::IdentFragment) -> Ident {
    format_ident!("__micro_{}", name, span = Span::mixed_site())
}
