//! A10: nothing to serve.

use micro::service;

pub struct Numbers;

#[service]
impl Numbers {
    pub fn add(&self) {}
}

// The type, its methods and its client are there all the same.
pub async fn call(client: &NumbersClient) {
    let _ = client.clone();
    let _ = <Numbers as micro::Service>::INFO;
    Numbers.add();
}

fn main() {}
