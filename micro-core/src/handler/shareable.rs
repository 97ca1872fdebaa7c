//! What a type must be for one value of it to answer all requests at once.

/// What a service's type must be, because one value answers all requests at once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared between requests",
    label = "not `Send + Sync + 'static`",
    note = "use `Arc`, `Mutex` or atomics instead of `Rc`, `RefCell` or `Cell`"
)]
pub trait Shareable: Sized + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Shareable for T {}
