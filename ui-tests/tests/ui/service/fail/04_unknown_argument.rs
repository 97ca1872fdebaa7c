//! B1: a misspelt argument.

use micro::{endpoint, service};

pub struct Numbers;

#[service(nmae = "numbers")]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64) -> f64 {
        a
    }
}

// The type, its methods and its client are there all the same.
pub async fn call(client: &NumbersClient) {
    let _ = client.clone();
    let _ = <Numbers as micro::Service>::INFO;
    let _: Result<f64, _> = client.add(&1.0).await;
}

fn main() {}
