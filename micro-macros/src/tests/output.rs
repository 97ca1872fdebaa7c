//! What comes out: the user's item, and code that has everything asked for.

use super::{dense, method_source, split};

/// The part of the output with the user's impl block.
fn item(source: &str) -> String {
    let (args, item) = split(source);
    let output = dense(&crate::service::service(args, item).to_string());
    let end = output.find("#[allow(clippy::all").unwrap_or(output.len());
    output.get(..end).unwrap_or_default().to_owned()
}

/// The whole output.
fn expanded(source: &str) -> String {
    dense(&super::expanded(source))
}

#[test]
fn the_impl_block_is_given_back() {
    let source = "#[service(name = \"n\")]
        /// Docs.
        impl<T: A> Numbers<T> where T: B {
            const LIMIT: [u8; 1] = [{ 1 }];
            #[before]
            #[endpoint(subject = \"h.{user}\")]
            #[after]
            pub(crate) async fn add<>(&self, user: String, #[header(\"X\")] #[allow(unused)] x: u8, #[payload(raw)] b: Bytes) -> Result<f64, E> {
                #[header] let x = |#[extract] y| endpoint! { #[endpoint] };
                <<>>> not even Rust
            }
            fn helper(#[allow(unused)] a: u8) -> u8 { 0 }
            make! { #[endpoint] }
        }";
    assert_eq!(
        item(source),
        dense(
            "#[doc = \" Docs.\"]
            impl<T: A> Numbers<T> where T: B {
                const LIMIT: [u8; 1] = [{ 1 }];
                #[before]
                #[allow(clippy::unused_async)]
                #[after]
                pub(crate) async fn add<>(&self, user: String, #[allow(unused)] x: u8, b: Bytes) -> Result<f64, E> {
                    #[header] let x = |#[extract] y| endpoint! { #[endpoint] };
                    <<>>> not even Rust
                }
                fn helper(#[allow(unused)] a: u8) -> u8 { 0 }
                make! { #[endpoint] }
            }"
        )
    );
}

/// The place of the token `marker`.
fn find(tokens: proc_macro2::TokenStream) -> Option<(usize, usize)> {
    tokens.into_iter().find_map(|token| match token {
        proc_macro2::TokenTree::Group(group) => find(group.stream()),
        token if token.to_string() == "marker" => {
            let start = token.span().start();
            Some((start.line, start.column))
        }
        _ => None,
    })
}

#[test]
fn bodies_keep_their_places() {
    let source = "#[service]\nimpl Numbers {\n#[endpoint]\nasync fn add(&self) { marker }\n}";
    let (args, item) = split(source);
    assert_eq!(find(crate::service::service(args, item)), Some((4, 22)));
}

#[test]
fn the_table_says_what_the_attributes_say() {
    let output = expanded(
        "#[service(name = \"n\", version = \"1.2.3\", group = \"g\", queue_group = false,
            metadata(a = \"1\", \"b c\" = \"2\"), timeout = \"2s\", concurrency = 8, crate = my::m)]
        /// Service.
        ///
        /// More.
        impl Numbers {
            /// Adds.
            #[cfg(feature = \"add\")]
            #[endpoint(group = \"e\", subject = \"s.{id}\", queue_group = \"w\", timeout = \"250ms\", concurrency = 1)]
            async fn add(&self, ctx: &Context, id: u8) -> f64 { 0.0 }
        }",
    );
    for part in [
        "name: \"n\", version: \"1.2.3\", description: \"Service.\\n\\nMore.\", group: \"g\",",
        "queue_group: __micro::QueueGroup::Disabled,",
        "metadata: &[(\"a\", \"1\"), (\"b c\", \"2\")],",
        "timeout: ::core::option::Option::Some(::core::time::Duration::from_millis(2000)),",
        "concurrency: ::core::option::Option::Some(8),",
        "#[cfg(feature = \"add\")] impl __micro::EndpointAt<__MicroTable, 0usize> for Numbers",
        "&[#[cfg(feature = \"add\")] <Self as __micro::EndpointAt<__MicroTable, 0usize>>::ENTRY]",
        "name: \"add\", subject: \"e.s.{id}\", description: \"Adds.\",",
        "queue_group: __micro::QueueGroup::named(\"w\"),",
        "from_millis(250)",
        "<my::m::Request>::context(&__micro_request)",
        "<u8 as my::m::FromSubject>::read(&__micro_request, \"id\")",
        "Outgoing::new(&self.caller, \"g.e.s.{id}\")",
        "#[doc = \" Adds.\"] pub fn add(&self, id: &u8) -> my::m::Call<'_, f64, ::core::convert::Infallible>",
    ] {
        assert!(output.contains(&dense(part)), "{part}\nis not in\n{output}");
    }
    let default = expanded("#[service] impl Numbers { #[endpoint] async fn add() {} }");
    assert!(default.contains(&dense("version: ::core::env!(\"CARGO_PKG_VERSION\")")));
    assert!(default.contains(&dense("#[doc = \"Calls the `add` endpoint.\"]")));
}

#[test]
fn one_anchor_for_each_path() {
    let output = expanded(
        "#[service] impl Numbers {
            #[endpoint] async fn a() {}
            #[endpoint()] async fn b() {}
            #[micro::endpoint] async fn c() {}
        }",
    );
    assert!(output.ends_with(&dense(
        "#[endpoint(__micro_anchor)] const _: () = (); #[micro::endpoint(__micro_anchor)] const _: () = ();"
    )));
}

#[test]
fn without_a_client() {
    let output = expanded(
        "#[service(client = false)] impl Numbers {
            #[endpoint] async fn add(&self, pair: Pair) -> f64 { 0.0 }
        }",
    );
    assert!(!output.contains("Client"), "{output}");
    assert!(output.contains(&dense("<Pair as ::micro::ServerRequest>::decode")));
    assert!(output.contains(&dense("<_ as ::micro::ServerResponse>::encode")));
}

#[test]
fn the_client_is_generic_if_a_caller_can_see_it() {
    let hidden = expanded(
        "#[service] impl<T: Store> Numbers<T> { #[endpoint] async fn add(&self, a: u8) {} }",
    );
    assert!(
        hidden.contains(&dense("pub struct NumbersClient {")),
        "{hidden}"
    );
    let seen = expanded(
        "#[service] impl<T: Store, const N: usize> Numbers<T, N> where T: Send {
            #[endpoint] async fn add(&self, a: T) -> Self { Self::of(a) }
        }",
    );
    for part in [
        "pub struct NumbersClient<T: Store, const N: usize> where T: Send {",
        "types: ::core::marker::PhantomData<fn() -> (T,)>",
        "impl<T: Store, const N: usize> NumbersClient<T, N> where T: Send {",
        "-> ::micro::Call<'_, Numbers<T, N>, ::core::convert::Infallible>",
    ] {
        assert!(seen.contains(&dense(part)), "{part}\nis not in\n{seen}");
    }
}

#[test]
fn a_client_stands_in_after_an_error() {
    let output = expanded(
        "#[service(nmae = \"x\")] impl Numbers {
            #[endpoint] async fn sound(&self, pair: Pair) -> f64 { 0.0 }
            #[endpoint] async fn faulty(&self, ctx: &Context, name: &str) -> f64 { 0.0 }
        }",
    );
    for part in [
        "pub fn sound<>(&self, pair: &Pair) -> ::micro::Call<'_, f64, ::core::convert::Infallible> { loop {} }",
        "pub fn faulty<__Micro0: ?::core::marker::Sized>(&self, name: &__Micro0) \
         -> ::micro::Call<'_, f64, ::core::convert::Infallible> { loop {} }",
    ] {
        assert!(output.contains(&dense(part)), "{part}\nis not in\n{output}");
    }
}

#[test]
fn macro_rules_callers() {
    use proc_macro2::{Delimiter, Group, TokenTree};
    // `#[service(name = $name)] impl $t { #[endpoint(subject = $s)] async fn f(&self, a: $u) -> $v {} }`
    let group = |source: &str| -> TokenTree {
        Group::new(Delimiter::None, source.parse().expect("tokens")).into()
    };
    let name = group("\"n\"");
    let (t, s, u, v) = (
        group("Numbers"),
        group("\"a.b\""),
        group("u8"),
        group("Result<u8, E>"),
    );
    let args = quote::quote!(name = #name);
    let item =
        quote::quote!(impl #t { #[endpoint(subject = #s)] async fn f(&self, a: #u) -> #v { x } });
    let (model, errors) = crate::service::analyze(args.clone(), &item);
    assert!(errors.is_none(), "{errors:?}");
    let model = model.expect("a model");
    assert_eq!(
        (model.name.as_str(), model.type_name.to_string().as_str()),
        ("n", "Numbers")
    );
    let output = crate::service::service(args, item).to_string();
    assert!(output.contains("\"a.b\""));
    assert!(output.contains("ResultParts"), "{output}");
}

#[test]
fn derived_errors() {
    let output = crate::error_derive::expand(
        "#[service_error(code = 422, crate = my)] enum E<T> {
            Unit,
            #[service_error(code = 404, kind = \"n\")] Named { a: u8, r#type: T },
            One(u8),
            Two(u8, u16),
            #[service_error(internal)] Secret(File),
            #[service_error(transparent)] Inner(Other),
        }"
        .parse()
        .expect("tokens"),
    );
    let output = dense(&output.to_string());
    for part in [
        "impl<T> my::ServiceError for E<T>",
        "Self::Unit => my::Fault::of(422u16, self).kind(\"Unit\"),",
        "Self::Named { a: __micro_0, r#type: __micro_1 } => my::Fault::of(404u16, self).kind(\"n\")",
        "Self::Secret { .. } => my::Fault::hidden(422u16, self),",
        "Self::Inner(__micro_0) => <Other as my::ServiceError>::to_fault(__micro_0),",
        "::core::option::Option::Some(Self::Inner(__micro_inner))",
    ] {
        assert!(output.contains(&dense(part)), "{part}\nis not in\n{output}");
    }
    assert!(!output.contains("\"Secret\""), "{output}");
}

/// What is sound of a faulty endpoint keeps its types, for whoever calls it.
#[test]
fn sound_types_of_faulty_endpoints_stay() {
    let generic = expanded(&method_source("async fn add<T>(&self, a: T) -> u8 { 0 }"));
    assert!(generic.contains("Call<'_,u8,"), "{generic}");
    assert!(!generic.contains("<Tas"), "{generic}");
    let borrowing = expanded(
        "#[service] impl<'a> Numbers<'a> { #[endpoint] async fn add(&self, a: Pair) -> f64 { 0.0 } \
         #[endpoint] async fn own(&self, a: Self) {} }",
    );
    assert!(borrowing.contains("Call<'_,f64,"), "{borrowing}");
    let decoded = |ty: &str| borrowing.contains(&format!("<{ty}as::micro::EndpointRequest>"));
    assert!(decoded("Pair") && !decoded("Self"), "{borrowing}");
}
