//! A function: it serves one request, whichever of its endpoints that comes to, and ends.
//!
//! ```text
//! cargo run --example function
//! ```
//!
//! It says so, and waits:
//!
//! ```text
//! function 1.0.0, instance 4QNFP8FTF2KNUBA9NT4K4X
//! NATS: nats://127.0.0.1:4222 (development server inside this process: ...)
//!
//!   hello  hello  queue group q
//!   bye    bye    queue group q
//! ...
//! Serves one request, and ends.
//! Ctrl-C stops it; requests under way are answered first.
//! ```
//!
//! One `cargo run --example function -- call hello '"John"'` from another terminal has its answer, and
//! the function is gone, with exit code 0. Start two of it on a server of their own (`--nats`), and two
//! callers at the same time have an answer each: what the first does not serve, it hands on. A third is
//! told to try again, or hears that nobody serves the subject. None is left without an answer.

use micro::prelude::*;

#[derive(Default)]
struct Function;

/// Greets one person.
#[service(name = "function", version = "1.0.0")]
impl Function {
    /// Says hello.
    #[endpoint]
    async fn hello(&self, name: String) -> String {
        format!("Hello {name}, I have been waiting for you!")
    }

    /// Says goodbye.
    #[endpoint]
    async fn bye(&self, name: String) -> String {
        format!("Goodbye {name}, I was about to leave as well!")
    }
}

#[micro::main]
async fn main() -> micro::Result<()> {
    App::from_args().service(Function).once().run().await
}
