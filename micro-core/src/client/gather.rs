//! One request, many replies: a builder until it is awaited.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::call::INSTANCE_HEADER;
use super::collection::{Collected, Collection, Window};
use super::reading::Reading;
use super::{Answer, Call, CallError, Ended, Outgoing};
use crate::wire::{Headers, PublishError};

/// How many replies are kept unless the gather says otherwise: more than instances answer one
/// request, and few enough to be held in memory.
const DEFAULT_AT_MOST: usize = 1_000;

/// How large they may be together unless it says otherwise: 64 KiB for each of as many, and what a
/// program can spare.
const DEFAULT_AT_MOST_BYTES: usize = 64 * 1024 * 1024;

impl<'a, R, E> Call<'a, R, E> {
    /// Makes one request and gathers every reply to it: from each instance of a service without a
    /// queue group, or from one of each queue group on the subject.
    ///
    /// Awaited, it gives all of them together; [`stream`](Gather::stream) gives them as they come, and
    /// [`first`](Gather::first) the first that is good.
    ///
    /// Nobody can know how many will answer, nor how long the slowest takes. So it waits for the
    /// whole time, 5 s if nothing is said, rather than leave a slow instance out in silence (as
    /// ADR-47 has it for all clients). Say what you know of the services, and it ends sooner: how
    /// many there are with [`at_most`](Gather::at_most), how far their replies are apart with
    /// [`silence`](Gather::silence).
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(caller: micro::Caller) -> Result<(), micro::CallError<micro::Error>> {
    /// use std::time::Duration;
    ///
    /// let replies = caller
    ///     .call::<_, u64, micro::Error>("cache.size", ())
    ///     .gather()
    ///     .silence(Duration::from_secs(1))
    ///     .await?;
    /// let total: u64 = replies.answers.iter().map(|answer| answer.value).sum();
    /// for failure in &replies.failures {
    ///     eprintln!("{:?}: {}", failure.instance, failure.error);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn gather(self) -> Gather<'a, R, E> {
        Gather {
            window: Window {
                within: self.timeout,
                silence: None,
                at_most: DEFAULT_AT_MOST,
                at_most_bytes: DEFAULT_AT_MOST_BYTES,
            },
            call: self.header(INSTANCE_HEADER, "?"),
        }
    }
}

/// A request that gathers its replies and has not been made yet: awaiting it makes it.
///
/// It ends with what comes first: the number of replies, the silence, or the whole time. Awaiting
/// gives [`Gathered`], or an error when there is no reply at all: [`CallError::NoResponders`] at
/// once when nobody serves the subject, [`CallError::Timeout`] when nobody answers.
///
/// The replies are held in memory, and may be anybody's. Their number is bounded, 1,000 unless
/// [`at_most`](Self::at_most) says otherwise, and so is their size together, 64 MiB unless
/// [`at_most_bytes`](Self::at_most_bytes) does.
///
/// When the future has finished or is dropped, the subscription for the replies is gone.
#[must_use = "a gather does nothing until awaited"]
pub struct Gather<'a, R, E> {
    call: Call<'a, R, E>,
    window: Window,
}

impl<R, E> Gather<'_, R, E> {
    /// Ends after this many replies, failures included. Set it to the number of instances, if that
    /// is known, and nothing is waited for in vain. 0 is an error.
    pub fn at_most(mut self, replies: usize) -> Self {
        self.window.at_most = replies;
        self
    }

    /// Ends before the replies, failures included, have more bytes than this together, each with its
    /// subject and its headers: the reply that would exceed it is dropped, and [`Gathered::ended`] is
    /// [`Ended::AtMostBytes`]. When that is the first one already, it is an error. 64 MiB unless set;
    /// 0 is an error.
    pub fn at_most_bytes(mut self, bytes: usize) -> Self {
        self.window.at_most_bytes = bytes;
        self
    }

    /// Ends when no reply has come for this long. It counts from the first reply on, so that a
    /// service may take its time to answer at all. Who answers later than that is left out, and
    /// [`Gathered::ended`] is [`Ended::Silence`]; without it, the whole time is waited for.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.window.silence = Some(silence);
        self
    }

    /// How long to gather in all; unless set, as long as the call would wait for its one reply. The
    /// services are told, as with [`Call::timeout`].
    pub fn within(mut self, within: Duration) -> Self {
        self.window.within = within;
        self.call = self.call.timeout(within);
        self
    }

    /// The same, for no longer than this.
    pub(super) fn no_longer_than(self, within: Duration) -> Self {
        let within = self.window.within.min(within);
        self.within(within)
    }

    /// Makes the request. What comes of it borrows nothing.
    pub(super) fn open(
        self,
    ) -> impl Future<Output = Result<Opened<R, E>, CallError<E>>> + Send + use<R, E> {
        let to = self.call.outgoing.subject();
        let subject = to.to_string();
        let Outgoing {
            caller,
            headers,
            payload,
            mut problem,
            ..
        } = self.call.outgoing;
        let (window, reading) = (self.window, self.call.reading);
        let asks_for_none = match window {
            Window { at_most: 0, .. } => Some("`at_most(0)` asks for no reply"),
            Window {
                at_most_bytes: 0, ..
            } => Some("`at_most_bytes(0)` asks for no reply"),
            _ => None,
        };
        if let Some(none) = asks_for_none {
            problem.get_or_insert_with(|| none.to_owned());
        }
        let connection = caller.connection().clone();
        async move {
            if let Some(reason) = problem {
                return Err(CallError::Request { subject, reason });
            }
            match Collection::open(&connection, window, to, headers, payload).await {
                Ok(Some(replies)) => Ok(Opened {
                    subject,
                    replies,
                    window,
                    reading,
                }),
                Ok(None) => Err(CallError::Timeout {
                    subject,
                    after: window.within,
                }),
                Err(source) => Err(CallError::Transport { subject, source }),
            }
        }
    }

    async fn make(self) -> Result<Gathered<R, E>, CallError<E>> {
        let mut opened = self.open().await?;
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        let ended = loop {
            match opened.next().await {
                Ok(Ok(answer)) => answers.push(answer),
                Ok(Err(failure)) => failures.push(failure),
                Err(ended) => break ended,
            }
        };
        if answers.is_empty() && failures.is_empty() {
            return Err(opened.nothing(ended));
        }
        Ok(Gathered {
            answers,
            failures,
            ended,
        })
    }
}

