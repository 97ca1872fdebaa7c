//! The first good answer of many.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use super::deadline::Limit;
use super::{Answer, Call, CallError, Gather};

/// How much of its whole time it waits for a good answer behind a reply that is none, unless it is told.
const SILENCE_SHARE: u32 = 5;

impl<'a, R, E> Call<'a, R, E> {
    /// Makes one request and takes the first good answer to it, from whichever instance: a hedge
    /// against the one that is slow, or broken, at this moment. The other replies are dropped.
    ///
    /// Each instance of a service without a queue group does the work, and one of each queue group on
    /// the subject: that is the price. (A plain call takes the first reply as well, but even if that
    /// is an error.)
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # async fn example(caller: micro::Caller) -> Result<(), micro::CallError<micro::Error>> {
    /// let call = caller.call::<_, String, micro::Error>("time.now", ());
    /// let first = call.first().at_most(3).await?;
    /// println!("{} from {:?} after {:?}", first.value, first.instance, first.took);
    /// # Ok(()) }
    /// ```
    pub fn first(self) -> First<'a, R, E> {
        self.gather().first()
    }
}

impl<'a, R, E> Gather<'a, R, E> {
    /// The first good answer alone.
    pub fn first(self) -> First<'a, R, E> {
        First { gather: self }
    }
}

/// A request whose first good answer is wanted, and that has not been made yet: awaiting it makes it.
///
/// # Errors
///
/// When what ends it comes before a good answer. Of the errors that came instead it is the one that
/// tells most: the endpoint's own before another of a service, one that finds fault with the request
/// (4xx) before one of the service's own trouble, and last a reply that cannot be read; of two alike, the
/// first. Without any, it is the error that awaiting the gather gives.
///
/// Nobody can know whether another will answer once there have been errors. It waits for that as long as
/// nothing comes for a fifth of its whole time: for 1 s, if nothing is said. Say what you know of the
/// instances, and it ends sooner, with [`at_most`](Self::at_most) or [`silence`](Self::silence); or wait
/// for the whole time, with a silence as long.
///
/// Replies are dropped as they come, but for the error that tells most. One that has more bytes than
/// [`Gather::at_most_bytes`] with it is dropped unread.
///
/// When the future has finished or is dropped, the subscription for the replies is gone.
#[must_use = "it does nothing until awaited"]
pub struct First<'a, R, E> {
    gather: Gather<'a, R, E>,
}

impl<R, E> First<'_, R, E> {
    /// Ends after this many replies, errors all of them. Set it to the number of instances, if that is
    /// known, and nothing is waited for in vain. 0 is an error.
    pub fn at_most(mut self, replies: usize) -> Self {
        self.gather = self.gather.at_most(replies);
        self
    }

    /// Ends when no reply has come for this long. It counts from the first one on.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.gather = self.gather.silence(silence);
        self
    }

    /// How long to wait in all; unless set, as long as the call would wait for its one reply. The
    /// services are told, as with [`Call::timeout`].
    pub fn within(mut self, within: Duration) -> Self {
        self.gather = self.gather.within(within);
        self
    }

    /// The same, and over by a deadline.
    pub(super) fn no_later_than(self, limit: Limit) -> Self {
        // The deadline is for all parts, and says nothing of how far replies to one are apart.
        let gather = self.patient().gather.no_later_than(limit);
        Self { gather }
    }

    fn patient(mut self) -> Self {
        let silence = self.gather.window.within / SILENCE_SHARE;
        self.gather.window.silence.get_or_insert(silence);
        self
    }

    async fn make(self) -> Result<Answer<R>, CallError<E>> {
        let (reader, question) = self.patient().gather.prepare();
        let mut replies = reader.ask(question?).await?;
        let mut best: Option<(CallError<E>, usize)> = None;
        let ended = loop {
            let reply = match replies.next().await {
                Ok(reply) => reply,
                Err(ended) => break ended,
            };
            let mut given_back = reply.weight;
            match reader.read(reply) {
                Ok(answer) => return Ok(answer),
                Err(failure) => {
                    let kept = best.as_ref().map(|(best, _)| rank(best));
                    if kept.is_none_or(|kept| rank(&failure.error) > kept) {
                        let earlier = best.replace((failure.error, given_back));
                        given_back = earlier.map_or(0, |(_, weight)| weight);
                    }
                }
            }
            replies.room().give_back(given_back);
        };
        Err(best.map_or_else(|| reader.nothing(ended), |(error, _)| error))
    }
}

impl<'a, R, E> IntoFuture for First<'a, R, E>
where
    R: Send + 'static,
    E: Send + 'static,
{
    type Output = Result<Answer<R>, CallError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl<R, E> fmt::Debug for First<'_, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("First")
            .field("gather", &self.gather)
            .finish()
    }
}

/// How much an error tells of why there is no good answer.
fn rank<E>(error: &CallError<E>) -> u8 {
    match error {
        CallError::Service(_) => 4,
        CallError::Remote(error) if (400..500).contains(&error.code) => 3,
        CallError::Remote(_) => 2,
        CallError::Decode { .. } => 1,
        _ => 0,
    }
}
