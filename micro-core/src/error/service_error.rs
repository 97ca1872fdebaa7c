//! An error type that both sides share.

use std::convert::Infallible;

use super::Fault;

/// An error that an endpoint answers with and that its caller gets back as the same variant.
///
/// Derive it beside `thiserror::Error`:
///
/// ```
/// # use micro_core as micro;
/// # mod derived {
/// # use micro_core::{Fault, ServiceError};
/// #[derive(Debug, PartialEq)]
/// pub enum MathError {
///     DivideByZero { dividend: f64 },
/// }
/// # impl std::fmt::Display for MathError {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("cannot divide") }
/// # }
///
/// // What the derive writes:
/// impl ServiceError for MathError {
///     fn to_fault(&self) -> Fault {
///         match self {
///             Self::DivideByZero { dividend } => Fault::of(400, self)
///                 .kind("DivideByZero")
///                 .field("dividend", dividend),
///         }
///     }
///
///     fn from_fault(fault: &Fault) -> Option<Self> {
///         match fault.kind_str()? {
///             "DivideByZero" => Some(Self::DivideByZero {
///                 dividend: fault.get_field("dividend")?,
///             }),
///             _ => None,
///         }
///     }
/// }
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as a service error",
    label = "this error type is not a `ServiceError`",
    note = "derive it with `#[derive(ServiceError)]`, or return `micro::Error`",
    note = "`micro::Error` converts from any `std::error::Error` with `?`"
)]
pub trait ServiceError: Sized + 'static {
    /// The error as it travels.
    fn to_fault(&self) -> Fault;

    /// The error from what arrived; `None` when it is none of this type's.
    fn from_fault(fault: &Fault) -> Option<Self>;
}

/// The error of an endpoint that has none: nothing to send, nothing to recognise.
impl ServiceError for Infallible {
    fn to_fault(&self) -> Fault {
        match *self {}
    }

    fn from_fault(_: &Fault) -> Option<Self> {
        None
    }
}
