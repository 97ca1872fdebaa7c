//! Several calls under one deadline, each of which may be missing.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde::{Serialize, Serializer};
use tokio::time::timeout_at;

use super::deadline::Limit;
use super::{Answer, Call, CallError, First, Gather, Gathered};
use crate::error::{ServiceError, panic_text};
use crate::wire::PublishError;

/// Several calls under one deadline: what a page is put together from that has to answer in time,
/// whoever of those it asks is slow, broken or gone.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(users: micro::Caller, clock: micro::Caller) {
/// use std::time::Duration;
///
/// use micro::{Error, Part, Parts};
///
/// let (name, time) = Parts::within(Duration::from_millis(100))
///     .join((
///         users.call::<_, String, Error>("user.name", 7),
///         clock.call::<_, String, Error>("time.now", ()),
///     ))
///     .await;
/// if let Part::Missing(why) = &time {
///     eprintln!("no time: {why}");
/// }
/// println!("{} at {}", name.unwrap_or("somebody".to_owned()), time.unwrap_or_default());
/// # }
/// ```
///
/// What can be joined is a tuple of up to eight, each a [`Call`], a [`Gather`], a [`First`] or a future
/// with the output of one (an `async` block that makes two calls one after the other, say); or an array or
/// a `Vec` of as many as there are, all of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing is called until `join` is awaited"]
pub struct Parts {
    within: Duration,
}

impl Parts {
    /// All parts have this long, from when they are awaited on.
    pub fn within(within: Duration) -> Self {
        Self { within }
    }

    /// Makes all calls at once, and gives what has come of each when all have ended, at the latest
    /// at the deadline. There is no error: a part that is not there says why.
    ///
    /// A call that would wait longer is made to wait no longer than this, and its service is told so
    /// ([`Call::timeout`]); one with a shorter time of its own is missing after that. At the deadline a
    /// [`Gather`] gives what has come, and a [`First`] the error that tells most of those that have;
    /// either is late only if nothing has. A part that panics is missing as well, and the others are not.
    /// What no deadline can help against is a part that blocks its thread.
    pub async fn join<C: JoinParts>(self, calls: C) -> C::Parts {
        calls.join(Limit::after(self.within)).await
    }
}

impl Limit {
    async fn part<C: IntoPart>(self, call: C) -> Part<C::Value, C::Error> {
        // All of it: what makes the call, what awaits it, and what drops that.
        let part = async move { call.into_part(self).await };
        let part = AssertUnwindSafe(part).catch_unwind().await;
        part.unwrap_or_else(|panic| Part::Missing(Missing::Panicked(panic_text(panic))))
    }

    fn late<T, E>(self) -> Part<T, E> {
        Part::Missing(Missing::Late {
            subject: None,
            after: self.within,
        })
    }
}

/// What can be one of several [`Parts`]: a [`Call`], a [`Gather`], a [`First`], or a future with the
/// output of one.
pub trait IntoPart: Send {
    /// The value.
    type Value: Send;
    /// The error that the endpoint may answer with.
    type Error: Send;

    /// Makes the call, and keeps to the deadline.
    #[doc(hidden)]
    fn into_part(self, limit: Limit)
    -> impl Future<Output = Part<Self::Value, Self::Error>> + Send;
}

impl<R, E> IntoPart for Call<'_, R, E>
where
    R: Send + 'static,
    E: Send + 'static,
{
    type Value = R;
    type Error = E;

    async fn into_part(self, limit: Limit) -> Part<R, E> {
        self.no_later_than(limit).await.into()
    }
}

impl<R, E> IntoPart for Gather<'_, R, E>
where
    R: Send + 'static,
    E: Send + 'static,
{
    type Value = Gathered<R, E>;
    type Error = E;

    async fn into_part(self, limit: Limit) -> Part<Gathered<R, E>, E> {
        self.no_later_than(limit).await.into()
    }
}

impl<R, E> IntoPart for First<'_, R, E>
where
    R: Send + 'static,
    E: Send + 'static,
{
    type Value = Answer<R>;
    type Error = E;

    async fn into_part(self, limit: Limit) -> Part<Answer<R>, E> {
        self.no_later_than(limit).await.into()
    }
}

impl<F, T, E> IntoPart for F
where
    F: Future<Output = Result<T, CallError<E>>> + Send,
    T: Send,
    E: Send,
{
    type Value = T;
    type Error = E;

    async fn into_part(self, limit: Limit) -> Part<T, E> {
        match timeout_at(limit.until, self).await {
            Ok(result) => result.into(),
            Err(_) => limit.late(),
        }
    }
}

/// Several of them: a tuple of up to eight, an array, or a `Vec`.
pub trait JoinParts {
    /// A [`Part`] for each, in the same order.
    type Parts;

    /// What [`Parts::join`] does.
    #[doc(hidden)]
    fn join(self, limit: Limit) -> impl Future<Output = Self::Parts> + Send;
}

impl<C: IntoPart> JoinParts for Vec<C> {
    type Parts = Vec<Part<C::Value, C::Error>>;

    fn join(self, limit: Limit) -> impl Future<Output = Self::Parts> + Send {
        join_all(self.into_iter().map(move |call| limit.part(call)))
    }
}

impl<C: IntoPart, const N: usize> JoinParts for [C; N] {
    type Parts = [Part<C::Value, C::Error>; N];

