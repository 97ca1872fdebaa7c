//! From URLs to a connection, or to an error that says what to do.

use std::time::Duration;
use std::{fmt, io};

use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::connection::Connection;
use super::events::Events;

/// How long a server may take from the first packet to a usable connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long a server may take to say `INFO` before it is taken for something else. A NATS server
/// speaks first, at once.
const GREETING_WITHIN: Duration = Duration::from_millis(500);

/// How long a host may take to accept a connection when it is only looked at.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Server addresses that parse.
#[derive(Clone, Debug)]
pub(crate) struct ServerUrls(Vec<ServerAddr>);

impl fmt::Display for ServerUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.0.iter().map(without_password).collect();
        f.write_str(&urls.join(","))
    }
}

/// A URL as it may be shown: a password in it is not for logs or banners.
fn without_password(address: &ServerAddr) -> String {
    format!(
        "{}://{}:{}",
        address.scheme(),
        host(address),
        address.port()
    )
}

/// The same for a URL that does not parse.
fn without_user(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((user, rest)) => match user.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{rest}"),
            None => rest.to_owned(),
        },
        None => url.to_owned(),
    }
}

fn host(address: &ServerAddr) -> String {
    let host = address.host();
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A URL cannot be read.
    #[error("`{url}` is not a NATS URL: {reason}; write `nats://host:4222`")]
    Url {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing listens at any of the addresses.
    #[error("no NATS server at {urls}: {source}; start one there, or give the URL of another")]
    Unreachable {
        /// Where a server was looked for.
        urls: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something listens, and it is not NATS.
    #[error("what listens at {url} does not speak NATS; give the URL of a NATS server")]
    NotNats {
        /// Where it listens.
        url: String,
    },
    /// The server wants other credentials.
    #[error("the NATS server at {urls} refused the connection: {reason}")]
    Refused {
        /// The server or servers.
        urls: String,
        /// The server's reason.
        reason: String,
    },
    /// Anything else: TLS, DNS, time.
    #[error("cannot connect to NATS at {urls}: {reason}; check the URL")]
    Failed {
        /// The server or servers.
        urls: String,
        /// What went wrong.
        reason: String,
    },
}

impl ConnectError {
    /// Whether what was given is wrong, rather than the world.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Url { .. })
    }
}

impl Connection {
    /// Connects to the first of `urls` that answers; they are separated by commas.
    ///
    /// # Errors
    ///
    /// When a URL does not parse, when nothing listens there, when what listens is not NATS, or
    /// when the server refuses the connection.
    pub async fn connect(urls: &str) -> Result<Self, ConnectError> {
        connect(&parse_urls(urls)?, None).await
    }
}

/// Reads a comma-separated list of server URLs.
pub(crate) fn parse_urls(urls: &str) -> Result<ServerUrls, ConnectError> {
    let mut addresses = Vec::new();
    for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let refused = |reason: &str| ConnectError::Url {
            url: without_user(url),
            reason: reason.to_owned(),
        };
        if url.contains(char::is_whitespace) {
            return Err(refused("it contains white space"));
        }
        let address: ServerAddr = url.parse().map_err(|error: io::Error| {
            let text = error.to_string();
            refused(
                text.strip_prefix("NATS server URL is invalid: ")
                    .unwrap_or(&text),
            )
        })?;
        if !["nats", "tls"].contains(&address.scheme()) {
            return Err(refused("its scheme is neither `nats` nor `tls`"));
        }
        if address.host().is_empty() {
            return Err(refused("it names no host"));
        }
        addresses.push(address);
    }
    if addresses.is_empty() {
        return Err(ConnectError::Url {
            url: urls.to_owned(),
            reason: "it is empty".to_owned(),
        });
    }
    Ok(ServerUrls(addresses))
}

/// Connects to the first of `urls` that answers, under `name` in the server's list of connections.
pub(crate) async fn connect(
    urls: &ServerUrls,
    name: Option<&str>,
) -> Result<Connection, ConnectError> {
    let events = Events::new();
    let mut options = ConnectOptions::new()
        .connection_timeout(CONNECT_WITHIN)
        .event_callback(events.callback());
    if let Some(name) = name {
        options = options.name(name);
    }
    if let Some(address) = urls.0.iter().find(|address| address.has_user_pass()) {
        options = with_user_of(address, options);
    }
    match options.connect(urls.0.as_slice()).await {
        Ok(client) => Ok(Connection::with_events(client, events)),
        Err(error) => Err(explain(urls, &error).await),
    }
}

/// The user and password of a URL, or its token where there is no password. The client reads
/// neither.
fn with_user_of(address: &ServerAddr, options: ConnectOptions) -> ConnectOptions {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = address.username().map(decode).unwrap_or_default();
    match address.password() {
        Some(password) => options.user_and_password(user, decode(password)),
        None => options.token(user),
    }
}

/// Turns the client's error into one that names the cause. The client cannot tell a silent port
/// from a slow server, so this looks.
async fn explain(urls: &ServerUrls, error: &async_nats::ConnectError) -> ConnectError {
    let reason = format!("{}: {}", error.kind(), root_cause(error));
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            return ConnectError::Refused {
                urls: urls.to_string(),
                reason,
            };
        }
        ConnectErrorKind::Io | ConnectErrorKind::TimedOut => {}
        _ => {
            return ConnectError::Failed {
                urls: urls.to_string(),
                reason,
            };
        }
    }
    match look(urls).await {
        Err(error) => error,
        Ok(()) => ConnectError::Failed {
            urls: urls.to_string(),
            reason,
        },
    }
}

/// The innermost cause: the client's own text repeats it at each level.
fn root_cause(error: &async_nats::ConnectError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Looks whether NATS servers listen at `urls`, without saying anything to them.
pub(crate) async fn look(urls: &ServerUrls) -> Result<(), ConnectError> {
    for address in &urls.0 {
        match greets(address).await {
            Ok(true) => {}
            Ok(false) => {
                return Err(ConnectError::NotNats {
                    url: without_password(address),
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
    Ok(())
}

/// Whether what listens there says `INFO` as a NATS server does; an error if nothing listens.
async fn greets(address: &ServerAddr) -> io::Result<bool> {
    let connecting = TcpStream::connect((address.host(), address.port()));
    let mut stream = tokio::time::timeout(LOOK_WITHIN, connecting)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let mut greeting = [0; 5];
    let read = tokio::time::timeout(GREETING_WITHIN, stream.read_exact(&mut greeting)).await;
    Ok(matches!(read, Ok(Ok(_))) && greeting == *b"INFO ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let urls = parse_urls("nats://ada:secret@host:4333, [::1]:4222").unwrap();
        assert_eq!(urls.to_string(), "nats://host:4333,nats://[::1]:4222");
    }

    #[test]
    fn a_url_that_does_not_parse_is_named() {
        for (urls, says) in [
            ("nats://", "`nats://` is not a NATS URL"),
            ("http://x", "`http://x` is not a NATS URL: invalid scheme"),
            ("nats://a b", "it contains white space"),
            ("ws://x:80", "its scheme is neither `nats` nor `tls`"),
            (
                "nats://u:secret@h:nine",
                "`nats://h:nine` is not a NATS URL",
            ),
            ("", "it is empty"),
            (" , ", "it is empty"),
            (
                "nats://h:99999",
                "`nats://h:99999` is not a NATS URL: invalid port",
            ),
        ] {
            let error = parse_urls(urls).unwrap_err();
            assert!(error.is_usage());
            assert!(error.to_string().contains(says), "{urls:?}: {error}");
        }
    }
}
