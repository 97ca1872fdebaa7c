//! Inputs of a size that nobody writes: they are read in a time that grows as they do, and on a
//! stack of 2 MB, which is what an editor may have. Each is so large that anything less would not
//! come to an end, or not to a good one.

use proc_macro2::TokenStream;

use super::{derive_errors, errors};
use crate::main_fn::{self, Role};

/// What is said of what is too deep.
const SAYS: &str = "types and arguments cannot be nested more than 32 levels deep";

/// A service with an endpoint that has these arguments and takes these parameters.
fn endpoint(args: &str, params: &str) -> Vec<String> {
    errors(&format!(
        "#[service] impl Numbers {{ #[endpoint({args})] async fn a(&self, {params}) {{}} }}"
    ))
}

/// A service with a subscriber that has these arguments.
fn subscriber(args: &str) -> Vec<String> {
    errors(&format!(
        "#[service] impl Numbers {{ #[subscribe({args})] async fn a(&self) {{}} }}"
    ))
}

#[test]
fn arguments_of_a_subscriber() {
    assert_eq!(
        subscriber(&format!("\"a\", {}", "x, ".repeat(20_000))).len(),
        20_000
    );
    assert_eq!(subscriber(&"x + ".repeat(50_000)).len(), 1);
    let found = subscriber(&("(".repeat(5_000) + &")".repeat(5_000)));
    assert!(found[0].contains(SAYS), "{found:.200?}");
}

/// A service with these arguments.
fn service(args: &str) -> Vec<String> {
    errors(&format!(
        "#[service({args})] impl Numbers {{ #[endpoint] async fn a(&self) {{}} }}"
    ))
}

#[test]
fn lists_of_arguments() {
    let found = service(&"x, ".repeat(20_000));
    assert_eq!(found.len(), 20_000);
    let found = service(&"; ".repeat(100_000));
    assert_eq!(found.len(), 1);
    let pairs: Vec<_> = (0..25_000).map(|n| format!("k{n} = \"v\"")).collect();
    let pairs = pairs.join(", ");
    assert_eq!(service(&format!("metadata({pairs})")), [""; 0]);
}

#[test]
fn values() {
    for (value, what) in [
        ("x + ".repeat(50_000), "an expression"),
        ("a::".repeat(50_000) + "b", "a path"),
        ("-".repeat(100_000), "an expression"),
    ] {
        let found = service(&format!("name = {value}"));
        let [error] = found.as_slice() else {
            panic!("{} errors", found.len());
        };
        let says = format!("`name` must be a string literal, found {what}");
        assert!(error.contains(&says), "{error:.200}");
        let found = service(&format!("register = {value}"));
        assert!(
            found[0].contains("`register` takes no value"),
            "{found:.200?}"
        );
    }
    let text = format!("\"{}{}\"", "(".repeat(5000), ")".repeat(5000));
    let found = service(&format!("crate = {text}, client = {text}"));
    assert_eq!(found.len(), 2);
    for (open, close) in [("(", ")"), ("<", ">"), ("&", "")] {
        let value = open.repeat(5000) + &close.repeat(5000);
        for key in [
            "name",
            "register",
            "crate",
            "client",
            "metadata",
            "concurrency",
        ] {
            let found = service(&format!("{key} = {value}"));
            assert!(found[0].contains(SAYS), "{found:.200?}");
            let found = endpoint(&format!("{key} = {value}"), "");
            assert!(found[0].contains(SAYS), "{found:.200?}");
        }
    }
}

#[test]
fn subjects() {
    let found = endpoint(&format!("subject = \"{}\"", "x".repeat(1_000_000)), "");
    assert!(found[0].contains("`subject` has 1000000 bytes, at most 3072 are allowed"));
    let found = endpoint(&format!("subject = \"{}\"", ".".repeat(1_000_000)), "");
    assert!(found[0].contains("`subject` has an empty token"));
    let found = endpoint(&format!("subject = \"{}\"", "{".repeat(1_000_000)), "");
    assert!(found[0].contains("unclosed `{`"));
    let found = endpoint(
        &format!("subject = \"{}\"", "{a}.".repeat(200_000) + "a"),
        "",
    );
    assert!(found[0].contains("is used twice"));
}

#[test]
fn items() {
    let members = "fn; ".repeat(10_000);
    let found = errors(&format!("#[service] impl Numbers {{ {members} }}"));
    // What cannot be read is rustc's to tell, but that there is no endpoint.
    assert_eq!(found.len(), 1);
    let variants: Vec<_> = (0..20_000).map(|n| format!("V{n}")).collect();
    let variants = variants.join(", ");
    let source = format!("#[service_error(code = 1)] enum E {{ {variants} }}");
    assert_eq!(derive_errors(&source), [""; 0]);
}

/// Types as deep as they come are as they were; deeper ones are told, and not followed.
#[test]
fn nested_types() {
    let shapes = [
        ("Vec<", ">"),
        ("(", ",)"),
        ("[", "; 1]"),
        ("&", ""),
        ("fn(", ")"),
        ("Box<dyn Fn() -> ", ">"),
        ("<", " as T>::X"),
    ];
    for (open, close) in shapes {
        for (levels, is_fine) in [(14, true), (500, false), (5000, false)] {
            let ty = open.repeat(levels) + "u8" + &close.repeat(levels);
            let sources = [
                format!("#[service] impl Numbers {{ #[endpoint] async fn a(x: {ty}) {{}} }}"),
                format!("#[service] impl Numbers {{ #[endpoint] async fn a() -> {ty} {{}} }}"),
                format!("#[service] impl Numbers<{ty}> {{ #[endpoint] async fn a() {{}} }}"),
                format!(
                    "#[service] impl Numbers {{ fn a() where {ty}: X {{}} #[endpoint] async fn b() {{}} }}"
                ),
            ];
            for source in sources {
                let found = errors(&source);
                let told = found.iter().any(|error| error.contains(SAYS));
                assert_eq!(told, !is_fine, "{open} {levels}: {found:.300?}");
            }
            let found = derive_errors(&format!("#[service_error(code = 1)] enum E {{ A({ty}) }}"));
            let told = found.iter().any(|error| error.contains(SAYS));
            assert_eq!(told, !is_fine, "{open} {levels}: {found:.300?}");
            let main = format!("async fn main(x: {ty}) -> Result<()> {{}}");
            let main = main_fn::expand(Role::Main, &"".parse().unwrap(), &main.parse().unwrap());
            // No more than the error: to print what is deep goes deep.
            let error: TokenStream = main.into_iter().take(8).collect();
            let told = error.to_string().contains(SAYS);
            assert_eq!(told, !is_fine, "{open} {levels}");
        }
    }
}

#[test]
fn nested_bodies() {
    for brackets in ["{}", "()", "[]"] {
        let (open, close) = brackets.split_at(1);
        let body = open.repeat(5000) + &close.repeat(5000);
        let source = format!(
            "#[service] impl Numbers {{ #[endpoint] async fn a(&self) {{ {body} }} make!({{}}); }}"
        );
        assert_eq!(errors(&source), [""; 0]);
    }
}
