//! A thread for a connection and for what is read from it.
//!
//! A small request costs little more than to wake whoever goes on with it. Where one thread reads it,
//! serves it and writes the reply, nobody has to be woken. What else a program does keeps that thread
//! from nothing either: discovery is answered while handlers compute on every other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// How soon to look again whether anything still runs on a thread that nobody has any more.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The thread. It ends when this is dropped and all that runs on it has ended.
#[derive(Clone, Debug)]
pub(super) struct Shard(Arc<Owner>);

#[derive(Debug)]
struct Owner {
    /// Nothing while it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Shard {
    pub(super) fn start() -> io::Result<Self> {
        // One with workers, though it has one: on others, `tokio::task::block_in_place` panics, and it
        // is for handlers to call.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nats")
            .enable_all()
            .build()?;
        Ok(Self(Arc::new(Owner {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })))
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let running = self.handle.metrics();
        // Somebody may have the connection's client still, which is served there.
        self.handle.spawn(async move {
            while running.num_alive_tasks() > 1 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            runtime.shutdown_background();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_thread_ends_with_what_runs_on_it() {
        let (release, held) = tokio::sync::oneshot::channel::<()>();
        let (stopped, mut has_stopped) = tokio::sync::mpsc::channel::<()>(1);
        let shard = Shard::start().unwrap();
        let handle = shard.handle().clone();
        handle.spawn(async move {
            let _ = held.await;
        });
        drop(shard);
        // It goes on while something runs there.
        handle.spawn(async {}).await.unwrap();
        release.send(()).unwrap();
        while handle.spawn(std::future::ready(())).await.is_ok() {
            tokio::task::yield_now().await;
        }
        drop(stopped);
        assert_eq!(has_stopped.recv().await, None);
    }
}
