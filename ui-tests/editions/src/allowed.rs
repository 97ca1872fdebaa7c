//! What a person has allowed at their own item is not complained of where the macros repeat it.

use micro::{Error, ServiceError, endpoint, service};

/// In a style of its own.
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types, reason = "on purpose")]
pub struct my_service;

#[service]
impl my_service {
    #[allow(non_snake_case, reason = "on purpose")]
    #[endpoint]
    async fn getIt(&self, theThing: u8) -> u8 {
        theThing
    }

    #[allow(unused_parens, reason = "on purpose")]
    #[endpoint]
    async fn parentheses(&self, x: Vec<(u8)>, #[header("X")] y: (u8)) -> Result<(u8), (Error)> {
        if x.is_empty() {
            return Err(Error::new(400, y));
        }
        Ok(y)
    }

    #[allow(unused_parens, reason = "on purpose")]
    #[endpoint]
    async fn parenthesized(&self, x: (u8)) -> (u8) {
        x
    }

    #[allow(unused_braces, reason = "on purpose")]
    #[endpoint]
    #[rustfmt::skip]
    async fn braces(&self, x: [u8; { 4 }]) -> [u8; { 4 }] {
        x
    }

    #[allow(unused_qualifications, reason = "on purpose")]
    #[endpoint]
    async fn qualified(&self, x: std::vec::Vec<u8>) -> std::vec::Vec<u8> {
        x
    }
}

/// An error in a style of its own.
#[derive(Clone, Copy, Debug, ServiceError)]
#[allow(
    non_camel_case_types,
    non_snake_case,
    unused_braces,
    unused_parens,
    unused_qualifications,
    reason = "on purpose"
)]
#[service_error(code = 400)]
pub enum my_error {
    /// A variant.
    is_wrong {
        /// A field.
        theThing: (u8),
    },
    /// A variant.
    #[rustfmt::skip]
    braces([u8; { 4 }]),
    /// A variant.
    qualified(std::option::Option<u8>),
}

impl std::fmt::Display for my_error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no")
    }
}

mod private {
    use micro::{endpoint, service};

    #[derive(Debug)]
    pub(super) struct Unreachable;

    #[service(register)]
    impl Unreachable {
        #[endpoint]
        async fn nothing(&self) {}
    }

    impl Default for Unreachable {
        fn default() -> Self {
            Self
        }
    }

    #[deprecated(note = "for `Unreachable`")]
    pub(super) struct Old;

    #[allow(deprecated, reason = "it is still there")]
    #[service(register = Self::make, client(vis = pub))]
    impl Old {
        #[endpoint]
        async fn nothing(&self) {}

        const fn make() -> Self {
            Self
        }
    }
}

/// Its lifetime has the name that the macros give to theirs.
#[must_use]
#[allow(
    clippy::needless_lifetimes,
    reason = "what is here is here for its name"
)]
pub fn within<'__micro>(text: &'__micro str, other: &str) -> &'__micro str {
    struct Local(usize);

    #[service]
    impl Local {
        #[endpoint]
        async fn nothing(&self) -> usize {
            self.0
        }
    }

    let Local(length) = Local(other.len());
    text.get(length..).unwrap_or(text)
}
