//! Calls, one after the other in many hands, and when each of them began and ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::{Client, Request, RequestErrorKind};
use tokio::task::JoinSet;

/// How many callers there are, and so how many calls can be under way at one moment.
pub(crate) const CALLERS: usize = 32;

/// How long a call waits for its answer: far longer than answers take, so that what has none by then
/// is lost.
const WAITS: Duration = Duration::from_secs(5);

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    /// The server said at once that nobody serves the subject: the call reached no service.
    Nobody,
    /// No answer.
    Lost,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) outcome: Outcome,
}

/// Callers at work.
pub(crate) struct Callers {
    calls: JoinSet<Vec<Call>>,
    end: Arc<AtomicBool>,
}

impl Callers {
    pub(crate) fn start(client: &Client, subject: &'static str) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let mut calls = JoinSet::new();
        for _ in 0..CALLERS {
            let (client, end) = (client.clone(), Arc::clone(&end));
            calls.spawn(async move {
                let mut calls = Vec::new();
                while !end.load(Ordering::Relaxed) {
                    calls.push(call(&client, subject).await);
                }
                calls
            });
        }
        Self { calls, end }
    }

    /// All calls, in the order in which they began.
    pub(crate) async fn end(self) -> Vec<Call> {
        self.end.store(true, Ordering::Relaxed);
        let mut calls = self.calls.join_all().await.concat();
        calls.sort_by_key(|call| call.began);
        calls
    }
}

async fn call(client: &Client, subject: &'static str) -> Call {
    let began = Instant::now();
    let request = Request::new().payload("".into()).timeout(Some(WAITS));
    let answer = client.send_request(subject, request).await;
    let outcome = match answer.map_err(|error| error.kind()) {
        Ok(_) => Outcome::Answered,
        Err(RequestErrorKind::NoResponders) => Outcome::Nobody,
        Err(_) => Outcome::Lost,
    };
    Call {
        began,
        ended: Instant::now(),
        outcome,
    }
}

pub(crate) fn count(calls: &[Call], outcome: Outcome) -> usize {
    calls.iter().filter(|call| call.outcome == outcome).count()
}
