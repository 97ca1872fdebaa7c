//! Wrappers: what every endpoint of a service does around its own work, said once. A wrapper takes a
//! handler and is one, so wrappers nest: the outermost sees the request first and the reply last.
//!
//! ```text
//! cargo run --example wrappers
//! cargo run --example wrappers -- call upper hello
//! cargo run --example wrappers -- call -H 'X-Key: sesame' upper hello
//! ```
//!
//! The second is refused with code 401; the third answers `HELLO`. The service prints a line for each
//! of them.

use std::sync::Arc;
use std::time::Instant;

use micro::{App, Context, Error, Handler, Reply, Request, ServiceBuilder};

/// Who may call, in the header `X-Key`.
const KEY: &str = "sesame";

/// Prints what was asked, and how long the answer took.
fn logged(next: impl Handler) -> impl Handler {
    move |request: Request| {
        let subject = request.context().subject().to_owned();
        let begun = Instant::now();
        let answer = next.call(request);
        async move {
            let reply = answer.await;
            println!("{subject} took {:?}", begun.elapsed());
            reply
        }
    }
}

/// Answers those who do not have the key itself: the handler is not called.
fn guarded(next: impl Handler) -> impl Handler {
    let next = Arc::new(next);
    move |request: Request| {
        let next = Arc::clone(&next);
        async move {
            match may_call(request.context()) {
                Ok(()) => next.call(request).await,
                Err(refusal) => Reply::error(&refusal),
            }
        }
    }
}

fn may_call(context: &Context) -> Result<(), Error> {
    match context.header("X-Key") {
        Some(KEY) => Ok(()),
        Some(_) => Err(Error::new(403, "this is not the key")),
        None => Err(Error::new(401, "say the key in the header X-Key")),
    }
}

/// Adds a header to every reply.
fn signed(next: impl Handler) -> impl Handler {
    move |request: Request| {
        let answer = next.call(request);
        async move { Ok::<_, Error>(answer.await.with_header("X-Signed-By", "wrappers")?) }
    }
}

/// What is around every endpoint, in one place: logged, then guarded, then signed.
fn wrapped(handler: impl Handler) -> impl Handler {
    logged(guarded(signed(handler)))
}

async fn upper(request: Request) -> String {
    String::from_utf8_lossy(request.payload()).to_uppercase()
}

async fn reverse(request: Request) -> String {
    let text = String::from_utf8_lossy(request.payload());
    text.chars().rev().collect()
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let text = ServiceBuilder::new("text", "1.0.0")
        .description("changes text, for those who have the key")
        .endpoint("upper", wrapped(upper))
        .endpoint("reverse", wrapped(reverse));

    App::from_args().builder(text).run().await
}
