//! `#[main]` and `#[test]`: an async function on a runtime of the framework's choice, so that a
//! program needs no dependency for it.

use micro_names::Problem;
use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::{Attribute, ReturnType, Safety, Signature, Token, Visibility};

use crate::args::service::{crate_path, default_crate};
use crate::args::{Grammar, walk};
use crate::errors::{Errors, at};
use crate::tokens::{ends_with, nested_too_deeply, text, too_deep};

const OWN_RUNTIME: &str =
    "a runtime of your own is made by tokio: `#[tokio::main]`, `#[tokio::test]`";

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

    fn grammar(self) -> Grammar {
        Grammar {
            attribute: match self {
                Self::Main => "#[micro::main(..)]",
                Self::Test => "#[micro::test(..)]",
            },
            keys: &["crate"],
            sibling: None,
            foreign: &[
                ("flavor", OWN_RUNTIME),
                ("worker_threads", OWN_RUNTIME),
                ("start_paused", OWN_RUNTIME),
            ],
            positional: None,
        }
    }

    fn block_on(self) -> Ident {
        match self {
            Self::Main => format_ident!("block_on_main"),
            Self::Test => format_ident!("block_on"),
        }
    }
}

/// A function whose body is kept as it was written.
struct MainFn {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    /// `None` for a `;`.
    body: Option<Group>,
}

impl Parse for MainFn {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: if input.peek(Token![;]) {
                input.parse::<Token![;]>()?;
                None
            } else {
                Some(input.parse()?)
            },
        })
    }
}

