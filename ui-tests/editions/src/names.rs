//! A person may have macros, functions, methods and constants of any name in scope, and endpoints
//! and parameters too.

use micro::{Context, endpoint, service, subscribe};
use serde::{Deserialize, Serialize};

#[allow(unused_macros, reason = "what is here is here for its name")]
mod shadowing {
    macro_rules! shadow {
        ($dollar:tt $($name:ident)*) => {
            $(
                macro_rules! $name {
                    ($dollar($dollar any:tt)*) => {
                        compile_error!("generated code has called a macro of the user's")
                    };
                }
            )*
        };
    }

    shadow! { $
        assert assert_eq cfg column concat debug_assert env file format format_args include_str
        line matches module_path option_env panic print println stringify thread_local todo
        unimplemented unreachable vec write writeln submit
    }

    use super::{Alias, Context, Pair, endpoint, service, subscribe};

    /// A service among macros of these names.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Macros;

    #[service(register)]
    impl Macros {
        #[endpoint(subject = "of.{id}", timeout = "1s")]
        async fn of(
            &self,
            ctx: &Context,
            id: u8,
            #[header("X")] x: Option<u8>,
            body: Pair,
        ) -> Option<Pair> {
            if ctx.subject().is_empty() || x == Some(id) {
                return None;
            }
            Some(body)
        }

        #[endpoint]
        async fn aliased(&self) -> Alias {}

        #[subscribe(
            "of.{id}.done",
            ordered_by = "id",
            concurrency = 2,
            metadata(key = "value")
        )]
        async fn done(
            &self,
            ctx: &Context,
            id: u8,
            #[header("X")] x: Option<u8>,
            body: Pair,
        ) -> Result<(), Refused> {
            if ctx.subject().is_empty() || x == Some(id) {
                return Err(Refused::One(body.field));
            }
            Ok(())
        }
    }

    /// An error among them.
    #[derive(Clone, Copy, Debug, micro::ServiceError)]
    #[service_error(code = 400)]
    pub enum Refused {
        /// One.
        One(u8),
        /// Two.
        Two {
            /// A field.
            field: u8,
        },
    }

    impl std::fmt::Display for Refused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("x")
        }
    }
}

pub use shadowing::{Macros, MacrosClient, Refused};

/// Not a result.
pub type Alias = ();

/// A payload.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Pair {
    /// A field.
    pub field: u8,
}

/// Functions, constants and statics.
#[allow(dead_code, reason = "what is here is here for its name")]
pub mod functions {
    use super::{Context, Pair, endpoint, service};

    macro_rules! functions {
        ($($name:ident)*) => {
            $(
                const fn $name(this: u8) -> u8 {
                    this
                }
            )*
        };
    }

    functions! {
        any_payload block_on build_default build_with call caller clone decode drop error encode f
        failure fault file from into into_result line nats new no_payload pin read reply request
        service size_of types value with write
    }

    /// A service among them.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Functions;

    #[service(register = make)]
    impl Functions {
        #[endpoint(subject = "of.{id}")]
        async fn of(
            &self,
            ctx: &Context,
            id: u8,
            #[header("X")] x: Option<u8>,
            body: Pair,
        ) -> Option<Pair> {
            if ctx.subject().is_empty() || x == Some(id) {
                return None;
            }
            Some(body)
        }
    }

    const fn make() -> Functions {
        Functions
    }
}

/// Traits in scope that every type has, with methods that come before those of a reference.
#[allow(
    dead_code,
    unused_variables,
    clippy::new_ret_no_self,
    clippy::wrong_self_convention,
    reason = "what is here is here for its name"
)]
pub mod methods {
    use super::{Context, Pair, endpoint, service};

    macro_rules! methods {
        ($($name:ident)*) => {
            /// Of every type.
            pub trait Everything: Sized {
                $(
                    /// Never called.
                    fn $name(self, one: u8, two: u8, three: u8, four: u8) -> [[u8; 4]; 4] {
                        unreachable!()
                    }
                )*
            }

            impl<T> Everything for T {}
        };
    }

    methods! {
        await_ borrow call cause clone context debug_struct decode deref encode extract
        field field_json finish fmt from from_fault from_header from_payload from_request
        from_value header hidden into into_future item item_json json json_field json_item
        json_value kind kind_str message named new of pin placeholder raw
        source then to_fault to_header to_owned to_string to_value try_into value value_json
        with
    }

