//! From options to a connection, or to an error that says what to do.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{AuthError, ConnectErrorKind};

use super::auth::Auth;
use super::connect_error::ConnectError;
use super::connection::Connection;
use super::events::Events;
use super::options::ConnectOptions;
use super::urls::ServerUrls;
use super::{look, tls};

/// How long a server may take from the first packet to a usable connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

impl Connection {
    /// Connects to one of `urls` that answers; they are separated by commas.
    ///
    /// # Errors
    ///
    /// When a URL does not parse, when nothing listens there, when what listens is not NATS, or
    /// when the server refuses the connection.
    pub async fn connect(urls: &str) -> Result<Self, ConnectError> {
        connect(&ConnectOptions::new().urls(urls)).await
    }

    /// Connects with credentials, TLS and the like.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), when a file cannot be used, and when there is no TLS where it
    /// was asked for.
    pub async fn connect_with(options: &ConnectOptions) -> Result<Self, ConnectError> {
        connect(options).await
    }
}

/// Finds what is wrong with the options themselves, as far as that can be known without a server.
pub(crate) fn check(options: &ConnectOptions) -> Result<(), ConnectError> {
    let urls = options.checked_urls()?;
    match options.auth.as_ref().or(urls.auth()) {
        Some(auth) => auth.answer(&[]).map(|_| ()),
        None => Ok(()),
    }
}

pub(crate) async fn connect(options: &ConnectOptions) -> Result<Connection, ConnectError> {
    let urls = options.checked_urls()?;
    let auth = options.auth.as_ref().or(urls.auth());
    let events = Events::new();
    let mut client = client_options(auth)?
        .connection_timeout(CONNECT_WITHIN)
        .event_callback(events.callback())
        // What else the cluster has is told without its scheme, and taken for `nats://`.
        .require_tls(urls.want_tls() || options.tls.is_wanted());
    if urls.any_websocket() {
        client = client.ignore_discovered_servers();
    }
    client = options.tls.apply(client);
    if let Some(name) = &options.name {
        client = client.name(name);
    }
    if let Some(prefix) = &options.inbox_prefix {
        client = client.custom_inbox_prefix(prefix);
    }
    match client.connect(urls.addresses()).await {
        Ok(client) => Ok(Connection::with_events(client, events)),
        Err(error) => Err(explain(options, &urls, auth, &error).await),
    }
}

/// The client's options with an answer to the server's challenge, which is made anew at each
/// connect.
fn client_options(auth: Option<&Auth>) -> Result<async_nats::ConnectOptions, ConnectError> {
    let Some(auth) = auth else {
        return Ok(async_nats::ConnectOptions::new());
    };
    // What is wrong with a file is said before a server is bothered.
    auth.answer(&[])?;
    let auth = Arc::new(auth.clone());
    Ok(async_nats::ConnectOptions::with_auth_callback(
        move |challenge| {
            let auth = Arc::clone(&auth);
            async move {
                let answering = tokio::task::spawn_blocking(move || auth.answer(&challenge));
                answering
                    .await
                    .map_err(AuthError::new)?
                    .map_err(AuthError::new)
            }
        },
    ))
}

/// Turns the client's error into one that names the cause. The client cannot tell a silent port
/// from a slow server, so this looks.
async fn explain(
    options: &ConnectOptions,
    urls: &ServerUrls,
    auth: Option<&Auth>,
    error: &async_nats::ConnectError,
) -> ConnectError {
    let shown = urls.to_string();
    if let Some(cause) = tls::cause(error) {
        return ConnectError::Tls {
            urls: shown,
            reason: cause.to_string(),
            advice: tls::advice(cause).to_owned(),
        };
    }
    let reason = format!("{}: {}", error.kind(), root_cause(error));
    let kind = error.kind();
    if matches!(
        kind,
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation
    ) || is_about_who(&reason)
    {
        return ConnectError::Refused {
            urls: shown,
            who: auth.map_or_else(
                || "a connection without credentials".to_owned(),
                Auth::to_string,
            ),
            reason: root_cause(error),
        };
    }
    if kind == ConnectErrorKind::Tls {
        return ConnectError::Tls {
            urls: shown,
            reason: root_cause(error),
            advice: "check the certificates of both sides".to_owned(),
        };
    }
    let failed = ConnectError::Failed {
        urls: shown.clone(),
        reason,
    };
    // A websocket, and a server that waits for TLS, say nothing to whoever only looks.
    if !matches!(kind, ConnectErrorKind::Io | ConnectErrorKind::TimedOut)
        || urls.any_websocket()
        || options.tls.is_first()
    {
        return failed;
    }
    match look::greetings(urls).await {
        Err(error) => error,
        // A server that wants another certificate says so and hangs up, and what it said may be
        // lost.
        Ok(greetings) if greetings.iter().any(|greeting| greeting.tls_verify) => {
            ConnectError::Tls {
                urls: shown,
                reason: root_cause(error),
                advice: match options.tls.cert {
                    Some(_) => tls::CERTIFICATE_REFUSED.to_owned(),
                    None => tls::CERTIFICATE_REQUIRED.to_owned(),
                },
            }
        }
        Ok(_) => failed,
    }
}

/// Whether a server's refusal is about who asks. The client knows one of them.
fn is_about_who(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["authentication", "authorization"]
        .iter()
        .any(|about| reason.contains(about))
}

/// The innermost cause: the client's own text repeats it at each level.
fn root_cause(error: &async_nats::ConnectError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
