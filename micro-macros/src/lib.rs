//! The attributes and derives of micro-rs. They are documented where they are used, in the
//! `micro` crate.
//!
//! The way of an input: `input`, `member` and `args` parse, `validate` makes a `model` of it and checks
//! it, `expand` writes code from the model, `clean` gives the user's item back without our
//! attributes. Errors are collected on the way and reported together; after one, the model's
//! sound parts still stand in for the service, so that nothing else turns red.

mod args;
mod clean;
mod error_derive;
mod errors;
mod expand;
mod input;
mod main_fn;
mod member;
mod model;
mod service;
#[cfg(test)]
mod tests;
mod tokens;
mod validate;

use model::Purpose;
use proc_macro::TokenStream;

/// Makes a NATS service of an `impl` block. See `micro::service`.
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    service::service(args.into(), item.into()).into()
}

/// Makes an endpoint of an `async fn` in a service. See `micro::endpoint`.
#[proc_macro_attribute]
pub fn endpoint(args: TokenStream, item: TokenStream) -> TokenStream {
    service::method(Purpose::Endpoint, &args.into(), item.into()).into()
}

/// Makes a subscriber of an `async fn` in a service. See `micro::subscribe`.
#[proc_macro_attribute]
pub fn subscribe(args: TokenStream, item: TokenStream) -> TokenStream {
    service::method(Purpose::Subscriber, &args.into(), item.into()).into()
}

/// Runs an `async fn main`. See `micro::main`.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    main_fn::expand(main_fn::Role::Main, &args.into(), &item.into()).into()
}

/// Runs an async test. See `micro::test`.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    main_fn::expand(main_fn::Role::Test, &args.into(), &item.into()).into()
}

/// Derives `micro::ServiceError`. See there.
#[proc_macro_derive(ServiceError, attributes(service_error))]
pub fn service_error(item: TokenStream) -> TokenStream {
    error_derive::expand(item.into()).into()
}
