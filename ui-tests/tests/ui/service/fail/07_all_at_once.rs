//! Mistakes of every kind, in the attributes, the signatures and the types, are reported at once.
//! Errors: 13
use micro::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Good(u8);
pub struct Bad(u8);

#[derive(Default)]
pub struct Numbers;

#[service(nmae = "numbers")]
impl Numbers {
    #[endpoint(que_group = "x")]
    async fn one(&self, a: Bad) -> Good { Good(a.0) }
    #[endpoint]
    async fn two(&self, a: Good) -> Bad { Bad(a.0) }
    #[endpoint]
    async fn three(&self, a: &str) -> Bad { Bad(a.len() as u8) }
    #[endpoint]
    fn four(&self, a: Bad) -> Result<Good, String> { Ok(Good(a.0)) }
    #[endpoint]
    async fn five(&self, a: Good) -> Result<Good, String> { self.helper(); Ok(a) }
    #[endpoint(subject = "a b")]
    async fn six(&self, #[header("X")] a: Bad) -> Good { Good(a.0) }
    #[endpoint(subject = "a..{id}")]
    async fn seven(&self, id: Bad) -> Good { Good(id.0) }
    fn helper(&self) {}
}

#[micro::main]
async fn main() -> micro::Result<()> {
    Numbers.helper();
    let nats = micro::Connection::connect("nats://127.0.0.1").await?;
    let client = NumbersClient::new(&nats);
    let _ = client.one(&Bad(1)).await;
    let _ = client.three("x").await;
    App::from_args().service(Numbers).run().await
}
