//! Services that registered themselves with `#[service(register)]`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::error::Error;
use crate::service::{Service, ServiceBuilder};

/// The future of a service's builder.
type BuildFuture = Pin<Box<dyn Future<Output = Result<ServiceBuilder, Error>> + Send>>;

/// One type that registered itself.
#[derive(Debug)]
pub struct Registered {
    name: fn() -> &'static str,
    type_name: fn() -> &'static str,
    build: fn() -> BuildFuture,
    file: &'static str,
    line: u32,
}

impl Registered {
    /// What `#[service(register)]` submits.
    pub const fn new<S: Service>(
        build: fn() -> BuildFuture,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            name: || S::INFO.name,
            type_name: std::any::type_name::<S>,
            build,
            file,
            line,
        }
    }
}

impl fmt::Display for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}:{})", (self.type_name)(), self.file, self.line)
    }
}

inventory::collect!(Registered);

/// Builds a service by its `Default`.
pub fn build_default<S: Service + ByDefault>() -> BuildFuture {
    Box::pin(async { Ok(ServiceBuilder::of(S::by_default())) })
}

/// `Default`, with the words that a person reads where it is missing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be built by `register`",
    label = "`Default` is not implemented",
    note = "implement `Default`, or name a constructor: `register = {Self}::new`"
)]
pub trait ByDefault {
    /// The default.
    fn by_default() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> ByDefault for T {
    fn by_default() -> Self {
        Self::default()
    }
}

/// Builds a service by a function of its type.
pub fn build_with<S, F, M>(construct: F) -> BuildFuture
where
    S: Service,
    F: Construct<S, M> + Send + 'static,
    M: 'static,
{
    Box::pin(async move { Ok(ServiceBuilder::of(construct.construct().await?)) })
}

/// A function that makes a service: `fn() -> S`, or `async fn() -> Result<S, E>`.
#[diagnostic::on_unimplemented(
    message = "this function cannot build `{S}`",
    label = "not a constructor of `{S}`",
    note = "expected `fn() -> {S}` or `async fn() -> Result<{S}, E>`"
)]
pub trait Construct<S, Marker> {
    /// Makes it.
    fn construct(self) -> impl Future<Output = Result<S, Error>> + Send;
}

/// Marks a plain function.
#[derive(Debug)]
pub struct Plain;

/// Marks an async function.
#[derive(Debug)]
pub struct Fallible<Fut, E>(std::marker::PhantomData<fn() -> (Fut, E)>);

impl<S: Send, F: FnOnce() -> S + Send> Construct<S, Plain> for F {
    async fn construct(self) -> Result<S, Error> {
        Ok(self())
    }
}

impl<S, F, Fut, E> Construct<S, Fallible<Fut, E>> for F
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output = Result<S, E>> + Send,
    E: Into<Error>,
{
    async fn construct(self) -> Result<S, Error> {
        self().await.map_err(Into::into)
    }
}

/// The services that registered themselves, in the order of their names.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example() -> Result<(), micro::Error> {
/// use micro::{App, Registry};
///
/// let registry = Registry::collect()?.expect(["billing", "orders"])?;
/// App::from_args().registered(registry).await?.run().await
/// # }
/// ```
#[derive(Debug)]
pub struct Registry {
    services: Vec<&'static Registered>,
}

/// What is wrong with the services that registered themselves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There are none.
    #[error(
        "no registered service is linked into this program\nnote: a library that is only listed in Cargo.toml is not linked; add `use its_name as _;`\nnote: services register with `#[service(register)]`"
    )]
    Empty,
    /// Two have the same name.
    #[error("service `{name}` is registered twice: {first} and {second}")]
    Duplicate {
        /// The name.
        name: String,
        /// Where one of them is.
        first: String,
        /// Where the other is.
        second: String,
    },
    /// One that was expected is not there.
    #[error("expected service `{name}` is not registered; registered: {registered}")]
    Missing {
        /// The one that was expected.
        name: String,
        /// Those that are there.
        registered: String,
    },
}

impl Registry {
    /// All services that registered themselves.
    ///
    /// # Errors
    ///
    /// When there are none, or two of one name.
    pub fn collect() -> Result<Self, RegistryError> {
        Self::of(inventory::iter::<Registered>().collect())
    }

    fn of(mut services: Vec<&'static Registered>) -> Result<Self, RegistryError> {
        services.sort_by_key(|service| (service.name)());
        if services.is_empty() {
            return Err(RegistryError::Empty);
        }
        for pair in services.windows(2) {
            if let [first, second] = pair
                && (first.name)() == (second.name)()
            {
                return Err(RegistryError::Duplicate {
                    name: (first.name)().to_owned(),
                    first: first.to_string(),
                    second: second.to_string(),
                });
            }
        }
        Ok(Self { services })
    }

    /// Makes sure that these are among them: a crate that nothing refers to is not linked, and its
    /// services are silently absent.
    ///
    /// # Errors
    ///
    /// When one is not there.
    pub fn expect<'a>(
        self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RegistryError> {
        for name in names {
            if !self.names().any(|registered| registered == name) {
                return Err(RegistryError::Missing {
                    name: name.to_owned(),
                    registered: self
                        .names()
                        .map(|name| format!("`{name}`"))
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            }
        }
        Ok(self)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.services.iter().map(|service| (service.name)())
    }

    pub(super) async fn build(self) -> Result<Vec<ServiceBuilder>, Error> {
        let mut builders = Vec::with_capacity(self.services.len());
        for service in self.services {
            builders.push((service.build)().await?);
        }
        Ok(builders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(name: fn() -> &'static str, line: u32) -> &'static Registered {
        Box::leak(Box::new(Registered {
            name,
            type_name: std::any::type_name::<u8>,
            build: || Box::pin(async { Err(Error::new(500, "not built")) }),
            file: "src/a.rs",
            line,
        }))
    }

    #[test]
    fn none_is_an_error_that_says_why() {
        let error = Registry::of(Vec::new()).unwrap_err();
        assert!(error.to_string().contains("`use its_name as _;`"));
    }

    #[test]
    fn two_of_one_name_are_both_named() {
        let error = Registry::of(vec![registered(|| "a", 3), registered(|| "a", 7)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "service `a` is registered twice: `u8` (src/a.rs:3) and `u8` (src/a.rs:7)"
        );
    }

    #[test]
    fn a_missing_one_is_named() {
        let registry = Registry::of(vec![registered(|| "b", 1), registered(|| "a", 2)]).unwrap();
        assert_eq!(registry.names().collect::<Vec<_>>(), ["a", "b"]);
        let error = registry.expect(["a", "billing"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected service `billing` is not registered; registered: `a`, `b`"
        );
    }
}