    /// Of every type, as functions.
    pub trait Functions {
        /// An unused function.
        #[must_use]
        fn new() -> [u8; 2] {
            [0; 2]
        }

        /// An unused function.
        #[must_use]
        fn named() -> [u8; 2] {
            [0; 2]
        }

        /// An unused constant.
        const INFO: [u8; 2] = [0; 2];
        /// An unused constant.
        const ENDPOINTS: [u8; 2] = [0; 2];
        /// An unused constant.
        const CHECKED: [u8; 2] = [0; 2];
    }

    impl<T> Functions for T {}

    /// A service that has them, too.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Methods;

    impl Methods {
        /// Not that of the trait.
        pub const INFO: u8 = 1;
        /// Not that of the trait.
        pub const ENDPOINTS: u8 = 1;
    }

    #[service(register, timeout = "1s", queue_group = "x")]
    impl Methods {
        #[endpoint(subject = "of.{id}")]
        async fn of(
            &self,
            ctx: &Context,
            id: u8,
            #[header("X")] x: Option<u8>,
            body: Pair,
        ) -> Result<Pair, Refused> {
            if ctx.subject().is_empty() || x == Some(id) {
                return Err(Refused::One(1));
            }
            Ok(body)
        }

        #[endpoint]
        async fn raw(
            &self,
            #[header("X")] x: u8,
            #[payload(raw)] body: micro::Bytes,
        ) -> micro::Bytes {
            if x == 1 {
                return micro::Bytes::new();
            }
            body
        }
    }

    /// An error among them.
    #[derive(Clone, Copy, Debug, micro::ServiceError)]
    #[service_error(code = 400)]
    pub enum Refused {
        /// One.
        One(u8),
        /// Two.
        Two(u8, u8),
        /// Named.
        Named {
            /// A field.
            field: u8,
        },
        /// Inner.
        #[service_error(transparent)]
        Inner(super::Refused),
        /// Secret.
        #[service_error(internal)]
        Secret,
    }

    impl std::fmt::Display for Refused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("x")
        }
    }
}

/// Endpoints and parameters with the names of what is generated beside them.
pub mod own {
    use super::{Deserialize, Serialize, endpoint, service};

    /// A service.
    #[derive(Clone, Copy, Debug)]
    pub struct Own;

    #[allow(
        clippy::wrong_self_convention,
        reason = "what is here is here for its name"
    )]
    #[service(client(vis = pub(crate)))]
    impl Own {
        #[endpoint]
        async fn clone(&self, nats: u8) -> u8 {
            nats
        }

        #[endpoint]
        async fn fmt(&self, f: u8) -> u8 {
            f
        }

        #[endpoint]
        async fn caller(&self, caller: u8) -> u8 {
            caller
        }

        #[endpoint]
        async fn call(&self, call: u8, #[header("X")] value: u8) -> u8 {
            call ^ value
        }

        #[endpoint(subject = "drop.{service}")]
        async fn drop(&self, request: u8, service: u8) -> u8 {
            request ^ service
        }

        #[endpoint]
        async fn into(&self, reply: u8) -> Result<u8, micro::Error> {
            let error = 2;
            if reply == error {
                Err(micro::Error::new(400, error))
            } else {
                Ok(reply)
            }
        }

        #[endpoint]
        async fn default(request: u8) -> u8 {
            request
        }

        #[endpoint]
        async fn types(&self, #[header("A")] _: u8, #[header("B")] header: u8, _: u8) -> u8 {
            header
        }

        #[endpoint]
        async fn eq(&self, payload: Self, #[header("B")] _: u8) -> Self {
            payload
        }

        #[endpoint]
        async fn to_owned(&self) -> String {
            String::new()
        }

        #[endpoint]
        async fn poll(&self) {}

        #[endpoint]
        async fn from(&self, into: u8) -> u8 {
            into
        }
    }

    impl Serialize for Own {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
    }

    impl<'de> Deserialize<'de> for Own {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            <()>::deserialize(deserializer).map(|()| Self)
        }
    }
}

/// Endpoints with the names of the methods that the client has by its traits, and the service has not.
#[deny(clippy::same_name_method)]
#[allow(missing_copy_implementations, missing_debug_implementations)]
pub mod same {
    use super::{endpoint, service};

    /// A service.
    pub struct Same;

    #[service]
    impl Same {
        #[endpoint]
        async fn clone(&self) {}

        #[endpoint]
        async fn fmt(&self) {}
    }
}
