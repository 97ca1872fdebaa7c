//! How an annotated method's parameters are read and its value is written.
//!
//! One trait for each role, with the words that a person reads when a type does not fit. The
//! generated code names each trait once for each type, so that a wrong type is one error.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;
use std::str::FromStr;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Shareable;
use super::example::example;
use super::{Reply, Request};
use crate::client::Outgoing;
use crate::error::{Error, Fault};

/// A payload that both sides know: read by the endpoint, written by the generated client.
///
/// Implemented for whatever serde can write and read. On the wire it is JSON, or the bytes
/// themselves for [`Bytes`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as an endpoint request",
    label = "not serializable to and from JSON",
    note = "derive `serde::Deserialize` and `serde::Serialize` for `{Self}` (`Serialize` is for the generated client), or mark the parameter `#[extract]`, `#[header(\"..\")]` or `#[payload(raw)]`"
)]
pub trait EndpointRequest: Sized + 'static {
    /// Reads the payload of a request.
    ///
    /// # Errors
    ///
    /// The reply of code 400 that says where the fault is.
    fn decode(request: &Request) -> Result<Self, Reply>;

    /// Writes the payload of a call.
    fn write<'a>(&self, call: Outgoing<'a>) -> Outgoing<'a>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> EndpointRequest for T {
    fn decode(request: &Request) -> Result<Self, Reply> {
        request.json().map_err(|error| Reply::error(&error))
    }

    fn write<'a>(&self, call: Outgoing<'a>) -> Outgoing<'a> {
        call.json(self)
    }
}

/// A payload of an endpoint without a generated client: only read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as an endpoint request",
    label = "not deserializable from JSON",
    note = "derive `serde::Deserialize` for `{Self}`, or mark the parameter `#[extract]`, `#[header(\"..\")]` or `#[payload(raw)]`"
)]
pub trait ServerRequest: Sized + 'static {
    /// Reads the payload of a request.
    ///
    /// # Errors
    ///
    /// The reply of code 400 that says where the fault is.
    fn decode(request: &Request) -> Result<Self, Reply>;

    /// A body that could be sent, made up from the type, for people to copy.
    #[doc(hidden)]
    fn example() -> Option<String>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + 'static> ServerRequest for T {
    fn decode(request: &Request) -> Result<Self, Reply> {
        request.json().map_err(|error| Reply::error(&error))
    }

    fn example() -> Option<String> {
        example::<T>()
    }
}

/// The payload of an event: only read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as the payload of an event",
    label = "not deserializable from JSON",
    note = "derive `serde::Deserialize` for `{Self}`, or mark the parameter `#[extract]`, `#[header(\"..\")]` or `#[payload(raw)]`"
)]
pub trait EventPayload: Sized + 'static {
    /// Reads the payload of an event.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with code 400, and where.
    fn decode(event: &Request) -> Result<Self, Reply>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + 'static> EventPayload for T {
    fn decode(event: &Request) -> Result<Self, Reply> {
        event.json().map_err(|error| Reply::error(&error))
    }
}

/// A value that an endpoint answers with and that the generated client reads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as an endpoint response",
    label = "not serializable to and from JSON",
    note = "derive `serde::Serialize` and `serde::Deserialize` for `{Self}` (`Deserialize` is for the generated client)"
)]
pub trait EndpointResponse: Sized + 'static {
    /// Writes the reply.
    fn encode(&self) -> Reply;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> EndpointResponse for T {
    fn encode(&self) -> Reply {
        Reply::json(self)
    }
}

/// A value of an endpoint without a generated client: only written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as an endpoint response",
    label = "not serializable to JSON",
    note = "derive `serde::Serialize` for `{Self}`"
)]
pub trait ServerResponse: Sized + 'static {
    /// Writes the reply.
    fn encode(&self) -> Reply;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + 'static> ServerResponse for T {
    fn encode(&self) -> Reply {
        Reply::json(self)
    }
}

