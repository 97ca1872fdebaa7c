//! `#[derive(ServiceError)]` (misuse table J).

use super::derive;

#[test]
fn items() {
    derive(
        "#[service_error(code = 400)] enum E { A, B(u8), C { x: u8 } }",
        &[],
    );
    derive("enum E {}", &[]);
    derive("#[service_error(code = 400)] struct E { a: u8 }", &[]);
    derive("#[service_error(code = 400)] struct E(u8);", &[]);
}

#[test]
fn codes() {
    derive(
        "enum E { NotFound, #[service_error(code = 1)] B, C }",
        &[
            "1:10 variant `NotFound` has no code\n\
help: write `#[service_error(code = 404)]`, or a default on the enum",
            "1:50 variant `C` has no code\n\
help: write `#[service_error(code = 404)]`, or a default on the enum",
        ],
    );
    derive(
        r#"enum E { #[service_error(code = "x")] A }"#,
        &["1:33 `code` must be an integer literal, found a string\n\
help: write `code = 404`"],
    );
    derive(
        "enum E { #[service_error(code = 65536)] A }",
        &["1:33 `code` must be between 1 and 65535, found `65536`"],
    );
    derive(
        "enum E { #[service_error(code = -1)] A }",
        &["1:33 `code` must be between 1 and 65535, found `-1`"],
    );
    derive(
        "enum E { #[service_error(code)] A }",
        &["1:26 `code` needs a value\n\
help: write `code = 404`"],
    );
    derive(
        "#[service_error(code = 0)] enum E { A, B }",
        &["1:24 `code` must be between 1 and 65535, found `0`"],
    );
    derive("enum E { #[service_error(internal)] A }", &[]);
}

#[test]
fn arguments() {
    derive(
        "enum E { #[service_error(code = 1, kind = X)] A }",
        &["1:43 `kind` must be a string literal, found a path\n\
note: attribute arguments are read before constants are evaluated; for a value known \
only at run time use `App::service_with`"],
    );
    derive(
        r#"#[service_error(kind = "x", internal, transparent)] enum E { #[service_error(code = 1)] A }"#,
        &[
            "1:17 `kind` is an argument of a variant and not of the enum",
            "1:29 `internal` is an argument of a variant and not of the enum",
            "1:39 `transparent` is an argument of a variant and not of the enum",
        ],
    );
    derive(
        "enum E { #[service_error { code = 1 }] A }",
        &["1:26 use parentheses: `#[service_error(..)]`"],
    );
}

#[test]
fn conduct() {
    derive(
        "enum E { #[service_error(transparent)] Wrapped }",
        &["1:40 `transparent` needs exactly one field, `Wrapped` has 0"],
    );
    derive(
        "enum E { #[service_error(transparent)] Wrapped { inner: A } }",
        &[],
    );
    derive(
        "#[service_error(transparent)] struct E(A, B);",
        &["1:17 `transparent` needs exactly one field, `E` has 2"],
    );
    derive(
        "#[service_error(code = 1)] enum E { #[service_error(transparent, code = 2)] Wrapped(A) }",
        &["1:66 `code` and `transparent` cannot be combined\n\
note: the inner error has its own code, kind and message"],
    );
    derive(
        r#"enum E { #[service_error(code = 1, kind = "A")] B, #[service_error(code = 1)] A }"#,
        &[
            "1:79 two variants have the kind `A`\n\
note: the caller tells variants apart by their kinds",
            "1:36 `A` is first used here",
        ],
    );
}

#[test]
fn what_travels_is_owned() {
    let borrows = |place: &str| {
        format!(
            "{place} a service error cannot borrow\n\
             help: keep owned values in it, such as `String`\n\
             note: it outlives the request it is about"
        )
    };
    derive(
        "#[service_error(code = 1)] enum E { A(&'static str) }",
        &[&borrows("1:39")],
    );
    derive(
        "#[service_error(code = 1)] struct E { a: Vec<(u8, &'static str)> }",
        &[&borrows("1:42")],
    );
    derive(
        "#[service_error(code = 1)] enum E<'a> { A(&'a str) }",
        &[&borrows("1:35")],
    );
    // It stays where it is, and a function borrows from its caller.
    derive(
        "enum E { #[service_error(internal)] A(&'static str), \
         #[service_error(code = 1)] B(fn(&str) -> &str) }",
        &[],
    );
}

#[test]
fn one_error_for_what_is_in_the_wrong_place() {
    derive(
        "#[service_error(internal)] enum E { A, B }",
        &["1:17 `internal` is an argument of a variant and not of the enum"],
    );
    // rustc says that there is no such attribute.
    derive("#[micro::service_error(code = 1)] enum E { A }", &[]);
    derive(
        r#"#[service_error("404")] enum E { A }"#,
        &["1:17 arguments have names\nhelp: to set the code write `code = 404`"],
    );
    derive(
        "#[service_error(status = 404)] enum E { A }",
        &["1:17 unknown argument `status` in `#[service_error(..)]`\n\
help: did you mean `code`?\n\
note: accepted: `code`, `kind`, `internal`, `transparent`, `crate`"],
    );
    derive("#[service_error(code = 4u8)] enum E { A }", &[]);
    derive(
        "#[service_error(code = 404u8)] enum E { A }",
        &["1:24 `code` must be between 1 and 65535, found `404u8`"],
    );
}

#[test]
fn bounds_are_those_of_the_fields() {
    let source = "#[service_error(code = 1)] enum E<T, U> { A(Vec<T>), B(u8), \
                  #[service_error(internal)] C(U) }";
    let output = crate::error_derive::expand(source.parse().expect("tokens")).to_string();
    let output = super::dense(&output);
    for bound in [
        "T:::core::marker::Send+'static",
        "U:::core::marker::Send+'static",
        "Vec<T>:::micro::FaultField",
        "E<T,U>:::micro::FaultMessage",
    ] {
        assert!(output.contains(bound), "{bound}: {output}");
    }
    assert!(!output.contains("U:::micro::FaultField"), "{output}");
}
