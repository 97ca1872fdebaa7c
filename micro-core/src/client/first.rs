//! The first good answer of many.

use super::{Answer, Call, CallError, Gather};

impl<R, E> Call<'_, R, E> {
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
    /// let first = call.first().await?;
    /// println!("{} from {:?} after {:?}", first.value, first.instance, first.took);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Gather::first`]. It waits for the call's whole time for a good answer that may still
    /// come; say what you know of the instances, and it ends sooner:
    /// `call.gather().at_most(3).first()`.
    pub async fn first(self) -> Result<Answer<R>, CallError<E>> {
        self.gather().first().await
    }
}

impl<R, E> Gather<'_, R, E> {
    /// The first good answer; the other replies are dropped, and nothing stays subscribed.
    ///
    /// # Errors
    ///
    /// When what ends the gather comes before a good answer. Of the errors that came instead it is
    /// the one that tells most: the endpoint's own before another of a service, one that finds fault
    /// with the request (4xx) before one of the service's own trouble, and last a reply that cannot be
    /// read; of two alike, the first. Without any, it is the error that awaiting the gather gives.
    pub async fn first(self) -> Result<Answer<R>, CallError<E>> {
        let mut opened = self.open().await?;
        let mut best: Option<CallError<E>> = None;
        let ended = loop {
            match opened.next().await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => {
                    let rank = rank(&failure.error);
                    if best.as_ref().is_none_or(|best| rank > self::rank(best)) {
                        best = Some(failure.error);
                    }
                }
                Err(ended) => break ended,
            }
        };
        Err(best.unwrap_or_else(|| opened.nothing(ended)))
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
