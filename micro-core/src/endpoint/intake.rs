//! The task of an endpoint: it starts requests as they come, and drives those that wait.
//!
//! A handler that does not wait is done at once, where its request was read. One that waits stays in
//! this task, since a task of its own costs more than most handlers do. One that computes does get a
//! task of its own, so that the intake goes on and every core is used: which it is shows by what
//! those before it took.
//!
//! What serves a request is kept when that is done, and serves another: in the end a request is
//! served without asking for memory.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::Endpoint;
use super::dispatch::{Answer, Spare};
use super::limits::{Admission, Arrival};
use crate::wire::{Message, Outbox, Receive};

/// How much of what has served a request is kept. What more there was at once was a peak.
const KEPT: usize = 256;

/// What receives the requests of an endpoint.
pub(crate) fn intake(endpoint: Arc<Endpoint>) -> impl Receive {
    Intake {
        begin: Endpoint::begin,
        outbox: None,
        endpoint,
        works: Vec::new(),
        spares: Vec::new(),
        waiting: FuturesUnordered::new(),
        answering: FuturesUnordered::new(),
        wait: false,
    }
}

struct Intake<B, F> {
    endpoint: Arc<Endpoint>,
    begin: B,
    /// Made for the first request.
    outbox: Option<Outbox>,
    works: Vec<Work<F>>,
    spares: Vec<Spare>,
    /// Requests whose handlers wait.
    waiting: FuturesUnordered<Waiting<F>>,
    /// Requests whose answers take more than to be sent.
    answering: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Whether handlers have been seen to wait of late: then the first look at one is as good as lost.
    wait: bool,
}

/// A request that is being served, or room for one.
type Work<F> = Pin<Box<Option<F>>>;

impl<B, F> Intake<B, F>
where
    B: Fn(Arc<Endpoint>, Arrival, Instant, Spare) -> F + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    /// Starts a request, and then those that have waited for their turn, as far as that is done at
    /// once.
    fn start(&mut self, request: Arrival, at: Instant, cx: &mut Context<'_>) {
        let mut next = Some((request, at));
        while let Some((request, at)) = next.take() {
            let endpoint = Arc::clone(&self.endpoint);
            if endpoint.pace.is_heavy() {
                spawn(endpoint, request);
                return;
            }
            let spare = self.spares.pop().unwrap_or_default();
            let mut work = self.works.pop().unwrap_or_else(|| Box::pin(None));
            let serving = (self.begin)(endpoint, request, at, spare);
            work.as_mut().set(Some(serving));
            if self.wait {
                self.wait(work, true);
                return;
            }
            match poll_work(&mut work, cx) {
                Poll::Ready(answer) => {
                    if let Some(answer) = &answer {
                        self.endpoint.pace.computed(answer.took);
                    }
                    next = self.answered(work, answer, cx);
                }
                Poll::Pending => {
                    self.endpoint.pace.computed(at.elapsed());
                    self.wait = true;
                    self.wait(work, false);
                }
            }
        }
    }

    fn wait(&mut self, work: Work<F>, is_new: bool) {
        self.waiting.push(Waiting {
            work: Some(work),
            endpoint: Arc::clone(&self.endpoint),
            is_new,
        });
    }

    /// Sends an answer, and takes the next request that waits for its turn, if there is room for it
    /// now.
    fn answered(
        &mut self,
        work: Work<F>,
        answer: Option<Answer>,
        cx: &mut Context<'_>,
    ) -> Option<(Arrival, Instant)> {
        if self.works.len() < KEPT {
            self.works.push(work);
        }
        let outbox = || Outbox::new(self.endpoint.connection().clone());
        let outbox = self.outbox.get_or_insert_with(outbox);
        let (spare, rest) = self.endpoint.conclude(answer?, Some(outbox));
        if self.spares.len() < KEPT {
            self.spares.push(spare);
        }
        if let Some(mut rest) = rest
            && rest.as_mut().poll(cx).is_pending()
        {
            self.answering.push(rest);
            return None;
        }
        self.next()
    }

    fn next(&mut self) -> Option<(Arrival, Instant)> {
        let request = self.endpoint.limits.next()?;
        Some((request, Instant::now()))
    }
}

fn poll_work<F: Future<Output = Answer>>(
    work: &mut Work<F>,
    cx: &mut Context<'_>,
) -> Poll<Option<Answer>> {
    match work.as_mut().as_pin_mut() {
        Some(serving) => serving.poll(cx).map(Some),
        None => Poll::Ready(None),
    }
}

/// Serves a request, and those that wait for their turn, in a task of its own.
fn spawn(endpoint: Arc<Endpoint>, request: Arrival) {
    tokio::spawn(async move {
        let mut next = Some(request);
        let mut spare = Spare::default();
        while let Some(request) = next {
            let at = Instant::now();
            let serving = Arc::clone(&endpoint).begin(request, at, spare);
            let mut serving = std::pin::pin!(serving);
            let answer = poll_fn(|cx| {
                let at = Instant::now();
                let polled = serving.as_mut().poll(cx);
                endpoint.pace.computed(at.elapsed());
                polled
            });
            let (used, rest) = endpoint.conclude(answer.await, None);
            if let Some(rest) = rest {
                rest.await;
            }
            spare = used;
            next = endpoint.limits.next();
        }
    });
}

impl<B, F> Receive for Intake<B, F>
where
    B: Fn(Arc<Endpoint>, Arrival, Instant, Spare) -> F + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    fn receive(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
    ) -> Option<BoxFuture<'static, ()>> {
        let at = Instant::now();
        let request = Arrival { message, at };
        if self.endpoint.limits.enter() {
            self.start(request, at, cx);
            return None;
        }
        match self.endpoint.limits.hold(request) {
            Admission::Start(request) => self.start(request, at, cx),
            Admission::Pending => {}
            Admission::Refused(request) => {
                let endpoint = Arc::clone(&self.endpoint);
                let refusing = async move { endpoint.refuse(request.message).await };
                return Some(Box::pin(refusing));
            }
        }
        None
    }

    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let next = if let Poll::Ready(Some(())) = self.answering.poll_next_unpin(cx) {
            self.next()
        } else if let Poll::Ready(Some(done)) = self.waiting.poll_next_unpin(cx) {
            if done.at_once {
                self.wait = false;
            }
            let Some(work) = done.work else {
                return Poll::Ready(());
            };
            self.answered(work, done.answer, cx)
        } else {
            return Poll::Pending;
        };
        if let Some((request, at)) = next {
            self.start(request, at, cx);
        }
        Poll::Ready(())
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.answering.is_empty()
    }
}

/// A request that is being served.
struct Waiting<F> {
    work: Option<Work<F>>,
    endpoint: Arc<Endpoint>,
    /// Nobody has looked at it yet.
    is_new: bool,
}

/// One that has been served.
struct Done<F> {
    work: Option<Work<F>>,
    answer: Option<Answer>,
    /// It did not wait.
    at_once: bool,
}

impl<F: Future<Output = Answer>> Future for Waiting<F> {
    type Output = Done<F>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let at = Instant::now();
        let polled = this.work.as_mut().map(|work| poll_work(work, cx));
        this.endpoint.pace.computed(at.elapsed());
        let at_once = std::mem::take(&mut this.is_new);
        let answer = match polled {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(answer)) => answer,
            None => None,
        };
        Poll::Ready(Done {
            work: this.work.take(),
            answer,
            at_once,
        })
    }
}
