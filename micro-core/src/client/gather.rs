//! One request, many replies: a builder until it is awaited.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use super::call::INSTANCE_HEADER;
use super::collection::{Collected, Collection, Content, Question, Window};
use super::deadline::Limit;
use super::reading::Reading;
use super::{Answer, Call, CallError, Ended, Outgoing};
use crate::wire::{Connection, Headers, PublishError};

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
                until: self.until,
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
/// [`at_most_bytes`](Self::at_most_bytes) does. While the future is not polled, what comes waits in the
/// client, bounded by the number alone: a [stream](Self::stream) is read whether or not it is polled.
///
/// What has come by the end is taken, though it be read just after it: some of it, when there is more than
/// 256 KiB.
///
/// When the future has finished or is dropped, the subscription for the replies is gone.
#[must_use = "a gather does nothing until awaited"]
pub struct Gather<'a, R, E> {
    call: Call<'a, R, E>,
    pub(super) window: Window,
}

impl<R, E> Gather<'_, R, E> {
    /// Ends after this many replies, failures included. Set it to the number of instances, if that
    /// is known, and nothing is waited for in vain. 0 is an error.
    pub fn at_most(mut self, replies: usize) -> Self {
        self.window.at_most = replies;
        self
    }

    /// What the replies may take of memory together, as they arrive: each its bytes, those of its subject
    /// and its headers, and something for what holds them. The values that are made of them may be
    /// larger, or smaller. A reply that does not fit in is one of the failures,
    /// [`CallError::ReplyTooLarge`], without its body, and others go on to be gathered. 64 MiB unless set;
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

    /// The same, and over by a deadline.
    pub(super) fn no_later_than(mut self, limit: Limit) -> Self {
        if limit.within < self.window.within {
            self = self.within(limit.within);
        }
        self.window.until = Some(limit.until);
        self
    }

    /// What is to be asked, or why that cannot be; and what reads the replies. Both borrow nothing.
    pub(super) fn prepare(self) -> (Reader<R, E>, Result<Question, CallError<E>>) {
        let window = self.window;
        let subject = self.call.outgoing.subject();
        let Outgoing {
            caller,
            headers,
            payload,
            mut problem,
            ..
        } = self.call.outgoing;
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
        let reader = Reader {
            connection: caller.connection().clone(),
            subject: subject.to_string(),
            window,
            reading: self.call.reading,
        };
        let question = match problem {
            Some(reason) => Err(CallError::Request {
                subject: reader.subject.clone(),
                reason,
            }),
            None => Ok(Question {
                connection: caller.connection().clone(),
                window,
                subject,
                headers,
                payload,
            }),
        };
        (reader, question)
    }

    async fn make(self) -> Result<Gathered<R, E>, CallError<E>> {
        let (reader, question) = self.prepare();
        let mut replies = reader.ask(question?).await?;
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        let ended = loop {
            let reply = match replies.next().await {
                Ok(reply) => reply,
                Err(ended) => break ended,
            };
            match reader.read(reply) {
                Ok(answer) => answers.push(answer),
                Err(failure) => failures.push(failure),
            }
        };
        if answers.is_empty() && failures.is_empty() {
            return Err(reader.nothing(ended));
        }
        Ok(Gathered {
            answers,
            failures,
            ended,
        })
    }
}

/// Makes values of the replies to one request, and errors of what is none.
pub(super) struct Reader<R, E> {
    connection: Connection,
    subject: String,
    window: Window,
    reading: Reading<R, E>,
}

impl<R, E> Reader<R, E> {
    /// Sends the request.
    pub(super) async fn ask(&self, question: Question) -> Result<Collection, CallError<E>> {
        match question.ask().await {
            Ok(Some(replies)) => Ok(replies),
            Ok(None) => Err(self.nothing(Ended::Within)),
            Err(source) => Err(self.unsent(source)),
        }
    }

    /// What it means that the request was not sent.
    pub(super) fn unsent(&self, source: PublishError) -> CallError<E> {
        CallError::Transport {
            subject: self.subject.clone(),
            source,
        }
    }

    /// What it means that no reply has come before the end.
    pub(super) fn nothing(&self, ended: Ended) -> CallError<E> {
        let subject = self.subject.clone();
        match ended {
            Ended::NoResponders => CallError::NoResponders { subject },
            Ended::Closed => self.unsent(self.connection.ended()),
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
    pub(super) fn read(&self, reply: Collected) -> Result<Answer<R>, GatherFailure<E>> {
        let took = reply.took;
        let instance = reply
            .headers
            .as_ref()
            .and_then(|headers| headers.get(INSTANCE_HEADER))
            .map(str::to_owned);
        match self.value(reply) {
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

    fn value(&self, reply: Collected) -> Result<(R, Headers), CallError<E>> {
        let subject = &self.subject;
        match reply.content {
            Content::Body(body) => {
                // A type of the program's own may panic as it is read: that is one reply's trouble.
                self.reading.read_guarded(subject, reply.headers, &body)
            }
            Content::TooLarge(bytes) => Err(CallError::ReplyTooLarge {
                subject: subject.clone(),
                bytes,
                limit_bytes: self.window.at_most_bytes,
            }),
            Content::Status(status) => Err(CallError::of_status(subject, status)),
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
    /// The replies that are no value: service errors, bodies that do not decode, and what did not fit in.
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
