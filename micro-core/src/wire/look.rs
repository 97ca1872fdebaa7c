//! A look at a server from outside: whether it is there, and what it says first.

use std::io;
use std::time::Duration;

use async_nats::ServerAddr;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

use super::connect_error::ConnectError;
use super::urls::{self, ServerUrls};

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

/// Looks whether NATS servers listen at `urls`, without saying anything to them.
pub(crate) async fn look(urls: &ServerUrls) -> Result<(), ConnectError> {
    greetings(urls).await.map(|_| ())
}

/// What the servers at `urls` say to everybody.
pub(super) async fn greetings(urls: &ServerUrls) -> Result<Vec<Greeting>, ConnectError> {
    let mut greetings = Vec::new();
    for address in urls.addresses() {
        match greeting(address).await {
            Ok(Some(greeting)) => greetings.push(greeting),
            Ok(None) => {
                return Err(ConnectError::NotNats {
                    url: urls::shown(address),
                });
            }
            Err(source) => {
                return Err(ConnectError::Unreachable {
                    urls: urls.to_string(),
                    source,
                });
            }
        }
    }
    Ok(greetings)
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
