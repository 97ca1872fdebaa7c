//! The task of an endpoint: it starts requests as they come, and drives those that wait.
//!
//! A handler that does not wait is done at once, where its request was read. One that waits stays in
//! this task, since a task of its own costs more than most handlers do. One that computes does get a
//! task of its own, so that the intake goes on and every core is used: which it is shows by what
//! those before it took.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Endpoint;
use super::limits::{Admission, Arrival};
use crate::wire::{Message, Receive};

/// How many works are kept for requests to come. More than that at once is a peak.
const KEPT: usize = 1_024;

/// What receives the requests of an endpoint.
pub(crate) fn intake(endpoint: Arc<Endpoint>) -> impl Receive {
    Intake {
        begin: |endpoint: Arc<Endpoint>, request| async move { endpoint.serve(request).await },
        endpoint,
        idle: Vec::new(),
        waiting: FuturesUnordered::new(),
    }
}

/// A request that is being served, or room for one: the memory is used again and again.
type Work<F> = Pin<Box<Option<F>>>;

struct Intake<B, F> {
    endpoint: Arc<Endpoint>,
    begin: B,
    idle: Vec<Work<F>>,
    waiting: FuturesUnordered<Waiting<F>>,
}

impl<B, F> Intake<B, F>
where
    B: Fn(Arc<Endpoint>, Arrival) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    /// Starts a request, and those that have waited for their turn where it is done at once. Nothing
    /// in here waits.
    fn start(&mut self, request: Arrival) -> impl Future<Output = ()> + Send {
        let mut next = Some(request);
        poll_fn(move |cx| {
            while let Some(request) = next.take() {
                let endpoint = Arc::clone(&self.endpoint);
                if endpoint.pace.is_heavy() {
                    spawn(endpoint, request);
                    break;
                }
                let mut work = self.idle.pop().unwrap_or_else(|| Box::pin(None));
                let serving = (self.begin)(endpoint, request);
                work.as_mut().set(Some(serving));
                let mut waiting = Waiting {
                    work: Some(work),
                    endpoint: Arc::clone(&self.endpoint),
                };
                match Pin::new(&mut waiting).poll(cx) {
                    Poll::Ready(work) => {
                        self.keep(work);
                        next = self.endpoint.limits.next();
                    }
                    Poll::Pending => self.waiting.push(waiting),
                }
            }
            Poll::Ready(())
        })
    }

    fn keep(&mut self, work: Option<Work<F>>) {
        if let Some(work) = work
            && self.idle.len() < KEPT
        {
            self.idle.push(work);
        }
    }
}

/// Serves a request, and those that wait for their turn, in a task of its own.
fn spawn(endpoint: Arc<Endpoint>, request: Arrival) {
    tokio::spawn(async move {
        let mut next = Some(request);
        while let Some(request) = next {
            let mut serving = std::pin::pin!(endpoint.serve(request));
            poll_fn(|cx| endpoint.pace.poll(serving.as_mut(), cx)).await;
            next = endpoint.limits.next();
        }
    });
}

impl<B, F> Receive for Intake<B, F>
where
    B: Fn(Arc<Endpoint>, Arrival) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    async fn receive(&mut self, message: Message) {
        let at = Instant::now();
        match self.endpoint.limits.admit(Arrival { message, at }) {
            Admission::Start(request) => self.start(request).await,
            Admission::Pending => {}
            Admission::Refused(request) => self.endpoint.refuse(request.message).await,
        }
    }

    async fn go_on(&mut self) {
        match self.waiting.next().await {
            Some(work) => {
                self.keep(work);
                if let Some(request) = self.endpoint.limits.next() {
                    self.start(request).await;
                }
            }
            None => std::future::pending().await,
        }
    }

    async fn complete(&mut self) {
        while !self.waiting.is_empty() {
            self.go_on().await;
        }
    }
}

/// A request that is being served, and then the memory that this has left behind.
struct Waiting<F> {
    work: Option<Work<F>>,
    endpoint: Arc<Endpoint>,
}

impl<F: Future<Output = ()>> Future for Waiting<F> {
    type Output = Option<Work<F>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(work) = &mut this.work
            && let Some(serving) = work.as_mut().as_pin_mut()
            && this.endpoint.pace.poll(serving, cx).is_pending()
        {
            return Poll::Pending;
        }
        Poll::Ready(this.work.take())
    }
}
