//! A mistake is one error: nothing that uses the service, its helpers or its client adds another.
//! Errors: 21

use micro::prelude::*;
use serde::{Deserialize, Serialize};
#[derive(Serialize, Deserialize)]
pub struct Good(u8);
pub struct Borrows<'a>(&'a str);
#[service]
impl<'a> Borrows<'a> {
    #[endpoint]
    async fn one(&self, a: Good) -> Good { a }
    fn helper(&self) {}
}
pub struct OnTrait;
#[service]
impl Default for OnTrait {
    #[endpoint]
    fn default() -> Self { OnTrait }
}
pub struct Store<T>(T);
#[service]
impl<T> Store<T> {
    #[endpoint]
    async fn one(&self, a: Good) -> Good { a }
}
pub struct Unsized;
#[service]
impl Unsized {
    #[endpoint]
    async fn one(&self, a: str) -> Good { Good(a.len() as u8) }
    #[endpoint]
    async fn two(&self, a: [u8]) -> Good { Good(a.len() as u8) }
    #[endpoint]
    async fn three(&self, a: dyn Iterator<Item = u8>) -> Good { Good(a.size_hint().0 as u8) }
    #[endpoint]
    fn four(&self) -> impl Future<Output = u8> { async { 1 } }
}
pub struct Inferred;
#[service]
impl Inferred {
    #[endpoint]
    async fn one(&self) -> _ { Good(1) }
    #[endpoint]
    async fn two(&self) -> Vec<_> { vec![Good(1)] }
}
pub struct Typo;
#[service]
impl Typo {
    #[endpoint]
    async fn one(&self) -> Result<u8, Missing> { Ok(1) }
}
pub struct Twice;
#[service]
impl Twice {
    #[endpoint]
    async fn one(&self) -> u8 { 1 }
    #[endpoint]
    async fn one(&self) -> u8 { 1 }
}
pub struct ClientClash;
#[service(client = ClientClash)]
impl ClientClash {
    #[endpoint]
    async fn one(&self) -> u8 { 1 }
}
pub struct Bad;
#[service]
impl Bad {
    #[endpoint]
    async fn one(&self, a: Self) -> u8 { let _ = a; 1 }
    #[endpoint]
    async fn two(&self) -> Result<u8, Box<dyn std::error::Error>> { Ok(1) }
    #[endpoint]
    async fn three(&self, a: std::rc::Rc<String>) -> u8 { let _ = a; 1 }
    #[endpoint]
    async fn four(&self) -> std::io::Result<u8> { Ok(1) }
    #[endpoint(subject = "users.:id")]
    async fn five(&self, id: u8) -> u8 { id }
    #[endpoint(subject = "x.{id}")]
    async fn six(&self, ref id: u8) -> u8 { *id }
    #[endpoint]
    async fn seven(&self, context: micro::Context) -> u8 { let _ = context; 1 }
    #[endpoint]
    async fn eight(&self, ctx: &'static Context) -> u8 { let _ = ctx; 1 }
    #[endpoint]
    async fn nine(&self, ctx: &std::sync::Arc<Context>) -> u8 { let _ = ctx; 1 }
    #[endpoint]
    async fn ten(&self, ctx: &Contxt) -> u8 { let _ = ctx; 1 }
}
#[micro::main]
async fn main() -> micro::Result<()> {
    let nats = micro::Connection::connect("nats://127.0.0.1").await?;
    let client = BorrowsClient::new(&nats);
    let _ = client.one(&Good(1)).await;
    let _ = OnTraitClient::new(&nats);
    let client = UnsizedClient::new(&nats);
    let _ = client.one("x").await;
    let _ = client.four().await;
    Borrows("x").helper();
    let _ = StoreClient::new(&nats).one(&Good(1)).await;
    let _ = InferredClient::new(&nats).one().await;
    let _ = TwiceClient::new(&nats).one().await;
    let _ = ClientClashClient::new(&nats).one().await;
    let _ = BadClient::new(&nats).four().await;
    App::from_args().service(Borrows("x")).service(OnTrait).service(Store(1)).service(Unsized).service(Inferred).service(Twice).service(Bad).service(ClientClash).run().await
}
