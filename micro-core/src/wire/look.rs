//! A look at a server from outside: whether it is there, and what it says first.

use std::io;
use std::time::Duration;

use async_nats::ServerAddr;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

use super::connect_error::ConnectError;
use super::urls::{self, ServerUrls};
use crate::task;

/// How long a host may take to accept a connection when it is only looked at.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// How long a server may take to say `INFO` before it is taken for something else. A NATS server
/// speaks first, at once.
const GREETING_WITHIN: Duration = Duration::from_millis(500);

/// The longest `INFO` that is read. A server's says a few hundred bytes and the addresses of its
/// cluster.
const GREETING_BYTES: u64 = 64 * 1024;

/// What a server says of itself to everybody.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Greeting {
    /// Whether it asks for a client certificate.
    pub(super) tls_verify: bool,
}

/// What a look at one address has shown.
#[derive(Debug)]
pub(super) enum Seen {
    /// A NATS server, and what it says to everybody.
    Server(Greeting),
    /// Something that does not greet as a NATS server does.
    Mute,
    /// Nothing that can be reached.
    Nobody(io::Error),
}

/// Looks whether a NATS server listens at any of `urls`, without saying anything to it.
pub(crate) fn look(urls: &ServerUrls) -> BoxFuture<'_, Result<(), ConnectError>> {
    Box::pin(async move {
        let seen = see(urls).await;
        let is_there = seen.iter().any(|(_, seen)| matches!(seen, Seen::Server(_)));
        match absence(urls, seen) {
            Some(error) if !is_there => Err(error),
            _ => Ok(()),
        }
    })
}

/// Looks at each address.
pub(super) async fn see(urls: &ServerUrls) -> Vec<(&ServerAddr, Seen)> {
    let mut all: Vec<_> = urls
        .addresses()
        .iter()
        .map(|address| (address, Seen::Mute))
        .collect();
    task::all(all.iter_mut().map(|(address, seen)| glance(address, seen))).await;
    all
}

fn glance<'a>(address: &'a ServerAddr, seen: &'a mut Seen) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        *seen = match greeting(address).await {
            Ok(Some(greeting)) => Seen::Server(greeting),
            Ok(None) => Seen::Mute,
            Err(error) => Seen::Nobody(error),
        };
    })
}

/// What is wrong if none of the addresses has a NATS server: nobody is there, or somebody else is.
pub(super) fn absence(urls: &ServerUrls, seen: Vec<(&ServerAddr, Seen)>) -> Option<ConnectError> {
    let mut why = None;
    for (address, seen) in seen {
        match seen {
            Seen::Server(_) => return None,
            Seen::Mute => {
                why = Some(ConnectError::NotNats {
                    url: urls::shown(address),
                });
            }
            Seen::Nobody(error) => {
                why.get_or_insert(ConnectError::Unreachable {
                    urls: urls.to_string(),
                    error,
                });
            }
        }
    }
    why
}

/// What listens there says, if it is `INFO` as of a NATS server; an error if nothing listens.
async fn greeting(address: &ServerAddr) -> io::Result<Option<Greeting>> {
    let connecting = TcpStream::connect((address.host(), address.port()));
    let stream = tokio::time::timeout(LOOK_WITHIN, connecting)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let mut stream = BufReader::new(stream.take(GREETING_BYTES));
    let mut line = Vec::new();
    let read = tokio::time::timeout(GREETING_WITHIN, stream.read_until(b'\n', &mut line)).await;
    if !matches!(read, Ok(Ok(_))) {
        return Ok(None);
    }
    let info = line.strip_prefix(b"INFO ");
    Ok(info.map(|json| serde_json::from_slice(json).unwrap_or_default()))
}
