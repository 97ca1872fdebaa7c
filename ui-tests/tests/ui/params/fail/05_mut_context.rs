//! F11: the context is shared.

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, ctx: &mut micro::Context) {
        let _ = ctx;
    }
}

// The type, its methods and its client are there all the same.
pub async fn call(client: &NumbersClient) {
    let _ = client.clone();
    let _ = <Numbers as micro::Service>::INFO;
    let _ = client.add().await;
}

fn main() {}
