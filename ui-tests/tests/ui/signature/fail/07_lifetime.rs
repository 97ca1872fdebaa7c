//! E7: nothing can be borrowed from the caller.

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add<'a>(&self, name: &'a str) -> usize {
        name.len()
    }
}

// The type, its methods and its client are there all the same.
pub async fn call(client: &NumbersClient) {
    let _ = client.clone();
    let _ = <Numbers as micro::Service>::INFO;
    let _ = client.add("x").await;
}

fn main() {}
