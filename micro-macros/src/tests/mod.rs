//! Messages and their places. No compiler is in the loop; what only a compiler can see is in
//! `ui-tests`. Every message has a mistake in `mistakes/*.md`, where people can read it too; the
//! tables beside it have variations: a source, and what is reported for it.

#![expect(clippy::too_many_lines, reason = "a table is as long as it is")]

mod arguments;
mod error_derive;
mod generated;
mod large;
mod mistakes;
mod output;
mod params;
mod place;
mod random;
mod set;
mod signature;
mod typing;
mod values;
mod vectors;

use proc_macro2::{TokenStream, TokenTree};

use crate::service::{analyze, service};

/// The arguments and the item of a source that starts with `#[service(..)]`.
fn split(source: &str) -> (TokenStream, TokenStream) {
    let tokens: TokenStream = source.parse().expect("a source is made of tokens");
    let mut tokens = tokens.into_iter();
    let (Some(_), Some(TokenTree::Group(attribute))) = (tokens.next(), tokens.next()) else {
        panic!("a source starts with `#[service]`: {source}");
    };
    let args = match attribute.stream().into_iter().nth(1) {
        Some(TokenTree::Group(args)) => args.stream(),
        _ => TokenStream::new(),
    };
    (args, tokens.collect())
}

/// Every error as `line:column message`, columns from 1 as rustc has them.
fn render(errors: Option<syn::Error>) -> Vec<String> {
    errors
        .into_iter()
        .flatten()
        .map(|error| {
            let start = error.span().start();
            format!("{}:{} {error}", start.line, start.column + 1)
        })
        .collect()
}

/// What is reported for a service.
fn errors(source: &str) -> Vec<String> {
    let (args, item) = split(source);
    let (_, errors) = analyze(args, &item);
    render(errors)
}

/// What a service expands to. It must always be items.
fn expanded(source: &str) -> String {
    let (args, item) = split(source);
    let output = service(args, item);
    let file = syn::parse2::<syn::File>(output.clone());
    assert!(file.is_ok(), "{source}\nexpands to\n{output}");
    output.to_string()
}

/// The service that most cases vary: endpoints in an impl block of `Numbers`.
fn case(source: &str, expected: &[&str]) {
    assert_eq!(errors(source), expected, "{source}");
    let output = expanded(source);
    if expected.is_empty() {
        assert!(!output.contains("compile_error"), "{output}");
        assert!(output.contains("Service for"), "{output}");
        return;
    }
    assert_eq!(
        output.matches("compile_error").count(),
        expected.len(),
        "each error is emitted once: {output}"
    );
    // The user's item is there, and without our attributes.
    let item: String = split(source).1.to_string();
    if item.contains("impl Numbers {") {
        assert!(output.contains("impl Numbers {"), "{output}");
        assert!(output.contains("Service for Numbers"), "{output}");
        for ours in ["# [extract", "# [payload", "# [header"] {
            assert!(!output.contains(ours), "{ours} is left in {output}");
        }
    }
}

/// A case of arguments of `#[service(..)]`, on line 1 from column 11.
fn service_args(args: &str, expected: &[&str]) {
    case(&service_args_source(args), expected);
}

fn service_args_source(args: &str) -> String {
    format!(
        "#[service({args})]\nimpl Numbers {{ #[endpoint] async fn add(&self, pair: Pair) -> f64 {{ 0.0 }} }}"
    )
}

/// A case of arguments of `#[endpoint(..)]`, on line 3 from column 12.
fn endpoint_args(args: &str, expected: &[&str]) {
    case(&endpoint_args_source(args), expected);
}

fn endpoint_args_source(args: &str) -> String {
    format!(
        "#[service]\nimpl Numbers {{\n#[endpoint({args})]\nasync fn add(&self, pair: Pair) -> f64 {{ 0.0 }} }}"
    )
}

/// A case of an endpoint: the method is on line 3, its `#[endpoint]` on line 2.
fn method(method: &str, expected: &[&str]) {
    case(&method_source(method), expected);
}

fn method_source(method: &str) -> String {
    format!("#[service]\nimpl Numbers {{ #[endpoint]\n{method}\n}}")
}

/// What is reported for `#[derive(ServiceError)]`.
fn derive_errors(source: &str) -> Vec<String> {
    render(crate::error_derive::analyze(source.parse().expect("tokens")).1)
}

/// A case of `#[derive(ServiceError)]`.
fn derive(source: &str, expected: &[&str]) {
    assert_eq!(derive_errors(source), expected, "{source}");
    let output = crate::error_derive::expand(source.parse().expect("tokens"));
    let file = syn::parse2::<syn::File>(output.clone());
    assert!(file.is_ok(), "{source}\nexpands to\n{output}");
    let output = output.to_string();
    assert_eq!(output.matches("compile_error").count(), expected.len());
    // There always is an impl, so that nothing else turns red.
    assert!(output.contains("ServiceError for"), "{output}");
}

/// The text without white space, for comparing what is generated.
fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Whether what is stated is to be written anew, as by `trybuild`. docs/errors.md is written last,
/// by `ui-tests`: until then it is not asked.
fn is_overwriting() -> bool {
    std::env::var_os("TRYBUILD").is_some_and(|value| value == "overwrite")
}