    async fn join(self, limit: Limit) -> Self::Parts {
        let mut parts = Vec::from(self).join(limit).await.into_iter();
        // There are as many as there were calls.
        [(); N].map(|()| parts.next().unwrap_or_else(|| limit.late()))
    }
}

macro_rules! tuples {
    ($($name:ident: $call:ident),+) => {
        impl<$($call: IntoPart),+> JoinParts for ($($call,)+) {
            type Parts = ($(Part<$call::Value, $call::Error>,)+);

            async fn join(self, limit: Limit) -> Self::Parts {
                let ($($name,)+) = self;
                tokio::join!($(limit.part($name)),+)
            }
        }
    };
}

tuples!(a: A);
tuples!(a: A, b: B);
tuples!(a: A, b: B, c: C);
tuples!(a: A, b: B, c: C, d: D);
tuples!(a: A, b: B, c: C, d: D, e: E);
tuples!(a: A, b: B, c: C, d: D, e: E, f: F);
tuples!(a: A, b: B, c: C, d: D, e: E, f: F, g: G);
tuples!(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H);

/// One of several calls: its value, or why there is none.
///
/// In JSON it is `{"value": ..}` or `{"missing": ".."}`, with one of the words of
/// [`Missing::reason`]: what is missing is seen to be, and nothing of how the services are run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(bound(serialize = "T: Serialize, E: ServiceError"))]
#[must_use = "it may be missing"]
pub enum Part<T, E> {
    /// The value, just come.
    #[serde(rename = "value")]
    Fresh(T),
    /// Why there is none.
    #[serde(rename = "missing")]
    Missing(Missing<E>),
}

impl<T, E> Part<T, E> {
    /// Whether there is a value.
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Fresh(_))
    }

    /// The value, if there is one.
    pub fn fresh(self) -> Option<T> {
        match self {
            Self::Fresh(value) => Some(value),
            Self::Missing(_) => None,
        }
    }

    /// Why there is no value, if there is none.
    pub fn missing(&self) -> Option<&Missing<E>> {
        match self {
            Self::Fresh(_) => None,
            Self::Missing(why) => Some(why),
        }
    }

    /// The value, or `default` in its place.
    pub fn unwrap_or(self, default: T) -> T {
        self.fresh().unwrap_or(default)
    }

    /// The value, or what its type has in its place: `""`, `0`.
    pub fn unwrap_or_default(self) -> T
    where
        T: Default,
    {
        self.fresh().unwrap_or_default()
    }

    /// The value, or what `otherwise` makes of why there is none.
    pub fn unwrap_or_else(self, otherwise: impl FnOnce(Missing<E>) -> T) -> T {
        match self {
            Self::Fresh(value) => value,
            Self::Missing(why) => otherwise(why),
        }
    }

    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Part<U, E> {
        match self {
            Self::Fresh(value) => Part::Fresh(change(value)),
            Self::Missing(why) => Part::Missing(why),
        }
    }

    /// For `?`, where a page makes no sense without this part.
    ///
    /// # Errors
    ///
    /// Why there is no value.
    pub fn into_result(self) -> Result<T, Missing<E>> {
        match self {
            Self::Fresh(value) => Ok(value),
            Self::Missing(why) => Err(why),
        }
    }
}

impl<T, E> From<Result<T, CallError<E>>> for Part<T, E> {
    fn from(result: Result<T, CallError<E>>) -> Self {
        match result {
            Ok(value) => Self::Fresh(value),
            Err(CallError::Timeout { subject, after }) => Self::Missing(Missing::Late {
                subject: Some(subject),
                after,
            }),
            Err(error) => Self::Missing(Missing::Failed(error)),
        }
    }
}

/// Why a part is missing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing<E> {
    /// Nothing came in time. The request may have been served all the same.
    #[error("no answer{} within {after:?}", from(subject.as_deref()))]
    Late {
        /// The subject of the request; `None` for a future, which may have made several.
        subject: Option<String>,
        /// How long was waited for it.
        after: Duration,
    },
    /// The call failed.
    #[error("{0}")]
    Failed(CallError<E>),
    /// What was to make it panicked, with this text: a type of the program's own, or a future.
    #[error("the call panicked: {0}")]
    Panicked(String),
}

fn from(subject: Option<&str>) -> String {
    subject.map_or_else(String::new, |subject| format!(" from `{subject}`"))
}

impl<E: ServiceError> Missing<E> {
    /// In a word, for whoever reads the page: `late`, which an endpoint that has a timeout of its own may
    /// say as well (504); `unavailable`, when nobody serves the subject, whoever does is at its limits or
    /// stops (503), or NATS is gone; `failed`.
    pub fn reason(&self) -> &'static str {
        let error = match self {
            Self::Late { .. } => return "late",
            Self::Panicked(_) => return "failed",
            Self::Failed(error) => error,
        };
        match (error, error.code()) {
            (CallError::Timeout { .. }, _) | (_, Some(504)) => "late",
            (
                CallError::NoResponders { .. }
                | CallError::Transport {
                    source: PublishError::Lost | PublishError::Closed,
                    ..
                },
                _,
            )
            | (_, Some(503)) => "unavailable",
            _ => "failed",
        }
    }
}

impl<E: ServiceError> Serialize for Missing<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.reason())
    }
}
