//! A type that does not fit is reported where it stands, and not at the calls as well.
//! Errors: 4
use micro::prelude::*;
use serde::{Deserialize, Serialize};
#[derive(Serialize, Deserialize)]
pub struct Good(u8);
pub struct Bad(u8);
#[derive(Default)]
pub struct Numbers;
#[service]
impl Numbers {
    #[endpoint]
    async fn one(&self, a: Bad) -> Good { Good(a.0) }
    #[endpoint]
    async fn two(&self, a: Good) -> Bad { Bad(a.0) }
    #[endpoint]
    async fn three(&self, a: Good) -> Result<Good, Bad> { Ok(Good(a.0)) }
    #[endpoint]
    async fn four(&self, a: Good) -> Result<Bad, micro::Error> { Ok(Bad(a.0)) }
}
#[micro::main]
async fn main() -> micro::Result<()> {
    let nats = micro::Connection::connect("nats://127.0.0.1").await?;
    let client = NumbersClient::new(&nats);
    let _ = client.one(&Bad(1)).await;
    let _ = client.two(&Good(1)).timeout(std::time::Duration::from_secs(1)).await;
    let _ = client.three(&Good(1)).await;
    let _ = client.four(&Good(1)).gather().await;
    let _ = client.four(&Good(1)).answer().await;
    App::from_args().service(Numbers).run().await
}
