//! Endpoints and services under a condition.

#![deny(warnings)]

use micro::{Service, endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn always(&self) {}

    #[cfg(any())]
    #[endpoint(subject = "sum")]
    async fn never(&self, missing: Missing) -> Missing {
        missing
    }

    #[endpoint(subject = "sum")]
    #[cfg(not(any()))]
    async fn sometimes(&self) {}
}

pub struct Empty;

#[service]
impl Empty {
    #[cfg(any())]
    #[endpoint]
    async fn never(&self) {}
}

#[service]
#[cfg(any())]
impl Missing {
    #[endpoint]
    async fn add(&self) {}
}

fn main() {
    assert_eq!(Numbers::ENDPOINTS.len(), 2);
    assert!(Empty::ENDPOINTS.is_empty());
}
