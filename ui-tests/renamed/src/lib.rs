//! Knows the framework as `micro2` only, and has macros that write services for other crates.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    rust_2018_idioms,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

pub use micro2;

/// The framework, on a path of its own.
pub mod reexport {
    pub use micro2 as micro;
}

use micro2::{ServiceError, endpoint, service, subscribe};

/// Found by the name in Cargo.toml.
#[derive(Debug, Default)]
pub struct ByName;

#[service(crate = micro2, register)]
impl ByName {
    #[endpoint]
    async fn double(&self, number: u32) -> Result<u32, Refused> {
        if number > 9 {
            return Err(Refused::TooMany { number });
        }
        Ok(number * 2)
    }

    #[subscribe("doubled.{by}", ordered_by = "by", queue_group = "others")]
    async fn doubled(&self, ctx: &micro2::Context, number: u32) -> Result<(), Refused> {
        if ctx.subject().is_empty() {
            return Err(Refused::TooMany { number });
        }
        Ok(())
    }

    #[endpoint(subject = "of.{id}")]
    async fn of(&self, ctx: &micro2::Context, id: u8, #[header("X")] x: Option<u8>) -> bool {
        ctx.subject().is_empty() && x == Some(id)
    }
}

/// Found by the same name in quotes, through the root.
#[derive(Debug)]
pub struct ByText;

#[micro2::service(crate = "::micro2")]
impl ByText {
    #[micro2::endpoint]
    async fn nothing(&self) {}

    #[micro2::subscribe("nothing.happened")]
    async fn nothing_happened(&self) {}
}

/// Found by a path of this crate.
#[derive(Debug)]
pub struct ByPath;

#[reexport::micro::service(crate = crate::reexport::micro)]
impl ByPath {
    #[reexport::micro::endpoint]
    async fn bytes(&self, #[payload(raw)] body: micro2::Bytes) -> micro2::Bytes {
        body
    }
}

/// An error of the renamed crate.
#[derive(Debug, PartialEq, Eq, ServiceError)]
#[service_error(code = 422, crate = micro2)]
pub enum Refused {
    /// With a field.
    TooMany {
        /// The number.
        number: u32,
    },
    /// As its inner error.
    #[service_error(transparent)]
    Inner(Nothing),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// An error in quotes.
#[derive(Debug, PartialEq, Eq, ServiceError)]
#[service_error(code = 404, crate = "crate::reexport::micro")]
pub struct Nothing;

impl std::fmt::Display for Nothing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nothing")
    }
}

/// A service whose every word is of this crate.
#[macro_export]
macro_rules! whole_service {
    ($(#[$attribute:meta])* $vis:vis $service:ident) => {
        $(#[$attribute])*
        $vis struct $service;

        /// Written elsewhere.
        #[$crate::micro2::service(crate = $crate::micro2, client(vis = $vis))]
        impl $service {
            /// Adds.
            #[$crate::micro2::endpoint(subject = "whole.{id}")]
            async fn add(
                &self,
                ctx: &$crate::micro2::Context,
                id: u8,
                #[header("X")] x: ::core::option::Option<u8>,
                pair: (u8, u8),
            ) -> ::core::result::Result<u8, $crate::micro2::Error> {
                let sum = pair.0 + pair.1 + id + x.unwrap_or_default();
                if ctx.subject().is_empty() {
                    return ::core::result::Result::Err($crate::micro2::Error::new(400, sum));
                }
                ::core::result::Result::Ok(sum)
            }
        }
    };
}

/// A service that the caller fills: types, literals, names, a visibility and bodies.
#[macro_export]
macro_rules! service_of {
    (
        $(#[$attribute:meta])*
        $vis:vis $service:ident: $type:ty, $name:literal, $subject:literal, $client:ident,
        $method:ident($argument:ident: $in:ty) -> $out:ty $body:block
    ) => {
        $(#[$attribute])*
        $vis struct $service;

        #[$crate::reexport::micro::service(
            name = $name,
            crate = $crate::reexport::micro,
            client(name = $client, vis = $vis),
        )]
        impl $type {
            #[$crate::reexport::micro::endpoint(subject = $subject)]
            async fn $method(&self, $argument: $in) -> $out $body
        }
    };
}

/// An impl block, as one item.
#[macro_export]
macro_rules! serve_item {
    ($item:item) => {
        #[$crate::micro2::service(crate = $crate::micro2)]
        $item
    };
}

/// Methods, token by token.
#[macro_export]
macro_rules! serve_body {
    ($service:ident { $($body:tt)* }) => {
        #[$crate::micro2::service(crate = $crate::micro2)]
        impl $service { $($body)* }
    };
}

/// An error whose every word is of this crate.
#[macro_export]
macro_rules! whole_error {
    ($(#[$attribute:meta])* $vis:vis $error:ident, $code:literal, $field:ty) => {
        $(#[$attribute])*
        #[derive($crate::micro2::ServiceError)]
        #[service_error(code = $code, crate = $crate::micro2)]
        $vis enum $error {
            /// A value.
            Value($field),
            /// A name.
            Name {
                /// The name.
                name: $field,
            },
        }

        impl ::core::fmt::Display for $error {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str("x")
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::micro2;

    #[micro2::test(crate = micro2)]
    async fn a_test_knows_the_name() -> micro2::Result<()> {
        let server = micro2::DevServer::start().await?;
        let nats = micro2::Connection::connect(&server.url()).await?;
        assert!(nats.is_connected());
        Ok(())
    }
}
