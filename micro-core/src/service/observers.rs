//! The error handler and the done handler of a service, and the task that calls them.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{RunningService, StopReport};
use crate::error::{Heard, Incident, Incidents, panic_text};
use crate::log::{SERVICE, line};
use crate::task;

/// How long a stop waits for a done handler.
const DONE_WITHIN: Duration = Duration::from_secs(2);

/// How long a done handler waits for an error handler that has not been told everything yet.
const INCIDENTS_WITHIN: Duration = Duration::from_secs(1);

type ErrorHandler = Arc<dyn Fn(&RunningService, &Incident) + Send + Sync>;
type DoneHandler = Arc<dyn Fn(&RunningService, &StopReport) + Send + Sync>;

/// Who wants to know.
#[derive(Clone, Default)]
pub(super) struct Observers {
    on_error: Option<ErrorHandler>,
    on_done: Option<DoneHandler>,
}

impl Observers {
    pub(super) fn on_error(
        &mut self,
        handler: impl Fn(&RunningService, &Incident) + Send + Sync + 'static,
    ) {
        self.on_error = Some(Arc::new(handler));
    }

    pub(super) fn on_done(
        &mut self,
        handler: impl Fn(&RunningService, &StopReport) + Send + Sync + 'static,
    ) {
        self.on_done = Some(Arc::new(handler));
    }

    /// Where incidents are reported, and the observers as they listen to them.
    pub(super) fn listen(self) -> (Incidents, Audience) {
        let (incidents, heard) = if self.on_error.is_some() {
            let (incidents, heard) = Incidents::heard();
            (incidents, Some(heard))
        } else {
            (Incidents::default(), None)
        };
        let audience = Audience {
            observers: self,
            heard,
        };
        (incidents, audience)
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers")
            .field("on_error", &self.on_error.is_some())
            .field("on_done", &self.on_done.is_some())
            .finish()
    }
}

/// Observers of a service that is about to run.
#[derive(Debug)]
pub(super) struct Audience {
    observers: Observers,
    heard: Option<Heard>,
}

/// How the observers are told that it is over: the report, and whom to tell that they were told.
type Farewell = (StopReport, oneshot::Sender<()>);

/// The end of a service, for its observers.
#[derive(Debug)]
pub(super) struct Ending(Option<oneshot::Sender<Farewell>>);

impl Audience {
    /// Starts calling them, in a task of their own that ends with the service.
    pub(super) fn attend(self, service: RunningService) -> Ending {
        let Observers { on_error, on_done } = self.observers;
        if on_error.is_none() && on_done.is_none() {
            return Ending(None);
        }
        let (ending, ended) = oneshot::channel();
        task::spawn(Box::pin(tell(
            service, on_error, on_done, self.heard, ended,
        )));
        Ending(Some(ending))
    }
}

impl Ending {
    /// Tells them, and waits until they have been told, or for as long as they may take.
    pub(super) async fn tell(self, report: &StopReport) {
        let Some(ending) = self.0 else { return };
        let (told, done) = oneshot::channel();
        if ending.send((report.clone(), told)).is_ok()
            && tokio::time::timeout(DONE_WITHIN, done).await.is_err()
        {
            tracing::warn!(target: SERVICE, "the done handler takes long, the stop goes on without it");
        }
    }
}

async fn tell(
    service: RunningService,
    on_error: Option<ErrorHandler>,
    on_done: Option<DoneHandler>,
    heard: Option<Heard>,
    mut ended: oneshot::Receiver<Farewell>,
) {
    let (close, mut closed) = oneshot::channel::<()>();
    let mut incidents = pin!(async {
        let (Some(mut heard), Some(handler)) = (heard, on_error) else {
            return;
        };
        loop {
            let incident = tokio::select! {
                biased;
                incident = heard.next() => incident,
                _ = &mut closed => return,
            };
            let (service, handler) = (service.clone(), Arc::clone(&handler));
            call("error", Box::new(move || handler(&service, &incident))).await;
        }
    });
    let (farewell, mut all_told) = tokio::select! {
        farewell = &mut ended => (farewell, false),
        () = &mut incidents => ((&mut ended).await, true),
    };
    drop(close);
    if let Ok((report, told)) = farewell {
        // What went wrong before the end is told before it, unless that takes too long.
        if !all_told {
            let telling = tokio::time::timeout(INCIDENTS_WITHIN, &mut incidents);
            all_told = telling.await.is_ok();
        }
        if let Some(handler) = on_done {
            let service = service.clone();
            call("done", Box::new(move || handler(&service, &report))).await;
        }
        // The stop may have gone on without us.
        let _ = told.send(());
    }
    if !all_told {
        incidents.await;
    }
}

/// Calls what is the user's: its panic is the user's too, and it may block. Not in a task, where a
/// worker that blocks may be the one that all others rely on to wait for the network.
fn call(what: &'static str, handler: Box<dyn FnOnce() + Send + 'static>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        if let Err(error) = task::spawn_blocking(handler).await
            && let Ok(panic) = error.try_into_panic()
        {
            let error = line(&panic_text(panic));
            tracing::error!(target: SERVICE, handler = what, error, "a handler of the owner panicked");
        }
    })
}
