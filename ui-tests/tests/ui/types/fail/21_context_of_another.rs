//! A context that is not ours.

use micro::{endpoint, service};

pub struct Context;

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, ctx: &Context) {
        let _ = ctx;
    }
}

fn main() {}
