//! E12: a request has one payload.
//! Errors: 2

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, a: f64, b: f64) -> f64 {
        a + b
    }
}

// The type, its methods and its client are there all the same.
pub async fn call(client: &NumbersClient) {
    let _ = client.clone();
    let _ = <Numbers as micro::Service>::INFO;
    let _ = client.add(&1.0, &2.0).await;
}

fn main() {}
