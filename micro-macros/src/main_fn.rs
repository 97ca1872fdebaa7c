//! `#[main]` and `#[test]`: an async function on a runtime of the framework's choice, so that a
//! program needs no dependency for it.

use micro_names::Problem;
use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, ReturnType, Signature, Visibility};

use crate::errors::{Errors, at};
use crate::tokens::{nested_too_deeply, too_deep};

/// What the function is for.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Main,
    Test,
}

impl Role {
    fn attribute(self) -> &'static str {
        match self {
            Self::Main => "#[micro::main]",
            Self::Test => "#[micro::test]",
        }
    }
}

/// A function whose body is kept as it was written.
struct MainFn {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: Group,
}

impl Parse for MainFn {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: input.parse()?,
        })
    }
}

pub(crate) fn expand(role: Role, args: &TokenStream, item: TokenStream) -> TokenStream {
    let attribute = role.attribute();
    let mut errors = Errors::new();
    if !args.is_empty() {
        errors.push(
            args,
            &Problem::new(format!("`{attribute}` takes no arguments")),
        );
    }
    if let Some(deep) = signature_too_deep(&item) {
        errors.push(at(deep.span()), &nested_too_deeply());
        let errors = errors.finish().map(|error| error.to_compile_error());
        return quote! { #errors #item };
    }
    let Ok(parsed) = syn::parse2::<MainFn>(item.clone()) else {
        let problem = Problem::new(format!("`{attribute}` goes on an `async fn`"));
        errors.push(&item, &problem);
        return with_errors(errors, item);
    };
    let signature = &parsed.signature;
    if signature.asyncness.is_none() {
        let problem = Problem::new(format!("`{}` must be an `async fn`", signature.ident))
            .help(format!("write `async fn {}()`", signature.ident));
        errors.push(signature.fn_token, &problem);
    }
    if !signature.inputs.is_empty() {
        let problem = Problem::new(format!("`{}` takes no parameters", signature.ident))
            .help("what it needs is made in its body");
        errors.push(&signature.inputs, &problem);
    }
    if matches!(signature.output, ReturnType::Default) {
        let problem = Problem::new(format!("`{}` must return a `Result`", signature.ident))
            .help(format!(
                "write `async fn {}() -> micro::Result<()>`",
                signature.ident
            ))
            .note("what cannot run must be able to say so");
        errors.push(&signature.ident, &problem);
    }
    if !errors.is_empty() {
        return with_errors(errors, item);
    }
    // Nothing was reported; the sink wants to be told that it was looked at.
    let _ = errors.finish();

    let MainFn {
        attributes,
        visibility,
        mut signature,
        body,
    } = parsed;
    signature.asyncness = None;
    let test = match role {
        Role::Main => None,
        Role::Test => Some(quote!(#[::core::prelude::v1::test])),
    };
    quote! {
        #test
        #(#attributes)*
        #visibility #signature {
            ::micro::__private0::block_on(async #body)
        }
    }
}

/// The place where what stands before the body is nested too deeply to be parsed.
fn signature_too_deep(item: &TokenStream) -> Option<TokenTree> {
    let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    tokens.pop();
    too_deep(tokens.into_iter().collect())
}

/// The errors, and the function with a body that compiles, so that there still is a `main`.
fn with_errors(errors: Errors, item: TokenStream) -> TokenStream {
    let errors = errors.finish().map(|error| error.to_compile_error());
    let stand_in = syn::parse2::<MainFn>(item.clone()).map_or(item, |parsed| {
        let name = parsed.signature.ident;
        quote! { fn #name() {} }.into_token_stream()
    });
    quote! { #errors #stand_in }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(item: TokenStream) -> Vec<String> {
        let out = expand(Role::Main, &TokenStream::new(), item).to_string();
        out.split("compile_error ! {")
            .skip(1)
            .filter_map(|part| part.split('"').nth(1).map(str::to_owned))
            .collect()
    }

    #[test]
    fn a_main_becomes_a_plain_function() {
        let item = quote! { async fn main() -> micro::Result<()> { Ok(()) } };
        let out = expand(Role::Main, &TokenStream::new(), item).to_string();
        assert!(
            out.starts_with("fn main () -> micro :: Result < () >"),
            "{out}"
        );
        assert!(out.contains("block_on"), "{out}");
    }

    #[test]
    fn what_is_wrong_is_reported_together() {
        let found = messages(quote! { fn main(args: Args) {} });
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("`main` must be an `async fn`"));
        assert_eq!(messages(quote! { struct Main; }).len(), 1);
    }
}
