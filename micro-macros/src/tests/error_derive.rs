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
