//! A service without macros, as in the README of Go's `micro`: one endpoint, raw bytes.
//!
//! ```text
//! cargo run --example echo
//! cargo run --example echo -- call default 'hello!'
//! ```

use micro::{App, Request, ServiceBuilder};

#[micro::main]
async fn main() -> micro::Result<()> {
    let echo = ServiceBuilder::new("EchoService", "1.0.0")
        .description("answers with what it was sent")
        .base_endpoint("svc.echo", async |request: Request| {
            request.payload().clone()
        });

    App::from_args().builder(echo).run().await
}