/// A payload that is its bytes: the type of a `#[payload(raw)]` parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a raw payload",
    label = "neither `Bytes` nor `Vec<u8>`",
    note = "use `micro::Bytes` or `Vec<u8>`"
)]
pub trait RawPayload: Sized + Send + 'static {
    /// The payload of a request.
    fn from_payload(request: &Request) -> Self;

    /// Writes the payload of a call.
    fn write<'a>(&self, call: Outgoing<'a>) -> Outgoing<'a>;
}

impl RawPayload for Bytes {
    fn from_payload(request: &Request) -> Self {
        request.payload().clone()
    }

    fn write<'a>(&self, call: Outgoing<'a>) -> Outgoing<'a> {
        call.raw(self.clone())
    }
}

impl RawPayload for Vec<u8> {
    fn from_payload(request: &Request) -> Self {
        request.payload().to_vec()
    }

    fn write<'a>(&self, call: Outgoing<'a>) -> Outgoing<'a> {
        call.raw(Bytes::copy_from_slice(self))
    }
}

/// The type of an `#[extract]` parameter: made from the request by code of yours, before the
/// handler runs.
///
/// ```
/// # use micro_core as micro;
/// use micro::{Error, FromRequest, Request};
///
/// struct User(String);
///
/// impl FromRequest for User {
///     async fn from_request(request: &Request) -> Result<Self, Error> {
///         match request.context().header("Authorization") {
///             Some(token) => Ok(Self(token.to_owned())),
///             None => Err(Error::new(401, "log in first")),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from a request",
    label = "`FromRequest` is not implemented",
    note = "implement `micro::FromRequest` for `{Self}`, or remove `#[extract]` to read it from the payload"
)]
pub trait FromRequest: Sized + Send {
    /// Makes the value, or the error that the caller gets instead of the endpoint's answer.
    fn from_request(request: &Request) -> impl Future<Output = Result<Self, Error>> + Send;

    /// As [`from_request`](Self::from_request), with the error as a reply.
    #[doc(hidden)]
    fn extract(request: &Request) -> impl Future<Output = Result<Self, Reply>> + Send {
        async move {
            Self::from_request(request)
                .await
                .map_err(|error| Reply::error(&error))
        }
    }
}

/// The type of a `{placeholder}`: one token of a subject.
///
/// Implemented for whatever is `FromStr` and `Display`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a subject",
    label = "not `FromStr` and `Display`",
    note = "implement `std::str::FromStr` and `std::fmt::Display` (for the generated client) for `{Self}`, or take `String`"
)]
pub trait FromSubject: Sized + Send + 'static {
    /// Reads the token of a request's subject.
    ///
    /// # Errors
    ///
    /// The reply of code 400 that names the placeholder.
    fn read(request: &Request, name: &str) -> Result<Self, Reply>;

    /// Writes the token of a call's subject.
    fn write<'a>(&self, call: Outgoing<'a>, name: &str) -> Outgoing<'a>;
}

#[diagnostic::do_not_recommend]
impl<T> FromSubject for T
where
    T: FromStr<Err: Display> + Display + Send + 'static,
{
    fn read(request: &Request, name: &str) -> Result<Self, Reply> {
        let token = request.context().placeholder(name).unwrap_or_default();
        token.parse().map_err(|error| {
            let what = format!("cannot read `{name}` from the subject");
            Reply::error(&Error::noting(400, format_args!("{what}: {error}"), &what))
        })
    }

    fn write<'a>(&self, call: Outgoing<'a>, name: &str) -> Outgoing<'a> {
        call.placeholder(name, &self.to_string())
    }
}

