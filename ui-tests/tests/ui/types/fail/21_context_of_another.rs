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

/// Attributes see names and not types: a `&Context` is taken for `&micro::Context`. Rename your own, or
/// take it as the payload, without the `&`.
#[cfg(any())]
mod fixed {
    use micro::{Context, endpoint, service};

    pub struct Surroundings;

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, ctx: &Context) {
            let _ = (ctx, Surroundings);
        }
    }
}
