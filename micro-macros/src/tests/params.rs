//! Parameters, their attributes and placeholders (misuse tables E to G).

use super::{case, method};

#[test]
fn payloads() {
    method(
        "async fn add(&self, a: u8, b: u8) {}",
        &[
            "3:28 an endpoint takes one payload, `b` is the second\n\
help: put both into one struct, or mark one with `#[header(\"..\")]` or `#[extract]`",
            "3:21 `a` is the first payload",
        ],
    );
    method(
        "async fn add(&self, a: u8, #[payload(json)] b: u8) {}",
        &[
            "3:45 an endpoint takes one payload, `b` is the second\n\
help: put both into one struct, or mark one with `#[header(\"..\")]` or `#[extract]`",
            "3:21 `a` is the first payload",
        ],
    );
    method(
        "async fn add(&self, #[payload(raw)] a: Bytes, #[payload(json)] b: u8) {}",
        &[
            "3:64 an endpoint takes one payload, `b` is the second\n\
help: put both into one struct, or mark one with `#[header(\"..\")]` or `#[extract]`",
            "3:37 `a` is the first payload",
        ],
    );
    method(
        "async fn add(&self, name: &str) {}",
        &["3:27 the payload cannot be borrowed\n\
help: write `String`"],
    );
    method(
        "async fn add(&self, name: Option<&str>) {}",
        &["3:27 the payload cannot be borrowed\n\
help: write `Option<String>`"],
    );
    method(
        "async fn add(&self, data: &[u8]) {}",
        &["3:27 the payload cannot be borrowed\n\
help: write `#[payload(raw)] data: Bytes`"],
    );
    method(
        "async fn add(&self, data: &[String]) {}",
        &["3:27 the payload cannot be borrowed\n\
help: write `Vec<String>`\n\
note: only the context is taken by reference, as `&Context`"],
    );
    method(
        "async fn add(&self, q: &Query) {}",
        &["3:24 the payload cannot be borrowed\n\
help: write `Query`\n\
note: only the context is taken by reference, as `&Context`"],
    );
    method(
        "async fn add(&self, q: &mut Query) {}",
        &["3:24 the payload cannot be borrowed\n\
help: write `Query`\n\
note: only the context is taken by reference, as `&Context`"],
    );
    method(
        "async fn add(&self, req: Add<'_>) {}",
        &["3:30 the payload cannot have a lifetime\n\
note: the message is gone when the handler runs on; use owned fields"],
    );
    method(
        "async fn add(&self, req: Cow<'a, str>) {}",
        &["3:30 the payload cannot have a lifetime\n\
note: the message is gone when the handler runs on; use owned fields"],
    );
    method(
        "async fn add(&self, pair: impl Serialize) {}",
        &["3:27 a parameter of an endpoint needs a concrete type, found `impl Serialize`"],
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
        "async fn add(&self, #[payload(yaml)] a: A) {}",
        &["3:31 unknown payload kind `yaml`\n\
note: accepted: `json`, `raw`"],
    );
    method(
        "async fn add(&self, #[payload(jsn)] a: A) {}",
        &["3:31 unknown payload kind `jsn`\n\
help: did you mean `json`?\n\
note: accepted: `json`, `raw`"],
    );
    method(
        "async fn add(&self, #[payload] a: A) {}",
        &["3:21 `#[payload]` needs a kind\n\
help: write `#[payload(json)]` or `#[payload(raw)]`"],
    );
    method(
        "async fn add(&self, #[payload(json, raw)] a: A) {}",
        &["3:35 `#[payload]` takes one kind\n\
note: accepted: `json`, `raw`"],
    );
    method(
        r#"async fn add(&self, #[payload = "json"] a: A) {}"#,
        &["3:31 arguments go into parentheses: `#[payload(..)]`"],
    );
}

