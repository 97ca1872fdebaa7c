//! `#[derive(ServiceError)]` (misuse table J).

use super::derive;

#[test]
fn items() {
    derive(
        "union Numbers { a: u8 }",
        &["1:1 `ServiceError` can be derived for enums and structs, found a union"],
    );
    derive(
        "#[service_error(code = 400)] enum E<'a> { A(&'a str) }",
        &["1:37 a service error cannot borrow\n\
help: keep owned values in it, such as `String`\n\
note: it outlives the request it is about"],
    );
    derive(
        "#[service_error(code = 400)] enum E { A, B(u8), C { x: u8 } }",
        &[],
    );
    derive("enum E {}", &[]);
    derive("#[service_error(code = 400)] struct E { a: u8 }", &[]);
    derive(
        "struct E;",
        &["1:8 `E` has no code\n\
help: write `#[service_error(code = 404)]`"],
    );
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
        r#"enum E { #[service_error(code = "404")] A }"#,
        &["1:33 `code` must be an integer literal, found a string\n\
help: write `code = 404`"],
    );
    derive(
        r#"enum E { #[service_error(code = "x")] A }"#,
        &["1:33 `code` must be an integer literal, found a string\n\
help: write `code = 404`"],
    );
    derive(
        "enum E { #[service_error(code = 0)] A }",
        &["1:33 `code` must be between 1 and 65535, found `0`"],
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
        "enum E { #[service_error(404)] A }",
        &["1:26 arguments have names\n\
help: to set the code write `code = 404`"],
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
        "enum E { #[service_error(cod = 1)] A }",
        &["1:26 unknown argument `cod` in `#[service_error(..)]`\n\
help: did you mean `code`?\n\
note: accepted: `code`, `kind`, `internal`, `transparent`, `crate`"],
    );
    derive(
        "enum E { #[service_error(code = 1, code = 2)] A }",
        &[
            "1:36 duplicate argument `code`",
            "1:26 `code` is first given here",
        ],
    );
    derive(
        "enum E { #[service_error(code = 1)] #[service_error(code = 2)] A }",
        &[
            "1:37 duplicate `#[service_error(..)]` attribute\n\
help: put all arguments into one",
            "1:10 `#[service_error(..)]` is first used here",
        ],
    );
    derive(
        r#"enum E { #[service_error(code = 1, kind = "")] A }"#,
        &["1:43 `kind` cannot be empty"],
    );
    derive(
        "enum E { #[service_error(code = 1, kind = X)] A }",
        &["1:43 `kind` must be a string literal, found a path\n\
note: attribute arguments are read before constants are evaluated; for a value known \
only at run time use `App::service_with`"],
    );
    derive(
        "enum E { #[service_error(internal = true)] A }",
        &["1:37 `internal` takes no value\n\
help: write `internal`"],
    );
    derive(
        "enum E { #[service_error(code = 1, crate = a)] A }",
        &["1:36 `crate` is an argument of the enum and not of a variant"],
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
        "enum E { #[service_error(code = 1)] A { #[service_error(internal)] x: u8 } }",
        &["1:41 `#[service_error(..)]` goes on a variant, found a field"],
    );
    derive(
        "enum E { #[service_error { code = 1 }] A }",
        &["1:26 use parentheses: `#[service_error(..)]`"],
    );
}

#[test]
fn conduct() {
    derive(
        "enum E { #[service_error(transparent)] Wrapped(A, B) }",
        &["1:40 `transparent` needs exactly one field, `Wrapped` has 2"],
    );
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
        r#"enum E { #[service_error(transparent, internal, kind = "x")] Wrapped(A) }"#,
        &[
            "1:49 `kind` and `transparent` cannot be combined\n\
note: the inner error has its own code, kind and message",
            "1:39 `internal` and `transparent` cannot be combined\n\
note: the inner error has its own code, kind and message",
        ],
    );
    derive(
        r#"enum E { #[service_error(internal, kind = "x")] A }"#,
        &["1:36 `kind` and `internal` cannot be combined\n\
note: nothing but the code of an internal error is sent"],
    );
    derive(
        r#"enum E { #[service_error(code = 1, kind = "A")] B, #[service_error(code = 1)] A }"#,
        &[
            "1:79 two variants have the kind `A`\n\
note: the caller tells variants apart by their kinds",
            "1:36 `A` is first used here",
        ],
    );
    derive(
        r#"#[service_error(code = 1)] enum E { #[service_error(kind = "x")] A, #[service_error(kind = "x")] B }"#,
        &[
            "1:85 two variants have the kind `x`\n\
note: the caller tells variants apart by their kinds",
            "1:53 `x` is first used here",
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
