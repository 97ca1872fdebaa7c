//! The greeter of every microservice toolkit: a handler behind a trait, its typed client, and one
//! program that is both.
//!
//! ```text
//! cargo run --example greeter
//! cargo run --example greeter -- --run-client
//! cargo run --example greeter -- call hello '{"name":"John"}'
//! ```

use clap::Parser;
use micro::prelude::*;
use micro::{AppArgs, Error};
use serde::{Deserialize, Serialize};

/// Whom to greet.
#[derive(Debug, Serialize, Deserialize)]
pub struct HelloRequest {
    /// The name.
    pub name: String,
}

/// The greeting.
#[derive(Debug, Serialize, Deserialize)]
pub struct HelloResponse {
    /// What to say.
    pub greeting: String,
}

/// What somebody who greets has to implement.
pub trait GreeterHandler: Send + Sync + 'static {
    /// Greets a person.
    fn hello(
        &self,
        ctx: &Context,
        request: HelloRequest,
    ) -> impl Future<Output = Result<HelloResponse, Error>> + Send;
}

/// The service of any such handler.
#[derive(Debug)]
pub struct Greeter<H>(pub H);

/// Greets people.
#[service(name = "greeter", version = "1.0.0")]
impl<H: GreeterHandler> Greeter<H> {
    /// Says hello.
    #[endpoint(group = "greeter")]
    async fn hello(&self, ctx: &Context, request: HelloRequest) -> Result<HelloResponse, Error> {
        self.0.hello(ctx, request).await
    }
}

/// Greets in English.
#[derive(Debug)]
struct English;

impl GreeterHandler for English {
    async fn hello(&self, ctx: &Context, request: HelloRequest) -> Result<HelloResponse, Error> {
        if request.name.is_empty() {
            return Err(Error::new(422, "a person needs a name"));
        }
        // The context has what came beside the body: headers, and how long the caller waits.
        let word = ctx.header("X-Greeting").unwrap_or("Hello");
        let greeting = format!("{word} {}", request.name);
        Ok(HelloResponse { greeting })
    }
}

#[derive(Parser)]
#[command(name = "greeter", about = "Greets people", version = "1.0.0")]
struct Cli {
    #[command(flatten)]
    micro: AppArgs,
    /// Call the greeter that runs, instead of being one
    #[arg(long, alias = "run_client")]
    run_client: bool,
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let cli = Cli::parse();
    let app = App::with_args(cli.micro);
    if cli.run_client {
        return call(app).await;
    }
    app.service(Greeter(English)).run().await
}

/// The client's side.
async fn call(app: App) -> micro::Result<()> {
    let greeter = GreeterClient::new(app.connect().await?);
    let name = "John".to_owned();
    let response = greeter.hello(&HelloRequest { name }).await?;
    println!("{}", response.greeting);
    Ok(())
}
