//! Signatures (misuse table E).

use super::method;

#[test]
fn kinds() {
    method(
        "fn add(&self) {}",
        &["3:1 endpoint `add` must be an `async fn`\n\
help: write `async fn add(..)`; run blocking work in `tokio::task::spawn_blocking`"],
    );
    method(
        "pub(crate) fn add(&self) {}",
        &["3:12 endpoint `add` must be an `async fn`\n\
help: write `async fn add(..)`; run blocking work in `tokio::task::spawn_blocking`"],
    );
    method(
        "async unsafe fn add(&self) {}",
        &["3:7 endpoint `add` cannot be `unsafe`"],
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
        r#"async extern "C" fn add(&self) {}"#,
        &["3:7 endpoint `add` must be a plain `async fn`"],
    );
    method(
        "async fn add(&self, ...) {}",
        &["3:21 endpoint `add` must be a plain `async fn`"],
    );
    method("async fn add(&self);", &["3:20 endpoint `add` has no body"]);
}

#[test]
fn receivers() {
    method(
        "async fn add(&mut self) {}",
        &["3:14 endpoint `add` cannot take `&mut self`\n\
help: take `&self` and keep changing state in a `Mutex`, an `RwLock` or an atomic\n\
note: one service value serves all requests at once"],
    );
    method(
        "async fn add(self) {}",
        &["3:14 endpoint `add` cannot take `self` by value\n\
help: take `&self` or `self: Arc<Self>`"],
    );
    method(
        "async fn add(mut self) {}",
        &["3:14 endpoint `add` cannot take `self` by value\n\
help: take `&self` or `self: Arc<Self>`"],
    );
    method(
        "async fn add(self: Box<Self>) {}",
        &["3:14 endpoint `add` cannot take `self: Box<Self>`\n\
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
        "async fn add<T>(&self, a: T) {}",
        &["3:14 endpoint `add` cannot have type parameters\n\
help: make the service generic: `impl<T> Numbers<T>`\n\
note: one endpoint has one request type and one response type"],
    );
    method(
        "async fn add<T: A, U>(&self) -> T {}",
        &["3:14 endpoint `add` cannot have type parameters\n\
help: make the service generic: `impl<T> Numbers<T>`\n\
note: one endpoint has one request type and one response type"],
    );
    method(
        "async fn add<const N: usize>(&self, a: [u8; N]) {}",
        &["3:14 endpoint `add` cannot have const parameters"],
    );
    method(
        "async fn add<'a>(&'a self, a: &'a str) {}",
        &["3:14 endpoint `add` cannot have lifetime parameters\n\
note: requests are owned, nothing can be borrowed from the caller"],
    );
}

#[test]
fn replies() {
    method(
        "async fn add(&self) -> impl Serialize {}",
        &["3:24 an endpoint needs a concrete response type, found `impl Serialize`"],
    );
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
        "async fn add(&self) -> &'static str {}",
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
    method(
        "async fn add(&self) -> Cow<'_, str> {}",
        &["3:28 the response cannot have a lifetime\n\
note: the message is gone when the handler runs on; use owned fields"],
    );
    method("async fn add(&self) -> Cow<'static, str> {}", &[]);
    method(
        "async fn add(&self) -> Result<(), &'static str> {}",
        &["3:35 the error cannot be borrowed\n\
help: return `micro::Error` or derive `ServiceError`"],
    );
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
