//! Receivers, replies, payloads and conditions of every form.

use std::borrow::Cow;
use std::sync::Arc;

use micro::{Context, Error, endpoint, service};
use serde::{Deserialize, Serialize};

/// An alias of one parameter.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An optional value by another name.
pub type Maybe = Option<u8>;

/// A payload.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Pair {
    /// One.
    pub a: f64,
    /// Two.
    pub b: f64,
}

/// A service that is its own payload.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Forms(pub f64);

#[service(client(vis = pub))]
impl Forms {
    const SOMETHING_ELSE: f64 = 1.0;

    fn helper(self) -> f64 {
        self.0 + Self::SOMETHING_ELSE
    }

    #[endpoint]
    async fn reference(&self) -> f64 {
        self.helper()
    }

    #[endpoint]
    async fn shared(self: Arc<Self>) -> f64 {
        self.0
    }

    #[endpoint]
    async fn none(x: f64) -> f64 {
        x
    }

    #[endpoint]
    async fn waits(&self, mut x: f64) -> f64 {
        x += Self::none(x).await;
        x
    }

    #[endpoint]
    async fn pattern(&self, Pair { a, b }: Pair) -> f64 {
        a + b
    }

    #[endpoint]
    async fn tuple((a, b): (f64, f64)) -> (f64, f64) {
        (b, a)
    }

    #[endpoint]
    async fn unit(&self, (): ()) {}

    #[endpoint]
    #[allow(
        clippy::ignored_unit_patterns,
        clippy::unused_unit,
        reason = "written on purpose"
    )]
    async fn written_unit(&self, _: ()) -> () {}

    #[endpoint]
    async fn refusable_unit(&self, x: u8) -> Result<()> {
        if x == 0 {
            Err(Error::new(400, x))
        } else {
            Ok(())
        }
    }

    #[endpoint]
    async fn alias(&self) -> Result<f64> {
        if self.0 < 0.0 {
            return Err(Error::new(400, "negative"));
        }
        Ok(self.0)
    }

    #[endpoint]
    async fn always_ok(&self) -> micro::Result<Option<f64>> {
        Ok(Some(self.0))
    }

    #[endpoint]
    async fn own(&self, other: Self) -> Result<Self> {
        if other.0 > self.0 {
            Ok(other)
        } else {
            Err(Error::new(400, "less"))
        }
    }

    #[endpoint]
    async fn boxed(&self, x: Box<Self>) -> Vec<Self> {
        vec![*x]
    }

    #[endpoint]
    async fn borrowed_forever(&self, x: [u8; 4]) -> Cow<'static, str> {
        format!("{x:?}").into()
    }

    #[endpoint(group = "in.{tenant}", subject = "{id}")]
    async fn grouped(&self, id: u8, tenant: String) -> String {
        format!("{tenant} {id}")
    }

    #[endpoint]
    async fn headers(&self, #[header("X")] x: Maybe, #[header("Y")] y: u8) -> bool {
        x == Some(y)
    }

    #[endpoint]
    async fn ignores_all(&self, _: &Context, _: Vec<u8>, #[header("X")] _: Option<String>) {}

    #[endpoint]
    async fn context_and_string(&self, ctx: &Context, #[payload(json)] text: String) -> String {
        text + ctx.subject()
    }

    #[inline]
    #[must_use]
    #[endpoint]
    #[doc(alias = "x")]
    async fn attributed(&self, #[allow(unused_mut)] mut pair: (u8, u8)) -> u8 {
        pair.0
    }

    #[endpoint]
    #[deprecated(note = "use `none`")]
    async fn old(&self) {}

    #[endpoint]
    async fn r#type(&self, r#match: u8) -> u8 {
        r#match
    }

    #[endpoint(subject = "raw.{id}")]
    async fn r#gen(&self, id: u8, r#gen: u8, #[header("X")] r#fn: u8) -> u8 {
        r#gen + r#fn + id
    }

    #[cfg(any())]
    #[endpoint(subject = "sum")]
    async fn never(&self, missing: Missing) -> Missing {
        missing
    }

    #[endpoint(subject = "sum")]
    #[cfg(not(any()))]
    async fn sometimes(&self) {}
}

/// Whose every word has its path.
pub mod qualified {
    /// A service.
    #[derive(Clone, Copy, Debug)]
    pub struct Qualified;

    #[micro::service]
    impl Qualified {
        #[micro::endpoint]
        async fn shared(self: std::sync::Arc<Self>, ctx: &micro::Context) -> micro::Result<bool> {
            Ok(ctx.subject().is_empty())
        }
    }
}

/// That no value has.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub enum Impossible {}

/// What follows can never be reached.
#[derive(Clone, Copy, Debug)]
pub struct Pending;

#[service]
impl Pending {
    #[endpoint]
    async fn value(&self) -> Impossible {
        std::future::pending().await
    }

    #[endpoint]
    async fn result(&self, x: Impossible) -> Result<Impossible> {
        Ok(x)
    }

    #[endpoint]
    async fn error(&self) -> Result<u8, super::errors::Never> {
        std::future::pending().await
    }
}

/// All of its endpoints are left out.
#[derive(Clone, Copy, Debug)]
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
