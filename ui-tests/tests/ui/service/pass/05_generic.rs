//! Generic services: with a where clause, with a constant, and with a client that has to be
//! generic too.

#![deny(warnings)]

use micro::{endpoint, service};
use serde::{Serialize, de::DeserializeOwned};

pub trait Store: Send + Sync + 'static {
    fn get(&self) -> u64;
}

pub struct Hidden<S> {
    store: S,
}

#[service]
impl<S> Hidden<S>
where
    S: Store,
{
    #[endpoint]
    async fn get(&self) -> u64 {
        self.store.get()
    }
}

pub struct Seen<T, const N: usize> {
    value: T,
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
    async fn checked(&self) -> Result<Vec<T>, micro::Error> {
        Ok(vec![])
    }
}

struct Memory;

impl Store for Memory {
    fn get(&self) -> u64 {
        1
    }
}

pub struct Concrete<T>(pub T);

#[service(client(vis = pub(crate)))]
impl Concrete<u8> {
    #[endpoint]
    async fn get(&self) -> u8 {
        self.0
    }
}

fn main() {
    assert_eq!(<Hidden<Memory> as micro::Service>::INFO.name, "Hidden");
    assert_eq!(<Seen<u8, 3> as micro::Service>::ENDPOINTS.len(), 3);
    let _ = |hidden: HiddenClient, seen: SeenClient<u8, 3>| async move {
        let number: u64 = hidden.get().await.unwrap();
        let values: Vec<u8> = seen.many(&1).await.unwrap();
        (number, values)
    };
}
