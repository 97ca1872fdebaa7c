//! One request, many replies: a builder until it is awaited.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use super::call::INSTANCE_HEADER;
use super::collection::{Collected, Collection, Window};
use super::reading::Reading;
use super::{Answer, Call, CallError, Ended, Outgoing};
use crate::wire::{Headers, PublishError};

/// How many replies are kept unless the gather says otherwise: more than instances answer one
/// request, and few enough to be held in memory.
const DEFAULT_AT_MOST: usize = 1_000;

impl<'a, R, E> Call<'a, R, E> {
    /// Makes one request and gathers every reply to it: from each instance of a service without a
    /// queue group, or from one of each queue group on the subject.
    ///
    /// (Who wants the first of them only needs nothing of this: a plain call takes the first reply
    /// and drops the others.)
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
/// The replies are held in memory. Their number is bounded, 1,000 unless [`at_most`](Self::at_most)
/// says otherwise, and the size of each by what the server accepts
/// ([`Connection::max_payload`](crate::Connection::max_payload), 1 MiB as a rule), but not their size
/// together: where strangers may answer, set a number that the memory can hold of the largest.
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

    async fn make(self) -> Result<Gathered<R, E>, CallError<E>> {
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
        if window.at_most == 0 {
            problem.get_or_insert_with(|| "`at_most(0)` asks for no reply".to_owned());
        }
        if let Some(reason) = problem {
            return Err(CallError::Request { subject, reason });
        }
        let mut gathered = Gathered {
            answers: Vec::new(),
            failures: Vec::new(),
            ended: Ended::Within,
        };
        match Collection::open(caller.connection(), window, to, headers, payload).await {
            Ok(Some(mut replies)) => {
                gathered.ended = loop {
                    match replies.next().await {
                        Ok(reply) => gathered.add(&subject, reply, &reading),
                        Err(ended) => break ended,
                    }
                };
            }
            Ok(None) => {}
            Err(source) => return Err(CallError::Transport { subject, source }),
        }
        if !gathered.is_empty() {
            return Ok(gathered);
        }
        Err(match gathered.ended {
            Ended::NoResponders => CallError::NoResponders { subject },
            Ended::Closed => CallError::Transport {
                subject,
                source: PublishError::Closed,
            },
            Ended::AtMost | Ended::Silence | Ended::Within => CallError::Timeout {
                subject,
                after: window.within,
            },
        })
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
    /// Why no further replies were waited for. With [`Ended::AtMost`] there may be more.
    pub ended: Ended,
}

impl<R, E> Gathered<R, E> {
    /// The values alone.
    pub fn into_values(self) -> Vec<R> {
        let answers = self.answers.into_iter();
        answers.map(|answer| answer.value).collect()
    }

    fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.failures.is_empty()
    }

    fn add(&mut self, subject: &str, reply: Collected, reading: &Reading<R, E>) {
        let Collected { message, took } = reply;
        let headers = message.headers.map(Headers::from_inner);
        let instance = headers
            .as_ref()
            .and_then(|headers| headers.get(INSTANCE_HEADER))
            .map(str::to_owned);
        match reading.read(subject, headers, &message.payload) {
            Ok((value, headers)) => self.answers.push(Answer {
                value,
                headers,
                instance,
                took,
            }),
            Err(error) => self.failures.push(GatherFailure {
                error,
                instance,
                took,
            }),
        }
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
