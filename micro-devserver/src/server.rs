//! Starting, accepting, stopping: the life of a server.
//!
//! One task accepts and owns the tasks of all connections. It ends when the [`DevServer`] says so
//! or is dropped, and everything ends with it.

use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, error, warn};

use crate::connection::{self, Shared};
use crate::info::ServerInfo;
use crate::limits::{ACCEPT_PAUSE, Limits};
use crate::router::{ConnectionId, Router};
use crate::stats::Stats;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Something else listens on the port that was asked for.
    #[error("port `{port}` is taken; stop what listens there, or ask for port 0 to get a free one")]
    PortTaken {
        /// The port that was asked for.
        port: u16,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The port could not be bound for another reason.
    #[error("cannot listen on 127.0.0.1, port `{port}`")]
    Bind {
        /// The port that was asked for.
        port: u16,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// Settings of a server that is about to start; from [`DevServer::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct Builder {
    port: u16,
    limits: Limits,
}

impl Builder {
    /// The port on 127.0.0.1; `0`, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The largest message that a client may publish, headers included; 1 MiB if unset.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.limits.max_payload_bytes = bytes;
        self
    }

    /// How much may wait for a client that does not read before it is cut off; 64 MiB if unset.
    pub fn max_pending(mut self, bytes: usize) -> Self {
        self.limits.max_pending_bytes = bytes;
        self
    }

    /// How long a client's socket may take no byte of what waits for it before it is cut off; 10
    /// seconds if unset.
    pub fn write_deadline(mut self, deadline: Duration) -> Self {
        self.limits.write_deadline = deadline;
        self
    }

    /// How often a silent client is sent a PING; 2 minutes if unset. After two without an answer it
    /// is cut off.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.limits.ping_interval = interval;
        self
    }

    /// Binds the port and serves it on the current tokio runtime, whose I/O and time drivers must
    /// be on.
    pub async fn start(self) -> Result<DevServer, StartError> {
        let Self { port, limits } = self;
        let bound = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        };
        let (listener, port) = bound
            .await
            .map_err(|source: io::Error| match source.kind() {
                io::ErrorKind::AddrInUse => StartError::PortTaken { port, source },
                _ => StartError::Bind { port, source },
            })?;
        let info = ServerInfo::new(port, limits.max_payload_bytes);
        let shared = Arc::new(Shared {
            router: Router::new(),
            info,
            limits,
        });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        debug!(port, "dev server listens");
        Ok(DevServer {
            port,
            shared,
            stop,
            accepting,
        })
    }
}

/// A running server. Dropping it closes the listener and every connection.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use micro_devserver::DevServer;
///
/// let server = DevServer::start().await?;
/// println!("connect to {}", server.url());
/// server.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct DevServer {
    port: u16,
    shared: Arc<Shared>,
    /// Sent or dropped, it ends the accepting task.
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

impl DevServer {
    /// Starts a server on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Settings to change before the start.
    pub fn builder() -> Builder {
        Builder {
            port: 0,
            limits: Limits::default(),
        }
    }

    /// Where clients connect: `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port that the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many clients and subscriptions there are, and how much waits to be sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = micro_devserver::DevServer::start().await?;
    /// assert_eq!(server.stats().connections, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        self.shared.router.stats()
    }

    /// Ends the server and waits until its listener and all its connections are closed.
    pub async fn stop(self) {
        drop(self.stop);
        // It fails only if the runtime goes away, and the server with it.
        let _ = self.accepting.await;
    }
}

/// Of one type, so that the runtime's code for tasks is compiled once.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Accepts clients until the sender of `stopped` is used or dropped.
fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) -> Task {
    Box::pin(async move {
        let mut connections = JoinSet::new();
        let mut last_id: ConnectionId = 0;
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                accepted = listener.accept() => match accepted {
                    Ok((socket, address)) => {
                        last_id += 1;
                        let serving = connection::serve(socket, address, last_id, Arc::clone(&shared));
                        connections.spawn(Box::pin(serving) as Task);
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                // Finished connections are taken out as they end, so that the set holds only the
                // living.
                Some(finished) = connections.join_next() => {
                    if let Err(error) = finished {
                        error!(%error, "a connection's task failed");
                    }
                }
            }
        }
        drop(listener);
        connections.shutdown().await;
    })
}
