//! Replies that are read by a task of their own, ahead of whoever takes them: it keeps to the window,
//! and to the room, whatever he does.
//!
//! What is read is not the task's, though: it is gone when this is dropped, and not some time later,
//! when the task is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, yield_now};

use super::Ended;
use super::collection::{Collected, Collection, Question, Room};
use crate::task;
use crate::wire::PublishError;

/// Replies that are read ahead. Dropping it ends the subscription.
#[derive(Debug)]
pub(super) struct Ahead {
    coming: mpsc::UnboundedReceiver<Result<(Collected, Room), Stop>>,
    source: Arc<Source>,
    task: AbortHandle,
}

/// Why there are no further replies.
#[derive(Debug)]
pub(super) enum Stop {
    Unsent(PublishError),
    Ended(Ended),
}

impl Ahead {
    /// Sends the request and reads the replies to it, in a task on the runtime it is called on.
    pub(super) fn start(question: Question) -> Self {
        let (sender, coming) = mpsc::unbounded_channel();
        let source = Arc::new(Source {
            state: Mutex::new(State::Opening(question.ask().boxed())),
            missed: AtomicU64::new(0),
        });
        let reading = read(Arc::clone(&source), sender);
        Self {
            coming,
            task: task::spawn(reading.boxed()).abort_handle(),
            source,
        }
    }

    /// How many replies were let go of, since those before them had not been taken.
    pub(super) fn missed(&self) -> u64 {
        self.source.missed.load(Ordering::Relaxed)
    }

    /// The next reply, whose room is free with that; or why there is none.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Collected, Stop>> {
        let next = ready!(self.coming.poll_recv(cx));
        Poll::Ready(match next {
            Some(Ok((reply, room))) => {
                room.give_back(reply.weight);
                Ok(reply)
            }
            Some(Err(stop)) => Err(stop),
            // Its runtime has ended.
            None => Err(Stop::Ended(Ended::Closed)),
        })
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.source.end();
        self.task.abort();
    }
}

/// What is read.
struct Source {
    state: Mutex<State>,
    missed: AtomicU64,
}

enum State {
    Opening(BoxFuture<'static, Result<Option<Collection>, PublishError>>),
    Open(Collection),
    Over,
}

async fn read(source: Arc<Source>, to: mpsc::UnboundedSender<Result<(Collected, Room), Stop>>) {
    loop {
        let (next, has_had_its_turn) = std::future::poll_fn(|cx| source.poll_next(cx)).await;
        let is_over = next.is_err();
        if is_over {
            // Before it is told, so that nothing is subscribed for whoever knows of the end.
            source.end();
        }
        if to.send(next).is_err() || is_over {
            return;
        }
        if has_had_its_turn {
            yield_now().await;
        }
    }
}

type Next = (Result<(Collected, Room), Stop>, bool);

impl Source {
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.state();
        loop {
            let stop = match &mut *state {
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(Some(collection)) => {
                        *state = State::Open(collection.missing());
                        continue;
                    }
                    Ok(None) => Stop::Ended(Ended::Within),
                    Err(error) => Stop::Unsent(error),
                },
                State::Open(collection) => {
                    let next = collection.poll_next(cx);
                    self.missed.store(collection.missed(), Ordering::Relaxed);
                    match ready!(next) {
                        Ok(reply) => {
                            let room = collection.room().clone();
                            return Poll::Ready((Ok((reply, room)), collection.has_had_its_turn()));
                        }
                        Err(ended) => Stop::Ended(ended),
                    }
                }
                State::Over => Stop::Ended(Ended::Closed),
            };
            return Poll::Ready((Err(stop), false));
        }
    }

    fn end(&self) {
        *self.state() = State::Over;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