/// What a reply is.
pub(super) type Read<R, E> = Result<Answer<R>, GatherFailure<E>>;

/// A gather whose request has been made.
pub(super) struct Opened<R, E> {
    subject: String,
    replies: Collection,
    window: Window,
    reading: Reading<R, E>,
}

impl<R, E> Opened<R, E> {
    /// The next reply, as a value or as what it is instead; or why there is none.
    pub(super) async fn next(&mut self) -> Result<Read<R, E>, Ended> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Read<R, E>, Ended>> {
        Poll::Ready(match ready!(self.replies.poll_next(cx)) {
            Ok(reply) => Ok(self.read(reply)),
            Err(ended) => Err(ended),
        })
    }

    /// What it means that no reply has come before the end.
    pub(super) fn nothing(&self, ended: Ended) -> CallError<E> {
        let subject = self.subject.clone();
        match ended {
            Ended::NoResponders => CallError::NoResponders { subject },
            Ended::Closed => CallError::Transport {
                subject,
                source: PublishError::Closed,
            },
            Ended::AtMostBytes => CallError::ReplyTooLarge {
                subject,
                limit_bytes: self.window.at_most_bytes,
            },
            Ended::AtMost | Ended::Silence | Ended::Within => CallError::Timeout {
                subject,
                after: self.window.within,
            },
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "a failure is hardly larger than an answer with its headers"
    )]
    fn read(&self, reply: Collected) -> Read<R, E> {
        let Collected { message, took } = reply;
        let headers = message.headers.map(Headers::from_inner);
        let instance = headers
            .as_ref()
            .and_then(|headers| headers.get(INSTANCE_HEADER))
            .map(str::to_owned);
        let subject = &self.subject;
        match self.reading.read(subject, headers, &message.payload) {
            Ok((value, headers)) => Ok(Answer {
                value,
                headers,
                instance,
                took,
            }),
            Err(error) => Err(GatherFailure {
                error,
                instance,
                took,
            }),
        }
    }
}

impl<'a, R, E> IntoFuture for Gather<'a, R, E>
where
    R: Send + 'static,
    E: Send + 'static,
{
    type Output = Result<Gathered<R, E>, CallError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl<R, E> fmt::Debug for Gather<'_, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather")
            .field("call", &self.call)
            .field("window", &self.window)
            .finish()
    }
}

/// The replies to one request: at least one, in the order in which they came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gathered<R, E> {
    /// The values, each with the instance that it is from.
    pub answers: Vec<Answer<R>>,
    /// The replies that are no value: service errors, and bodies that do not decode.
    pub failures: Vec<GatherFailure<E>>,
    /// Why no further replies were waited for. With [`Ended::AtMost`] and [`Ended::AtMostBytes`] there
    /// may be more.
    pub ended: Ended,
}

impl<R, E> Gathered<R, E> {
    /// The values alone.
    pub fn into_values(self) -> Vec<R> {
        let answers = self.answers.into_iter();
        answers.map(|answer| answer.value).collect()
    }
}

/// A reply that is no value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GatherFailure<E> {
    /// What it is instead.
    pub error: CallError<E>,
    /// The id of the instance that answered; `None` if the service is not one of this framework's.
    pub instance: Option<String>,
    /// The time from sending the request to having the reply.
    pub took: Duration,
}

impl<E> GatherFailure<E> {
    /// One that stands for there being no reply at all.
    pub(super) fn of_none(error: CallError<E>) -> Self {
        let took = match &error {
            CallError::Timeout { after, .. } => *after,
            _ => Duration::ZERO,
        };
        Self {
            error,
            instance: None,
            took,
        }
    }
}
