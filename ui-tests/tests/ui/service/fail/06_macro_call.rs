//! A11: endpoints that a macro would write.

use micro::service;

#[allow(unused_macros)]
macro_rules! endpoints {
    () => {
        #[micro::endpoint]
        async fn add(&self) {}
    };
}

pub struct Numbers;

#[service]
impl Numbers {
    endpoints! {}
}

// The type, its methods and its client are there all the same.
pub async fn call(client: &NumbersClient) {
    let _ = client.clone();
    let _ = <Numbers as micro::Service>::INFO;
}

fn main() {}