/// The type of a `#[header("..")]` parameter.
///
/// Implemented for whatever is `FromStr` and `Display`; an `Option` of one makes the header
/// optional.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a header",
    label = "not `FromStr` and `Display`",
    note = "implement `std::str::FromStr` (and `std::fmt::Display` for the client) for `{Self}`, or take `String`"
)]
pub trait FromHeader: Sized + Send + 'static {
    /// Reads the value of a header.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn from_header(value: &str) -> Result<Self, String>;

    /// Writes the value of a header.
    fn to_header(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T> FromHeader for T
where
    T: FromStr<Err: Display> + Display + Send + 'static,
{
    fn from_header(value: &str) -> Result<Self, String> {
        value.parse().map_err(|error: T::Err| error.to_string())
    }

    fn to_header(&self) -> String {
        self.to_string()
    }
}

/// A header parameter of type `T`. For `Option`s the inherent methods are found first, for
/// everything else those of [`HeaderParam`]: whether a header may be missing is decided by the
/// type, not by how it is spelled.
#[derive(Debug)]
pub struct Header<T> {
    name: &'static str,
    types: PhantomData<fn() -> T>,
}

impl<T> Header<T> {
    /// The parameter of this name.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            types: PhantomData,
        }
    }
}

impl<T> Header<Option<T>> {
    /// Reads a header that may be missing.
    ///
    /// # Errors
    ///
    /// The reply of code 400 that names the header.
    pub fn __micro_read(
        self,
        request: &Request,
        parse: ParseHeader<T>,
    ) -> Result<Option<T>, Reply> {
        request
            .context()
            .header(self.name)
            .map(|value| parse_header(self.name, value, parse))
            .transpose()
    }

    /// Writes a header that may be missing.
    pub fn __micro_write<'a>(
        self,
        value: &Option<T>,
        call: Outgoing<'a>,
        print: fn(&T) -> String,
    ) -> Outgoing<'a> {
        match value {
            Some(value) => call.header(self.name, &print(value)),
            None => call,
        }
    }
}

/// How the value of a header is read: [`FromHeader::from_header`]. It is handed in by the generated
/// code, so that a type without it is an error at the type.
type ParseHeader<T> = fn(&str) -> Result<T, String>;

/// A header parameter that must be there.
pub trait HeaderParam {
    /// What is read.
    type Value;

    /// Reads the header.
    ///
    /// # Errors
    ///
    /// The reply of code 400 that names the header.
    fn __micro_read(
        self,
        request: &Request,
        parse: fn(&str) -> Result<Self::Value, String>,
    ) -> Result<Self::Value, Reply>;

    /// Writes the header.
    fn __micro_write<'a>(
        self,
        value: &Self::Value,
        call: Outgoing<'a>,
        print: fn(&Self::Value) -> String,
    ) -> Outgoing<'a>;
}

impl<T> HeaderParam for Header<T> {
    type Value = T;

    fn __micro_read(self, request: &Request, parse: ParseHeader<T>) -> Result<T, Reply> {
        match request.context().header(self.name) {
            Some(value) => parse_header(self.name, value, parse),
            None => Err(bad_request(format_args!(
                "header `{}` is missing",
                self.name
            ))),
        }
    }

    fn __micro_write<'a>(
        self,
        value: &T,
        call: Outgoing<'a>,
        print: fn(&T) -> String,
    ) -> Outgoing<'a> {
        call.header(self.name, &print(value))
    }
}

fn parse_header<T>(name: &str, value: &str, parse: ParseHeader<T>) -> Result<T, Reply> {
    parse(value).map_err(|reason| {
        let what = format!("cannot read header `{name}`");
        Reply::error(&Error::noting(400, format_args!("{what}: {reason}"), &what))
    })
}

fn bad_request(text: impl Display) -> Reply {
    Reply::error(&Error::new(400, text))
}

/// What an endpoint returned. Its method, and those of [`Header`], have names that no trait of the
/// user's has: they are called as methods, and two of one name would be ambiguous. For `Result`s the inherent method is found first, for everything else
/// that of [`ReturnedValue`]. Neither has bounds: the generated code encodes the two sides itself, so
/// that a type that does not fit is an error at the type.
#[derive(Debug)]
pub struct Returned<T>(pub T);

