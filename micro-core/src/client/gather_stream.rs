//! The replies to one request as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

use super::ahead::{Ahead, Stop};
use super::collection::Question;
use super::gather::Reader;
use super::{Answer, CallError, Ended, Gather, GatherFailure};

impl<R, E> Gather<'_, R, E> {
    /// The replies as they come, each an answer or a failure: for what is shown while others are
    /// still awaited, or is too much to be held together.
    ///
    /// The request is made when the stream is first polled. From then on a task reads the replies: what
    /// ends a gather ends the stream, whether or not it is polled meanwhile, and [`GatherStream::ended`]
    /// tells why.
    ///
    /// What is bounded by [`at_most_bytes`](Gather::at_most_bytes) are the replies that have come and have
    /// not been taken: whoever takes them in time may have any number of bytes. One that finds no room is
    /// an item all the same, [`CallError::ReplyTooLarge`]. When a mebibyte of such items waits as well, which
    /// are a thousand and more, replies are let go of until some are taken:
    /// [`GatherStream::missed`] counts them.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(caller: micro::Caller) {
    /// use micro::GatherError;
    ///
    /// let call = caller.call::<_, u64, micro::Error>("cache.size", ());
    /// let mut sizes = call.gather().at_most(3).stream();
    /// while let Some(reply) = sizes.next().await {
    ///     match reply {
    ///         Ok(answer) => println!("{:?}: {}", answer.instance, answer.value),
    ///         Err(GatherError::Reply(failure)) => eprintln!("{:?}: {}", failure.instance, failure.error),
    ///         Err(error) => eprintln!("that is all: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn stream(self) -> GatherStream<R, E> {
        let (reader, question) = self.prepare();
        GatherStream {
            reader,
            state: match question {
                Ok(question) => State::New(Box::new(question)),
                Err(error) => State::Failed(Some(error)),
            },
            any: false,
            ended: None,
            missed: 0,
        }
    }
}

/// The replies to one request as they come: a [`Stream`], made by [`Gather::stream`].
///
/// When it has ended or is dropped, the subscription for the replies is gone.
#[must_use = "a stream does nothing until polled"]
pub struct GatherStream<R, E> {
    reader: Reader<R, E>,
    state: State<E>,
    any: bool,
    ended: Option<Ended>,
    /// Set at the end.
    missed: u64,
}

enum State<E> {
    New(Box<Question>),
    Open(Ahead),
    /// With what is still to be told.
    Failed(Option<CallError<E>>),
}

/// Why a [`GatherStream`] has no answer in this place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError<E> {
    /// One reply is no value. Others may follow.
    #[error("{}", .0.error)]
    Reply(GatherFailure<E>),
    /// There are no replies, or no more of them: the request could not be sent, nobody serves the subject,
    /// nobody has answered, or the connection was lost. Nothing follows.
    #[error("{0}")]
    Over(CallError<E>),
}

impl<R, E> GatherStream<R, E> {
    /// The next reply, or what is in its place; `None` when the stream has ended. The same as that of
    /// `StreamExt`, for whoever has no other use for that.
    pub async fn next(&mut self) -> Option<Result<Answer<R>, GatherError<E>>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Why there are no further replies; `None` until the stream has ended, and when the request
    /// could not be sent.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// How many replies were let go of, since too many of those before them had not been taken: they count
    /// for [`at_most`](Gather::at_most), and are no items. 0 for whoever takes replies as they come.
    pub fn missed(&self) -> u64 {
        match &self.state {
            State::Open(ahead) => ahead.missed(),
            State::New(_) | State::Failed(_) => self.missed,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Answer<R>, GatherError<E>>>> {
        loop {
            let ahead = match &mut self.state {
                State::Open(ahead) => ahead,
                State::Failed(error) => {
                    let Some(error) = error.take() else {
                        return Poll::Ready(None);
                    };
                    return Poll::Ready(Some(Err(GatherError::Over(error))));
                }
                State::New(_) => {
                    if let State::New(question) =
                        std::mem::replace(&mut self.state, State::Failed(None))
                    {
                        self.state = State::Open(Ahead::start(*question));
                    }
                    continue;
                }
            };
            let stop = match ready!(ahead.poll_next(cx)) {
                Ok(reply) => {
                    self.any = true;
                    let read = self.reader.read(reply).map_err(GatherError::Reply);
                    return Poll::Ready(Some(read));
                }
                Err(stop) => stop,
            };
            self.missed = ahead.missed();
            self.state = State::Failed(match stop {
                Stop::Unsent(source) => Some(self.reader.unsent(source)),
                Stop::Ended(ended) => {
                    self.ended = Some(ended);
                    (!self.any || ended == Ended::Closed).then(|| self.reader.nothing(ended))
                }
            });
        }
    }
}

impl<R, E> Stream for GatherStream<R, E> {
    type Item = Result<Answer<R>, GatherError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

// Nothing in it is pinned but what is in a box.
impl<R, E> Unpin for GatherStream<R, E> {}

impl<R, E> fmt::Debug for GatherStream<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherStream")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
