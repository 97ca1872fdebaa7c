//! Two endpoints that one request would reach.
//! Errors: 2

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint(subject = "of.{id}")]
    async fn of(&self, id: u64) -> u64 {
        id
    }

    #[endpoint(subject = "of.all")]
    async fn all(&self) {}
}

// The type, its methods and its client are there all the same.
pub async fn call(client: &NumbersClient) {
    let _ = client.clone();
    let _ = <Numbers as micro::Service>::INFO;
    let _ = client.of(&1).await;
}

fn main() {}
