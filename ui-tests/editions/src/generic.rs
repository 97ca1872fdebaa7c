//! Services with parameters, and names of parameters that the macros might have used themselves.

use std::marker::PhantomData;

use micro::{Error, endpoint, service};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a service may need.
pub trait Store: Send + Sync + 'static {
    /// Something of its own.
    type Item: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Gets it.
    fn get(&self) -> Self::Item;
}

/// The client has no parameter.
#[derive(Debug)]
pub struct Hidden<S> {
    store: S,
}

#[service]
impl<S> Hidden<S>
where
    S: Store<Item = u64>,
{
    #[endpoint]
    async fn get(&self) -> u64 {
        self.store.get()
    }
}

/// The client has those of the service.
#[derive(Debug)]
pub struct Seen<T, const N: usize> {
    value: T,
    many: Option<u32>,
}

#[service]
impl<T, const N: usize> Seen<T, N>
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    #[endpoint]
    async fn get(&self) -> T {
        self.value.clone()
    }

    #[endpoint]
    async fn many(&self, value: T) -> Vec<T> {
        vec![value; N]
    }

    #[endpoint]
    async fn array(&self) -> Result<[u8; 4], Error> {
        self.many
            .map(u32::to_be_bytes)
            .ok_or_else(|| Error::new(400, "too many"))
    }
}

/// Of the service and not of its client.
pub trait Own {}

impl<S> Own for Projected<S> {}

/// Of a type that belongs to its parameter, and with bounds on `Self`.
#[derive(Debug)]
pub struct Projected<S>(S);

#[service]
impl<S: Store> Projected<S>
where
    Self: Own,
    Vec<S::Item>: Clone,
{
    #[endpoint]
    async fn get(&self) -> S::Item {
        self.0.get()
    }

    #[endpoint]
    async fn put(&self, items: Vec<S::Item>) -> Result<S::Item, Error> {
        items
            .first()
            .cloned()
            .ok_or_else(|| Error::new(404, "none"))
    }
}

impl<S: Store> Projected<S> {
    /// With what it gets from.
    #[must_use]
    pub const fn of(store: S) -> Self {
        Self(store)
    }
}

impl Store for Vec<u8> {
    type Item = Self;

    fn get(&self) -> Self::Item {
        self.clone()
    }
}

/// All the letters.
#[derive(Debug)]
#[allow(clippy::type_complexity, reason = "what is here is here for its names")]
pub struct Letters<T, E, F, R, C, S>(PhantomData<fn() -> (T, E, F, R, C, S)>);

#[service]
impl<T, E, F, R, C, S> Letters<T, E, F, R, C, S>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: micro::ServiceError + Send + 'static,
    F: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Default + Send + 'static,
    C: micro::FromRequest + 'static,
    S: std::str::FromStr + std::fmt::Display + Send + 'static,
    S::Err: std::fmt::Display,
{
    #[endpoint(subject = "all.{s}")]
    async fn all(&self, t: T, #[extract] _c: C, s: S) -> Result<R, E> {
        drop((t, s));
        Ok(R::default())
    }

    #[endpoint]
    async fn one(&self, #[header("F")] f: Option<S>, value: F) -> Vec<F> {
        drop(f);
        vec![value]
    }
}

/// One of many.
#[derive(Clone, Copy, Debug)]
pub struct Concrete<T>(pub T);

#[service(client(vis = pub(crate)))]
impl Concrete<u8> {
    #[endpoint]
    async fn get(&self) -> u8 {
        self.0
    }
}

/// In its own module, so that its bound is nobody else's.
pub mod private_bound {
    use micro::{endpoint, service};
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    trait Known: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

    impl Known for u8 {}

    struct Bound<T>(T);

    #[service]
    impl<T: Known> Bound<T> {
        #[endpoint]
        async fn get(&self, other: T) -> Vec<T> {
            vec![self.0.clone(), other]
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name() -> &'static str {
        let bound = Bound(1_u8);
        let _: &u8 = &bound.0;
        <Bound<u8> as micro::Service>::INFO.name
    }
}
