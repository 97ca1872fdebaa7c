//! Services in modules, two in one, on a path, in a function; of private types.

use micro::{endpoint, service};

/// A module.
pub mod m {
    /// A service whose impl is elsewhere.
    #[derive(Clone, Copy, Debug)]
    pub struct Numbers;

    /// Deeper.
    pub mod inner {
        use micro::{endpoint, service};

        /// A service.
        #[derive(Clone, Copy, Debug)]
        pub struct Nested;

        #[service(client(vis = pub(super)))]
        impl Nested {
            #[endpoint]
            async fn add(&self, x: super::Alias) -> super::Alias {
                x
            }
        }
    }

    type Alias = u8;
}

#[service]
impl m::Numbers {
    #[endpoint]
    async fn add(&self) {}
}

/// The second of the module.
#[derive(Clone, Copy, Debug)]
pub struct Other;

#[service(client(name = OtherCaller, vis = pub(self)))]
impl Other {
    #[endpoint]
    async fn add(&self) {}
}

/// Private requests, replies and errors behind a public client.
pub mod private {
    use micro::{ServiceError, endpoint, service};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Copy, Serialize, Deserialize)]
    struct Pair {
        a: f64,
        b: f64,
    }

    #[derive(Clone, Copy, Serialize, Deserialize)]
    struct Sum(f64);

    #[derive(Debug, thiserror::Error, ServiceError)]
    #[error("no")]
    #[service_error(code = 400)]
    struct Overflow;

    /// A public service.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Numbers;

    #[service(client(vis = pub))]
    impl Numbers {
        #[endpoint]
        async fn add(&self, pair: Pair) -> Sum {
            Sum(pair.a + pair.b)
        }

        #[endpoint]
        async fn checked(&self, pair: Pair) -> Result<Sum, Overflow> {
            if pair.a > pair.b {
                return Err(Overflow);
            }
            Ok(Sum(pair.a))
        }
    }

    /// A private service with a client of no visibility, which nobody uses.
    struct Hidden;

    #[service(client(name = HiddenCaller, vis = pub(self)))]
    impl Hidden {
        #[endpoint]
        async fn add(&self, pair: Pair) -> Sum {
            Sum(pair.a + pair.b)
        }
    }

    /// What it is called.
    #[must_use]
    pub fn hidden() -> &'static str {
        let Hidden = Hidden;
        <Hidden as micro::Service>::INFO.name
    }
}

/// A service that nobody else can name.
#[must_use]
pub fn local() -> &'static str {
    struct Local;

    #[service]
    impl Local {
        #[endpoint]
        async fn add(&self) -> u8 {
            1
        }
    }

    let Local = Local;
    <Local as micro::Service>::INFO.name
}
