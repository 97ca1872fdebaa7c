//! Three types that do not fit are three errors.
//! Errors: 3

use micro::{endpoint, service};

pub struct Pair;
pub struct Sum;
pub struct Foo;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, pair: Pair) {
        let _ = pair;
    }

    #[endpoint]
    async fn sum(&self) -> Sum {
        Sum
    }

    #[endpoint]
    async fn foo(&self, #[header("X-Foo")] foo: Foo) {
        let _ = foo;
    }
}

pub async fn call(numbers: &NumbersClient) {
    let _ = numbers.clone();
}

fn main() {}