#[test]
fn headers() {
    method(
        r#"async fn add(&self, #[heder("X")] t: T) {}"#,
        &["3:23 unknown parameter attribute `heder`\n\
help: did you mean `header`?\n\
note: accepted: `header`, `extract`, `payload`"],
    );
    method(
        "async fn add(&self, #[serde(default)] t: T) {}",
        &["3:23 unknown parameter attribute `serde`\n\
note: accepted: `header`, `extract`, `payload`"],
    );
    method(
        "async fn add(&self, #[header] t: T) {}",
        &["3:21 `#[header]` needs a name\n\
help: write `#[header(\"X-Name\")]`"],
    );
    method(
        "async fn add(&self, #[header()] t: T) {}",
        &["3:21 `#[header]` needs a name\n\
help: write `#[header(\"X-Name\")]`"],
    );
    method(
        r#"async fn add(&self, #[header = "X"] t: T) {}"#,
        &["3:21 the name of a header goes into parentheses\n\
help: write `#[header(\"X\")]`"],
    );
    method(
        "async fn add(&self, #[header(X)] t: T) {}",
        &[
            "3:30 `#[header]` takes the name as one string literal, found a path\n\
help: write `#[header(\"X\")]`",
        ],
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
        r#"async fn add(&self, #[header("X Tenant")] t: T) {}"#,
        &[
            "3:30 header name `X Tenant` contains a character that NATS does not allow\n\
help: write `X-Tenant`\n\
note: allowed are the printable ASCII characters except `:` and space",
        ],
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
        r#"async fn add(&self, #[header("")] t: T) {}"#,
        &["3:30 a header name cannot be empty\n\
help: write `X-Name`"],
    );
    method(
        r#"async fn add(&self, #[header("Nats-Service-Error")] t: T) {}"#,
        &[
            "3:30 `Nats-Service-Error` is set on replies by the framework and never arrives with \
a request",
        ],
    );
    method(
        r#"async fn add(&self, #[header("X")] t: &str) {}"#,
        &["3:39 a header value cannot be borrowed\n\
help: write `String`"],
    );
    method(
        r#"async fn add(&self, #[header("X")] t: Option<&str>) {}"#,
        &["3:39 a header value cannot be borrowed\n\
help: write `Option<String>`"],
    );
    method(
        r#"async fn add(&self, #[header("X")] (a, b): (Header, u8)) {}"#,
        &["3:36 a `#[header]` parameter needs a plain name"],
    );
    method(
        r#"async fn add(&self, #[header("X")] #[header("Y")] t: T) {}"#,
        &["3:36 duplicate `#[header]` attribute"],
    );
    method(
        r#"async fn add(&self, #[header("X")] #[extract] t: T) {}"#,
        &["3:36 `#[header]` and `#[extract]` cannot be combined"],
    );
    method(
        r#"async fn add(&self, #[cfg(a)] #[header("X")] t: T) {}"#,
        &["3:21 a parameter of an endpoint cannot have `#[cfg]`\n\
help: put `#[cfg]` on the method"],
    );
    method(
        r#"async fn add(&self, #[allow(unused)] #[header("X")] _t: T) {}"#,
        &[],
    );
}

#[test]
fn extracts() {
    method(
        "async fn add(&self, #[extract(foo)] t: T) {}",
        &["3:31 `#[extract]` takes no arguments"],
    );
    method(
        "async fn add(&self, #[extract()] t: T) {}",
        &["3:30 `#[extract]` takes no arguments"],
    );
    method(
        r#"async fn add(&self, #[extract = "x"] t: T) {}"#,
        &["3:33 `#[extract]` takes no arguments"],
    );
    method(
        "async fn add(&self, #[extract] t: &T) {}",
        &["3:35 an extracted value cannot be borrowed\n\
help: write `T`"],
    );
    method(
        "async fn add(&self, #[extract] User { name }: User, #[extract] b: B, c: C) {}",
        &[],
    );
}

#[test]
fn contexts() {
    method(
        "async fn add(&self, ctx: &mut Context) {}",
        &["3:26 the context is taken by reference\n\
help: write `ctx: &Context`\n\
note: reply headers are set through a shared reference"],
    );
    method(
        "async fn add(&self, a: &Context, b: &micro::Context) {}",
        &[
            "3:34 an endpoint takes one context",
            "3:21 `a` is the first context",
        ],
    );
    method(
        "async fn add(&self, ctx: Context) {}",
        &["3:26 the context is taken by reference\n\
help: write `ctx: &Context`"],
    );
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
#[endpoint(subject = "h.{user}")]
async fn history(&self) {} }"#,
        &["3:22 placeholder `{user}` has no parameter\n\
help: add `user: String` to `history`"],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint(subject = "h.{user}")]
async fn history(&self, usr: String) {} }"#,
        &["3:22 placeholder `{user}` has no parameter\n\
help: rename `usr` to `user`"],
    );
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
async fn history(&self, #[header("X")] user: String) {} }"#,
        &["4:25 `user` is filled by the subject; remove `#[header]`"],
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
async fn history(&self, user: &str) {} }"#,
        &["4:31 a subject token cannot be borrowed\n\
help: write `String`"],
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
