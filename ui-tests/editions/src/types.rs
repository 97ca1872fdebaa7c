//! A person may have types, traits and modules of any name: those of the prelude, those that the
//! macros use, and those of the primitives.
#![allow(
    dead_code,
    missing_docs,
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    reason = "what is here is here for its name"
)]

/// Crates by the names of those that generated code is made of.
pub mod core {}
pub mod std {}
pub mod alloc {}
pub mod micro {}
pub mod serde {}
pub mod inventory {}

macro_rules! payloads {
    ($($name:ident)*) => {
        $(
            #[derive(::serde::Serialize, ::serde::Deserialize)]
            pub struct $name;
        )*
    };
}

payloads! {
    Context String Vec Box Option Call Infallible Header Endpoint PhantomData Duration Caller
    bool str char u8 u16 u32 u64 usize i64 f64
}

pub enum Result {
    Ok,
    Err,
}
pub struct Ok;
pub struct Err;
pub struct Some;
pub struct None;
pub struct Arc;
pub struct Pin;
pub struct Request;
pub struct Reply;
pub struct Returned;
pub struct Probe;
pub struct Shared;
pub struct ServiceDef;
pub struct EndpointDef;
pub struct QueueGroup;
pub struct Outgoing;
pub struct Registered;
pub struct Fault;
pub trait Service {}
pub trait Shareable {}
pub trait EndpointRequest {}
pub trait EndpointResponse {}
pub trait ServiceError {}
pub trait HeaderParam {}
pub trait ReturnedValue {}
pub trait ProbeElse {}
pub trait FromHeader {}
pub trait FromSubject {}
pub trait FromRequest {}
pub trait Into {}
pub trait From {}
pub trait Clone {}
pub trait Copy {}
pub trait Debug {}
pub trait Default {}
pub trait Drop {}
pub trait Eq {}
pub trait Fn {}
pub trait FnOnce {}
pub trait Future {}
pub trait IntoFuture {}
pub trait Iterator {}
pub trait IntoIterator {}
pub trait Send {}
pub trait Sized {}
pub trait Sync {}
pub trait ToOwned {}
pub trait ToString {}
pub trait Unpin {}

#[derive(::micro::ServiceError)]
#[service_error(code = 500)]
pub enum Error {
    Some(Context),
    None {
        fault: u8,
    },
    Ok,
    Option(String, Box),
    #[service_error(transparent)]
    Err(Inner),
    #[service_error(internal)]
    Vec,
}

#[derive(::micro::ServiceError)]
#[service_error(code = 500)]
pub struct Inner;

impl ::std::fmt::Display for Error {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        f.write_str("x")
    }
}

impl ::std::fmt::Display for Inner {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        f.write_str("x")
    }
}

#[derive(::std::default::Default)]
pub struct Numbers;

#[::micro::service(
    name = "types",
    register,
    timeout = "2s",
    concurrency = 2,
    queue_group = "x",
    metadata(a = "b")
)]
impl Numbers {
    #[::micro::endpoint]
    async fn context(&self, ctx: &::micro::Context, context: Context) -> String {
        let _: &::std::primitive::str = ctx.subject();
        let _ = context;
        String
    }

    #[::micro::endpoint(subject = "option.{id}", queue_group = false, timeout = "1s")]
    async fn option(
        &self,
        id: ::std::primitive::u8,
        #[header("X")] x: ::std::option::Option<::std::string::String>,
        #[header("Y")] y: ::std::primitive::u64,
        option: Option,
    ) -> Box {
        drop((id, x, y));
        let _ = option;
        Box
    }

    #[::micro::endpoint]
    async fn vec(&self) -> Vec {
        Vec
    }

    #[::micro::endpoint]
    async fn call(self: ::std::sync::Arc<Self>, call: Call) -> Infallible {
        let _ = call;
        Infallible
    }

    #[::micro::endpoint]
    async fn error(&self) -> ::core::result::Result<u8, Error> {
        ::core::result::Result::Err(Error::None { fault: u8 })
    }

    #[::micro::endpoint]
    async fn raw(&self, #[payload(raw)] body: ::micro::Bytes) -> ::std::vec::Vec<str> {
        drop(body);
        ::std::vec![str]
    }
}

/// A service with parameters of the same names.
#[allow(clippy::type_complexity, reason = "what is here is here for its names")]
pub struct Generic<Result, Option, String>(
    ::std::marker::PhantomData<fn() -> (Result, Option, String)>,
);

#[::micro::service]
impl<Result, Option, String> Generic<Result, Option, String>
where
    Result: ::serde::Serialize + ::serde::de::DeserializeOwned + ::std::marker::Send + 'static,
    Option: ::serde::Serialize + ::serde::de::DeserializeOwned + ::std::marker::Send + 'static,
    String: 'static,
{
    #[::micro::endpoint]
    async fn get(&self, result: Result) -> ::std::vec::Vec<Option> {
        drop(result);
        ::std::vec![]
    }
}

/// A program among them.
///
/// # Errors
///
/// Never.
#[::micro::main]
pub async fn main() -> ::micro::Result<()> {
    ::core::result::Result::Ok(())
}