pub(crate) fn expand(role: Role, args: &TokenStream, item: &TokenStream) -> TokenStream {
    let attribute = role.attribute();
    let mut errors = Errors::new();
    let mut krate = default_crate();
    for arg in walk(args.clone(), role.grammar(), &mut errors) {
        krate = crate_path(&arg, &mut errors).unwrap_or(krate);
    }
    if let Some(deep) = signature_too_deep(item) {
        errors.push(at(deep.span()), &nested_too_deeply());
        let errors = errors.finish().map(|error| error.to_compile_error());
        return quote! { #errors #item };
    }
    let Ok(parsed) = syn::parse2::<MainFn>(item.clone()) else {
        let problem = Problem::new(format!("`{attribute}` goes on an `async fn`"));
        errors.push(item, &problem);
        let errors = errors.finish().map(|error| error.to_compile_error());
        return quote!(#errors #item);
    };
    check(role, &parsed, &mut errors);
    let MainFn {
        attributes,
        visibility,
        signature,
        body,
    } = parsed;
    if let Some(errors) = errors.finish() {
        let errors = errors.to_compile_error();
        // A method is fine as it is, and what calls it is too.
        if signature.receiver().is_some() {
            return quote!(#errors #item);
        }
        let stand_in = stand_in(&signature, body);
        return quote!(#errors #stand_in);
    }

    let test = match role {
        Role::Main => None,
        Role::Test => Some(quote!(#[::core::prelude::v1::test])),
    };
    // A function inside and not a block: what is wrong with its value is said where the value is.
    let name = &signature.ident;
    let outer = Signature {
        asyncness: None,
        ..signature.clone()
    };
    let span = match &signature.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => name.span(),
    };
    // A type that is no `Result` is told so where it is written.
    let mut inner = name.clone();
    inner.set_span(span.resolved_at(name.span()));
    let block_on = role.block_on();
    let run = quote_spanned!(span=> #krate::__private0::#block_on(#inner()));
    quote! {
        #test
        #(#attributes)*
        #visibility #outer {
            #[allow(clippy::unused_async)]
            #signature #body
            #run
        }
    }
}

/// It has to be a plain `async fn` without parameters that returns something.
fn check(role: Role, parsed: &MainFn, errors: &mut Errors) {
    let MainFn {
        attributes,
        signature,
        body,
        ..
    } = parsed;
    let name = &signature.ident;
    let word = match role {
        Role::Main => "main",
        Role::Test => "test",
    };
    for attribute in attributes {
        if ends_with(attribute.path(), word) {
            let (ours, other) = (role.attribute(), text(attribute.path()));
            let problem = if ours == format!("#[{other}]") {
                Problem::new(format!("duplicate `{ours}` attribute"))
            } else {
                Problem::new(format!("`{ours}` and `#[{other}]` cannot be combined"))
                    .help(format!("remove `#[{other}]`"))
                    .note("either makes a runtime and runs the function on it")
            };
            errors.push(attribute, &problem);
        }
    }
    let unsafety = match &signature.safety {
        Safety::Unsafe(word) => Some(word.to_token_stream()),
        _ => None,
    };
    let constness = signature.constness.map(|word| word.to_token_stream());
    let abi = signature
        .abi
        .as_ref()
        .map(|abi| abi.extern_token.to_token_stream());
    let generics = &signature.generics;
    let generics = (!generics.params.is_empty()).then(|| generics.to_token_stream());
    if let Some(place) = constness.or(unsafety).or(abi).or(generics) {
        let problem = Problem::new(format!("`{name}` must be a plain `async fn`"));
        errors.push(place, &problem);
    } else if signature.asyncness.is_none() {
        let problem = Problem::new(format!("`{name}` must be an `async fn`"))
            .help(format!("write `async fn {name}()`"));
        errors.push(signature.fn_token, &problem);
    }
    if !signature.inputs.is_empty() {
        let problem = Problem::new(format!("`{name}` takes no parameters"))
            .help("what it needs is made in its body");
        errors.push(&signature.inputs, &problem);
    }
    if body.is_none() {
        let problem = Problem::new(format!("`{name}` has no body"));
        errors.push(name, &problem);
    }
    if matches!(signature.output, ReturnType::Default) {
        let problem = Problem::new(format!("`{name}` must return a `Result`"))
            .help(format!("write `async fn {name}() -> micro::Result<()>`"))
            .note("what cannot run must be able to say so");
        errors.push(name, &problem);
    }
}

/// The function of the same name, so that there still is a `main`. The body stays in it, or what it
/// uses would be reported as unused; without a return type its `?` would be an error, and it goes.
fn stand_in(signature: &Signature, body: Option<Group>) -> TokenStream {
    let name = &signature.ident;
    let Some(body) = body.filter(|_| !matches!(signature.output, ReturnType::Default)) else {
        return quote!(fn #name() {});
    };
    let Signature {
        generics,
        inputs,
        output,
        ..
    } = signature;
    let clause = &generics.where_clause;
    quote! {
        fn #name() {
            #[allow(dead_code, unused_variables, clippy::unused_async)]
            async fn #name #generics (#inputs) #output #clause #body
        }
    }
}

/// The place where what stands before the body is nested too deeply to be parsed.
fn signature_too_deep(item: &TokenStream) -> Option<TokenTree> {
    let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    tokens.pop();
    too_deep(tokens.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(item: &TokenStream) -> Vec<String> {
        let out = expand(Role::Main, &TokenStream::new(), item).to_string();
        out.split("compile_error ! {")
            .skip(1)
            .filter_map(|part| part.split('"').nth(1).map(str::to_owned))
            .collect()
    }

    #[test]
    fn a_main_becomes_a_plain_function() {
        let item = quote! { async fn main() -> micro::Result<()> { Ok(()) } };
        let out = expand(Role::Main, &TokenStream::new(), &item).to_string();
        assert!(
            out.starts_with("fn main () -> micro :: Result < () >"),
            "{out}"
        );
        assert!(out.contains("block_on"), "{out}");
    }

    #[test]
    fn what_is_wrong_is_reported_together() {
        let found = messages(&quote! { fn main(args: Args) {} });
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("`main` must be an `async fn`"));
        assert_eq!(messages(&quote! { struct Main; }).len(), 1);
    }

    #[test]
    fn one_error_for_each_mistake() {
        for (item, expected) in [
            (
                quote! { const async fn main() -> R {} },
                "`main` must be a plain `async fn`",
            ),
            (
                quote! { async unsafe fn main() -> R {} },
                "`main` must be a plain `async fn`",
            ),
            (
                quote! { async fn main<T>() -> R {} },
                "`main` must be a plain `async fn`",
            ),
            (quote! { async fn main() -> R; }, "`main` has no body"),
            (
                quote! { #[tokio::main] async fn main() -> R {} },
                "`#[micro::main]` and `#[tokio::main]` cannot be combined\\nhelp: remove \
                 `#[tokio::main]`\\nnote: either makes a runtime and runs the function on it",
            ),
            (
                quote! { #[micro::main] async fn main() -> R {} },
                "duplicate `#[micro::main]` attribute",
            ),
        ] {
            assert_eq!(messages(&item), [expected]);
        }
    }

    #[test]
    fn a_method_stays_one() {
        let item = quote! { async fn greets(&self) -> R {} };
        let out = expand(Role::Test, &TokenStream::new(), &item).to_string();
        assert_eq!(out.matches("compile_error").count(), 1, "{out}");
        assert!(out.ends_with(&item.to_string()), "{out}");
    }

    /// What only the body uses is used, and its value is checked where it is written.
    #[test]
    fn the_body_is_a_function_of_its_own() {
        let body = quote! { { run().await?; Ok(()) } };
        for item in [
            quote! { async fn main() -> R #body },
            quote! { fn main() -> R #body },
            quote! { async fn main(args: Args) -> R #body },
            quote! { async fn r#main() -> R #body },
        ] {
            let out = expand(Role::Main, &TokenStream::new(), &item).to_string();
            assert!(out.replace("r#", "").contains("async fn main"), "{out}");
            assert!(out.contains(&body.to_string()), "{out}");
        }
        let out = expand(
            Role::Main,
            &TokenStream::new(),
            &quote! { async fn main() #body },
        );
        assert!(out.to_string().ends_with("fn main () { }"), "{out}");
    }
}
