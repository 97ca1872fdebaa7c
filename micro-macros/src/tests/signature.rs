//! Signatures (misuse table E).

use super::method;

#[test]
fn kinds() {
    method(
        "pub(crate) fn add(&self) {}",
        &["3:12 endpoint `add` must be an `async fn`\n\
help: write `async fn add(..)`; or `#[endpoint(blocking)]` for a method that blocks its thread"],
    );
    method(
        "const fn add(&self) {}",
        &["3:1 endpoint `add` must be a plain `async fn`"],
    );
    method(
        "const async fn add(&self) {}",
        &["3:1 endpoint `add` must be a plain `async fn`"],
    );
    method(
        "async fn add(&self, ...) {}",
        &["3:21 endpoint `add` must be a plain `async fn`"],
    );
}

#[test]
fn blocking() {
    let blocking = |argument: &str, method: &str, expected: &[&str]| {
        let source = format!("#[service]\nimpl Numbers {{\n#[endpoint({argument})]\n{method} }}");
        super::case(&source, expected);
    };
    blocking("blocking", "fn add(&self, a: u8) -> u8 { a }", &[]);
    blocking("blocking", "fn add(self: Arc<Self>, ctx: &Context) {}", &[]);
    blocking(
        "blocking",
        "async fn add(&self) {}",
        &[
            "4:1 endpoint `add` is `blocking` and an `async fn`\n\
help: write `fn add(..)`, which runs on a thread that may block; or remove `blocking`",
            "3:12 `blocking` is said here",
        ],
    );
    blocking(
        "blocking",
        "fn add(&self) -> BoxFuture<'static, u8> {}",
        &["4:1 endpoint `add` is `blocking` and gives a future\n\
help: write `fn add(..) -> u8`; or remove `blocking` and write `async fn`"],
    );
    blocking(
        "blocking",
        "const fn add(&self) {}",
        &["4:1 endpoint `add` must be a plain `fn`"],
    );
    blocking(
        "blocking = true",
        "fn add(&self) {}",
        &["3:23 `blocking` takes no value\nhelp: write `blocking`, or leave it out"],
    );
    blocking(
        "blocking = false",
        "fn add(&self) {}",
        &["3:23 `blocking` takes no value\nhelp: write `blocking`, or leave it out"],
    );
    blocking(
        "blocking(1)",
        "fn add(&self) {}",
        &["3:20 `blocking` takes no value\nhelp: write `blocking`, or leave it out"],
    );
}

#[test]
fn receivers() {
    method(
        "async fn add(mut self) {}",
        &["3:14 endpoint `add` cannot take `self` by value\n\
help: take `&self` or `self: Arc<Self>`"],
    );
    method(
        "async fn add(self: &mut Self) {}",
        &["3:14 endpoint `add` cannot take `self: &mut Self`\n\
help: take `&self` or `self: Arc<Self>`"],
    );
    method(
        "async fn add(&'static self) {}",
        &["3:14 endpoint `add` cannot take `&'static self`\n\
help: take `&self` or `self: Arc<Self>`"],
    );
    method(
        r#"async fn add(#[header("X")] &self) {}"#,
        &["3:14 `self` cannot have `#[header]`"],
    );
    method("async fn add(&self) {}", &[]);
    method("async fn add(self: Arc<Self>) {}", &[]);
    method("async fn add(self: std::sync::Arc<Self>) {}", &[]);
    method("async fn add(self: &Self) {}", &[]);
    method("async fn add() {}", &[]);
}

#[test]
fn generics() {
    method(
        "async fn add<T: A, U>(&self) -> T {}",
        &["3:14 endpoint `add` cannot have type parameters\n\
help: make the service generic: `impl<T> Numbers<T>`\n\
note: one endpoint has one request type and one response type"],
    );
}

#[test]
fn replies() {
    method(
        "async fn add(&self) -> Vec<impl Serialize> {}",
        &["3:24 an endpoint needs a concrete response type, found `impl Serialize`"],
    );
    method(
        "async fn add(&self) -> &str {}",
        &["3:24 the response cannot be borrowed\n\
help: write `String`\n\
note: the generated client returns the same type"],
    );
    method(
        "async fn add(&self) -> Option<&[u8]> {}",
        &["3:24 the response cannot be borrowed\n\
help: write `Option<Vec<u8>>`\n\
note: the generated client returns the same type"],
    );
    method("async fn add(&self) -> Cow<'static, str> {}", &[]);
    method(
        "async fn add(&self) -> Result<&str, E> {}",
        &["3:31 the response cannot be borrowed\n\
help: write `String`\n\
note: the generated client returns the same type"],
    );
    method(
        "async fn add(&self) -> Result<Vec<&str>, impl Error> {}",
        &[
            "3:31 the response cannot be borrowed\n\
help: write `Vec<String>`\n\
note: the generated client returns the same type",
            "3:42 an endpoint needs a concrete response type, found `impl Error`",
        ],
    );
    method("async fn add(&self) -> io::Result<f64> {}", &[]);
    method("async fn add(&self) -> () {}", &[]);
    method("async fn add(&self) -> fn(&str) -> u8 {}", &[]);
}
