//! A service with parameters needs no bounds of its own, and each handler that cannot be sent is told so.
//! Errors: 3

use micro::prelude::*;
pub struct Store<T>(T);
#[service]
impl<T> Store<T> {
    #[endpoint]
    async fn one(&self) -> u8 { 1 }
}
pub struct Seen<T>(T);
#[service]
impl<T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static + Clone> Seen<T> {
    #[endpoint]
    async fn one(&self, a: T) -> Vec<T> { vec![a] }
}
pub struct Rcs;
#[service]
impl Rcs {
    #[endpoint]
    async fn one(&self) -> u8 { let a = std::rc::Rc::new(1); std::future::ready(()).await; *a }
    #[endpoint]
    async fn two(&self) -> u8 { let a = std::rc::Rc::new(1); std::future::ready(()).await; *a }
}
#[micro::main]
async fn main() -> micro::Result<()> {
    let nats = micro::Connection::connect("nats://127.0.0.1").await?;
    let _: Vec<u8> = SeenClient::<u8>::new(&nats).one(&1).await?;
    App::from_args().service(Seen(1u8)).service(Store(1)).service(Store(std::rc::Rc::new(1))).run().await
}
