//! Parameters, their attributes and placeholders (misuse tables E to G).

use super::{case, dense, expanded, method, method_source};

#[test]
fn payloads() {
    method(
        "async fn add(&self, a: u8, #[payload(json)] b: u8) {}",
        &[
            "3:45 an endpoint takes one payload, `b` is the second\n\
help: put both into one struct, or mark one with `#[header(\"..\")]` or `#[extract]`",
            "3:21 `a` is the first payload",
        ],
    );
    method(
        "async fn add(&self, name: Option<&str>) {}",
        &["3:27 the payload cannot be borrowed\n\
help: write `Option<String>`"],
    );
    method(
        "async fn add(&self, data: &[String]) {}",
        &["3:27 the payload cannot be borrowed\n\
help: write `Vec<String>`\n\
note: only the context is taken by reference, as `&Context`"],
    );
    method(
        "async fn add(&self, q: &mut Query) {}",
        &["3:24 the payload cannot be borrowed\n\
help: write `Query`\n\
note: only the context is taken by reference, as `&Context`"],
    );
    method(
        "async fn add(&self, req: Cow<'a, str>) {}",
        &["3:30 the payload cannot have a lifetime\n\
note: the message is gone when the handler runs on; use owned fields"],
    );
    method("async fn add(&self, Pair { a, b }: Pair) {}", &[]);
    method("async fn add(&self, mut pair: Pair) {}", &[]);
    method("async fn add(&self, _: ()) {}", &[]);
    method(
        "async fn add(&self, #[payload(raw)] data: &[u8]) {}",
        &["3:43 the payload cannot be borrowed\n\
help: write `#[payload(raw)] data: Bytes`"],
    );
    method(
        "async fn add(&self, #[payload(jsn)] a: A) {}",
        &["3:31 unknown payload kind `jsn`\n\
help: did you mean `json`?\n\
note: accepted: `json`, `raw`"],
    );
    method(
        r#"async fn add(&self, #[payload = "json"] a: A) {}"#,
        &["3:31 arguments go into parentheses: `#[payload(..)]`"],
    );
}

#[test]
fn what_is_not_known_is_reported_once() {
    // Of two payloads neither is held to what a payload needs.
    let two = expanded(&method_source(
        "async fn add(&self, state: State, pair: Pair) {}",
    ));
    assert!(!dense(&two).contains("EndpointRequest"), "{two}");
    // A misspelt marker is none that is missing.
    let unknown = "help: did you mean `header`?\nnote: accepted: `header`, `extract`, `payload`";
    method(
        "async fn add(&self, #[heder(\"X\")] x: String, pair: Pair) {}",
        &[&format!(
            "3:23 unknown parameter attribute `heder`\n{unknown}"
        )],
    );
    let accepted = "note: accepted: `header`, `extract`, `payload`";
    method(
        "async fn add(&self, #[query] q: Q, #[body] b: B) {}",
        &[
            &format!("3:23 unknown parameter attribute `query`\n{accepted}"),
            &format!("3:38 unknown parameter attribute `body`\n{accepted}"),
        ],
    );
    case(
        "#[service]\nimpl Numbers { #[endpoint(subject = \"h.{id}\")]\nasync fn h(&self, &id: &u32) {} }",
        &["3:19 the parameter of placeholder `{id}` needs a plain name\nhelp: write `id: u32`"],
    );
}

#[test]
fn headers() {
    method(
        "async fn add(&self, #[serde(default)] t: T) {}",
        &["3:23 unknown parameter attribute `serde`\n\
note: accepted: `header`, `extract`, `payload`"],
    );
    method(
        "async fn add(&self, #[header()] t: T) {}",
        &["3:21 `#[header]` needs a name\n\
help: write `#[header(\"X-Name\")]`"],
    );
    method(
        "async fn add(&self, #[header(5)] t: T) {}",
        &[
            "3:30 `#[header]` takes the name as one string literal, found an integer\n\
help: write `#[header(\"5\")]`",
        ],
    );
    method(
        r#"async fn add(&self, #[header("a", "b")] t: T) {}"#,
        &[
            "3:30 `#[header]` takes the name as one string literal, found an expression\n\
help: write `#[header(\"X-Name\")]`",
        ],
    );
    method(
        "async fn add(&self, #[header(X-Tenant)] t: T) {}",
        &[
            "3:30 `#[header]` takes the name as one string literal, found an expression\n\
help: write `#[header(\"X-Tenant\")]`",
        ],
    );
    method(
        r#"async fn add(&self, #[header(name = "X")] t: T) {}"#,
        &[
            "3:30 `#[header]` takes the name as one string literal, found an expression\n\
help: write `#[header(\"X\")]`",
        ],
    );
    method(r#"async fn add(&self, #[header("X",)] t: T) {}"#, &[]);
    method(
        r#"async fn add(&self, #[header["X"]] t: T) {}"#,
        &["3:29 use parentheses: `#[header(..)]`"],
    );
    method(
        r#"async fn add(&self, #[header("X:Y")] t: T) {}"#,
        &[
            "3:30 header name `X:Y` contains a character that NATS does not allow\n\
help: write `X-Y`\n\
note: allowed are the printable ASCII characters except `:` and space",
        ],
    );
    method(
        r#"async fn add(&self, #[header("X")] t: Option<&str>) {}"#,
        &["3:39 a header value cannot be borrowed\n\
help: write `Option<String>`"],
    );
    method(
        r#"async fn add(&self, #[allow(unused)] #[header("X")] _t: T) {}"#,
        &[],
    );
}

#[test]
fn extracts() {
    method(
        "async fn add(&self, #[extract()] t: T) {}",
        &["3:30 `#[extract]` takes no arguments"],
    );
    method(
        r#"async fn add(&self, #[extract = "x"] t: T) {}"#,
        &["3:33 `#[extract]` takes no arguments"],
    );
    method(
        "async fn add(&self, #[extract] User { name }: User, #[extract] b: B, c: C) {}",
        &[],
    );
}

#[test]
fn contexts() {
    method(
        "async fn add(&self, c: micro::Context) {}",
        &["3:24 the context is taken by reference\n\
help: write `c: &Context`"],
    );
    method("async fn add(&self, context: Context) {}", &[]);
    method("async fn add(&self, ctx: &Context, pair: Pair) {}", &[]);
    method("async fn add(&self, _: &Context, pair: Pair) {}", &[]);
}

#[test]
fn placeholders() {
    case(
        r#"#[service]
impl Numbers {
#[endpoint(group = "h.{user}", subject = "x")]
async fn history(&self, q: Query) {} }"#,
        &["3:20 placeholder `{user}` has no parameter\n\
help: add `user: String` to `history`"],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint(subject = "h.{user}")]
async fn history(&self, #[extract] user: String) {} }"#,
        &["4:25 `user` is filled by the subject; remove `#[extract]`"],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint(subject = "h.{user}")]
async fn history(&self, user: &Context) {} }"#,
        &["3:22 placeholder `{user}` has no parameter\n\
help: add `user: String` to `history`"],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint(subject = "h.{user}")]
async fn history(&self, _user: String, q: Query) {} }"#,
        &[],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint(group = "h.{user}", subject = "x.{day}")]
async fn history(&self, day: u8, user: String, q: Query) {} }"#,
        &[],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint(subject = "h.*")]
async fn history(&self, id: String, q: Query) {} }"#,
        &["3:22 name the wildcard: a subject cannot contain `*`\n\
help: write `h.{id}` and add a parameter `id`"],
    );
}
