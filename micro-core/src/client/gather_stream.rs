//! The replies to one request as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use futures_util::future::BoxFuture;

use super::gather::Opened;
use super::{Answer, CallError, Ended, Gather, GatherFailure};

impl<R, E> Gather<'_, R, E>
where
    R: Send + 'static,
    E: Send + 'static,
{
    /// The replies as they come, each an answer or a failure: for what is shown while others are
    /// still awaited, or is too much to be held together.
    ///
    /// The request is made when the stream is first polled. What ends a gather ends the stream, whether
    /// or not it is polled meanwhile, and [`GatherStream::ended`] tells why. A stream of no reply has
    /// one item, which is the error that awaiting the gather would give.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(caller: micro::Caller) {
    /// use futures_util::StreamExt as _;
    ///
    /// let call = caller.call::<_, u64, micro::Error>("cache.size", ());
    /// let mut sizes = call.gather().at_most(3).stream();
    /// while let Some(reply) = sizes.next().await {
    ///     match reply {
    ///         Ok(answer) => println!("{:?}: {}", answer.instance, answer.value),
    ///         Err(failure) => eprintln!("{:?}: {}", failure.instance, failure.error),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn stream(self) -> GatherStream<R, E> {
        GatherStream {
            state: State::Opening(Box::pin(self.open())),
            ended: None,
        }
    }
}

/// The replies to one request as they come: a [`Stream`], made by [`Gather::stream`].
///
/// When it has ended or is dropped, the subscription for the replies is gone.
#[must_use = "a stream does nothing until polled"]
pub struct GatherStream<R, E> {
    state: State<R, E>,
    ended: Option<Ended>,
}

enum State<R, E> {
    Opening(BoxFuture<'static, Result<Opened<R, E>, CallError<E>>>),
    Open { opened: Opened<R, E>, any: bool },
    Over,
}

impl<R, E> GatherStream<R, E> {
    /// Why there are no further replies; `None` until the stream has ended, and when the request
    /// could not be sent.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }
}

impl<R, E> Stream for GatherStream<R, E> {
    type Item = Result<Answer<R>, GatherFailure<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(opened) => self.state = State::Open { opened, any: false },
                    Err(error) => {
                        self.state = State::Over;
                        return Poll::Ready(Some(Err(GatherFailure::of_none(error))));
                    }
                },
                State::Open { opened, any } => {
                    let ended = match ready!(opened.poll_next(cx)) {
                        Ok(reply) => {
                            *any = true;
                            return Poll::Ready(Some(reply));
                        }
                        Err(ended) => ended,
                    };
                    let none = (!*any).then(|| GatherFailure::of_none(opened.nothing(ended)));
                    self.ended = Some(ended);
                    self.state = State::Over;
                    return Poll::Ready(none.map(Err));
                }
                State::Over => return Poll::Ready(None),
            }
        }
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
