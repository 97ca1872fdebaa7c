//! A network that takes its time: a TCP proxy that delays every byte, in order, each way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::raw;

/// The URL of a proxy before the broker at `url`. It lives as long as the test.
pub(crate) async fn delayed(url: &str, delay: Duration) -> String {
    cuttable(url, delay).await.0
}

/// What can happen to a network.
pub(crate) struct Network {
    frozen: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Network {
    /// All connections break, and none is made.
    pub(crate) fn cut(&self) {
        self.task.abort();
    }

    /// Connections stay, and no other is made.
    pub(crate) fn close(&self, is_closed: bool) {
        self.closed.store(is_closed, Ordering::Relaxed);
    }

    /// Connections stay, and nothing comes through them any more.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// New connections work again; those that were frozen do not.
    pub(crate) fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
    }
}

/// The same, over a network to which something can happen.
pub(crate) async fn cuttable(url: &str, delay: Duration) -> (String, Network) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (format!("nats://{address}"), serve(listener, url, delay))
}

/// A listener on the address of a proxy that was cut, once it is free again.
pub(crate) async fn bind_again(url: &str) -> TcpListener {
    let mut listener = None;
    raw::until("the port free again", async || {
        listener = TcpListener::bind(url.trim_start_matches("nats://"))
            .await
            .ok();
        listener.is_some()
    })
    .await;
    listener.unwrap()
}

/// A proxy on a listener.
pub(crate) fn serve(listener: TcpListener, url: &str, delay: Duration) -> Network {
    let server = url.trim_start_matches("nats://").to_owned();
    let frozen = Arc::new(AtomicBool::new(false));
    let still = Arc::clone(&frozen);
    let closed = Arc::new(AtomicBool::new(false));
    let turns_away = Arc::clone(&closed);
    let task = tokio::spawn(async move {
        let mut pipes = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            if turns_away.load(Ordering::Relaxed) {
                continue;
            }
            let server = TcpStream::connect(&server).await.unwrap();
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            pipes.spawn(pipe(from_client, to_server, delay, Arc::clone(&still)));
            pipes.spawn(pipe(from_server, to_client, delay, Arc::clone(&still)));
        }
    });
    Network {
        frozen,
        closed,
        task: task.abort_handle(),
    }
}

async fn pipe(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    still: Arc<AtomicBool>,
) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            if sender
                .send((Instant::now() + delay, buffer[..read].to_vec()))
                .is_err()
            {
                return;
            }
        }
    });
    while let Some((due, bytes)) = receiver.recv().await {
        tokio::time::sleep_until(due).await;
        if still.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// A proxy that keeps lines of clients from the broker at `url`: those that `drops` is true of. For
/// lines alone, since it knows nothing of payloads.
pub(crate) async fn dropping(
    url: &str,
    drops: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = url.trim_start_matches("nats://").to_owned();
    let drops = Arc::new(drops);
    tokio::spawn(async move {
        let mut pipes = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let (from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let drops = Arc::clone(&drops);
            pipes.spawn(async move {
                let mut lines = BufReader::new(from_client).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    if !drops(&line)
                        && to_server
                            .write_all(format!("{line}\r\n").as_bytes())
                            .await
                            .is_err()
                    {
                        return;
                    }
                }
            });
            pipes.spawn(async move {
                let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
            });
        }
    });
    format!("nats://{address}")
}