impl<T, E> Returned<Result<T, E>> {
    /// The value or the error.
    ///
    /// # Errors
    ///
    /// What the endpoint returned as one.
    pub fn __micro_into_result(self) -> Result<T, E> {
        self.0
    }
}

/// What an endpoint returned that is no `Result`.
pub trait ReturnedValue {
    /// The value.
    type Value;

    /// The value.
    ///
    /// # Errors
    ///
    /// Never.
    fn __micro_into_result(self) -> Result<Self::Value, Infallible>;
}

impl<T> ReturnedValue for Returned<T> {
    type Value = T;

    fn __micro_into_result(self) -> Result<T, Infallible> {
        Ok(self.0)
    }
}

/// The reply of an endpoint that returned an error.
pub fn failure(fault: Fault) -> Reply {
    Reply::fault(fault)
}

/// The two types of a `Result`, by whatever alias it is written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `core::result::Result`",
    label = "another type of this name",
    note = "rename the type, or return `core::result::Result<T, E>`"
)]
pub trait ResultParts {
    /// The value.
    type Ok;
    /// The error.
    type Err;
}

impl<T, E> ResultParts for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// Questions to a type that are answered by which of two constants of one name is found: an inherent
/// one goes before one of [`ProbeElse`].
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T, E> Probe<Result<T, E>> {
    /// It is a `Result`, whatever it is called.
    pub const IS_RESULT: bool = true;
}

impl<T: Shareable> Probe<T> {
    /// It can be the type of a service.
    pub const IS_SHAREABLE: bool = true;
}

impl<T: ServerRequest> Probe<T> {
    /// Makes up a body.
    pub const EXAMPLE: fn() -> Option<String> = T::example;
}

impl<T: EndpointRequest> Probe<T> {
    /// Writes it into a call.
    pub const WRITE: for<'a> fn(&T, Outgoing<'a>) -> Outgoing<'a> = T::write;
}

/// [`Probe`] and [`Header`] by a path that has the type in front. Of an unknown type that is an
/// argument rustc would say something else than of the same type in a signature, and so say it twice.
pub trait Typed: Sized {
    /// Its probe.
    type Probe;
    /// A header that holds it.
    type Header;
}

impl<T> Typed for T {
    type Probe = Probe<T>;
    type Header = Header<T>;
}

/// The answers of [`Probe`] for all other types. The functions stand in for those of a type that
/// does not fit, of which the dispatch of requests complains, and nobody else has to: no program
/// that compiles has them.
pub trait ProbeElse {
    /// The type that is asked.
    type Asked;
    /// It is no `Result`.
    const IS_RESULT: bool = false;
    /// It cannot be the type of a service.
    const IS_SHAREABLE: bool = false;
    /// No body.
    const EXAMPLE: fn() -> Option<String> = || None;
    /// Writes nothing.
    const WRITE: for<'a> fn(&Self::Asked, Outgoing<'a>) -> Outgoing<'a> = |_, call| call;
}

impl<T> ProbeElse for Probe<T> {
    type Asked = T;
}

/// Stops a compile in which an endpoint returns a `Result` by another name.
///
/// # Panics
///
/// If the answer is yes, and at compile time.
#[track_caller]
pub const fn no_alias(is_result: bool) {
    assert!(
        !is_result,
        "this is an alias of `Result`: name the alias `Result` or write `Result<T, E>` so that the \
         client can see both types"
    );
}

/// The answer to whether a type can be the type of a service.
#[derive(Debug)]
pub struct Shared<const ANSWER: bool>;

/// That the answer is yes. By way of an answer and not of a bound, because rustc would report the
/// field that is not `Sync`, and each future that holds the service, instead of the service.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be shared between requests",
    label = "not `Send + Sync`",
    note = "use `Arc`, `Mutex` or atomics instead of `Rc`, `RefCell` or `Cell`"
)]
pub trait CanBeShared<T> {
    /// Something to name.
    const CHECKED: () = ();
}

impl<T> CanBeShared<T> for Shared<true> {}
