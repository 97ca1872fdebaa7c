//! From options to a connection, or to an error that says what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::{AuthError, Client, ConnectErrorKind, ServerAddr};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::auth::Auth;
use super::connect_error::{ConnectError, is_about_who};
use super::connection::Connection;
use super::events::Events;
use super::keeper::Again;
use super::look::{self, Seen};
use super::options::ConnectOptions;
use super::shard::Shard;
use super::tls;
use super::urls::ServerUrls;
use crate::log::{CONNECTION, line};
use crate::task;

/// How long to wait before a server is looked for again: at first, and at most.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(4));

/// How often at most it is said that nothing has changed.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(30);

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

/// The options with their credentials read, once what can be known without a server is known to be
/// right.
pub(crate) fn check(options: &ConnectOptions) -> Result<ConnectOptions, ConnectError> {
    options.checked_urls()?;
    Ok(ConnectOptions {
        auth: options.auth.as_ref().map(Auth::read).transpose()?,
        ..options.clone()
    })
}

/// Connects as often as the options say.
pub(crate) fn connect(options: &ConnectOptions) -> BoxFuture<'_, Result<Connection, ConnectError>> {
    Box::pin(async move {
        let number = options.connections.unwrap_or(1);
        if number == 1 {
            return connect_once(options).await;
        }
        // A file that can be read only once is read once.
        let options = &check(options)?;
        let first = connect_once(options).await?;
        let mut others = Vec::new();
        for _ in 1..number {
            others.push(connect_once(options).await?);
        }
        first.go_with(others);
        Ok(first)
    })
}

fn connect_once(options: &ConnectOptions) -> BoxFuture<'_, Result<Connection, ConnectError>> {
    Box::pin(async move {
        if !options.waits() {
            return connect_now(options).await;
        }
        // A file that can be read only once is read once.
        let options = &check(options)?;
        let (mut pause, longest) = RETRY_AFTER;
        let mut said: Option<(String, Instant)> = None;
        loop {
            let error = match connect_now(options).await {
                Err(error) if error.may_pass() => error.to_string(),
                Ok(connection) => {
                    if said.is_some() {
                        tracing::info!(target: CONNECTION, "NATS can be reached now");
                    }
                    return Ok(connection);
                }
                failed => return failed,
            };
            if said
                .as_ref()
                .is_none_or(|(before, at)| *before != error || at.elapsed() >= SAY_AGAIN_AFTER)
            {
                tracing::warn!(target: CONNECTION, error, "NATS cannot be reached yet, nothing is served, trying again");
                said = Some((error, Instant::now()));
            }
            tokio::time::sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    })
}

/// Connects once, on a thread of its own where one is wanted: what the client runs is where it was
/// made.
fn connect_now(options: &ConnectOptions) -> BoxFuture<'_, Result<Connection, ConnectError>> {
    if options.own_thread != Some(true) {
        return connect_here(options, None);
    }
    Box::pin(async move {
        let failed = |reason: String| ConnectError::Failed {
            urls: options.urls.clone().unwrap_or_default(),
            reason,
        };
        let shard = Shard::start()
            .map_err(|error| failed(format!("there is no thread for it: {error}")))?;
        let there = shard.clone();
        let options = options.clone();
        let connecting = async move { connect_here(&options, Some(there)).await };
        let connected = shard.handle().spawn(connecting).await;
        connected.unwrap_or_else(|error| Err(failed(error.to_string())))
    })
}

fn connect_here(
    options: &ConnectOptions,
    shard: Option<Shard>,
) -> BoxFuture<'_, Result<Connection, ConnectError>> {
    Box::pin(async move {
        let urls = options.checked_urls()?;
        let auth = options.auth.as_ref().or(urls.auth());
        let auth = auth
            .map(Auth::read)
            .transpose()?
            .map(|auth| Arc::new(Credentials::new(auth)));
        tls::choose_cryptography();
        let events = Events::new();
        let client = || client(options, &urls, auth.as_ref(), &events);
        let mut error = match dial(client(), urls.addresses().to_vec()).await {
            Ok(client) => {
                accepted(auth.as_deref());
                let connection = Connection::of(client, events, true, shard);
                connection.keep(again(options, &urls, auth.as_ref()));
                return Ok(connection);
            }
            Err(error) => error,
        };
        let mut seen = Vec::new();
        if is_about_the_way(&error) {
            seen = look::see(&urls).await;
            // The client tells what the last of a list said, in an order of its own: those that are
            // not there hide what is wrong with those that are.
            let there: Vec<_> = seen
                .iter()
                .filter(|(_, seen)| match seen {
                    Seen::Server(_) => true,
                    Seen::Mute => greets_late(options, &urls),
                    Seen::Nobody(_) => false,
                })
                .map(|(address, _)| (*address).clone())
                .collect();
            if !there.is_empty() && there.len() < seen.len() {
                match dial(client(), there).await {
                    Ok(client) => {
                        accepted(auth.as_deref());
                        let connection = Connection::of(client, events.clone(), true, shard);
                        let all = connection.client().set_server_pool(urls.addresses()).await;
                        if let Err(error) = all {
                            tracing::warn!(target: CONNECTION, %error, "only the servers that are there now are known");
                        }
                        connection.keep(again(options, &urls, auth.as_ref()));
                        return Ok(connection);
                    }
                    Err(again) => error = again,
                }
            }
        }
        let who = auth.as_deref().map(|auth| &auth.first);
        Err(explain(options, &urls, who, &error, seen))
    })
}

/// Makes a client. The one place for it: all that async-nats does until it is there would be compiled
/// again with each.
pub(super) fn dial(
    options: async_nats::ConnectOptions,
    servers: Vec<ServerAddr>,
) -> BoxFuture<'static, Result<Client, async_nats::ConnectError>> {
    Box::pin(options.connect(servers))
}

fn accepted(auth: Option<&Credentials>) {
    if let Some(auth) = auth {
        auth.accepted.store(true, Ordering::Relaxed);
    }
}

/// Whether the error may be that nothing is there.
fn is_about_the_way(error: &async_nats::ConnectError) -> bool {
    use ConnectErrorKind as Kind;
    tls::cause(error).is_none() && matches!(error.kind(), Kind::Io | Kind::TimedOut | Kind::Dns)
}

/// Whether servers there say nothing to whoever only looks: websockets, and those that wait for TLS.
fn greets_late(options: &ConnectOptions, urls: &ServerUrls) -> bool {
    urls.any_websocket() || options.tls.is_first()
}

fn client(
    options: &ConnectOptions,
    urls: &ServerUrls,
    auth: Option<&Arc<Credentials>>,
    events: &Events,
) -> async_nats::ConnectOptions {
    let mut client = client_options(auth)
        .connection_timeout(CONNECT_WITHIN)
        .event_callback(events.callback())
        .reconnect_delay_callback(events.reconnect_delay())
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
    client
}

/// The same client once more, with events of its own.
fn again(options: &ConnectOptions, urls: &ServerUrls, auth: Option<&Arc<Credentials>>) -> Again {
    let (options, urls, auth) = (options.clone(), urls.clone(), auth.cloned());
    Again {
        servers: urls.addresses().to_vec(),
        discovers: !urls.any_websocket(),
        options: Box::new(move |events| client(&options, &urls, auth.as_ref(), events)),
    }
}

/// The client's options with an answer to the server's challenge, which is made anew at each
/// connect.
fn client_options(auth: Option<&Arc<Credentials>>) -> async_nats::ConnectOptions {
    let Some(auth) = auth else {
        return async_nats::ConnectOptions::new();
    };
    let auth = Arc::clone(auth);
    async_nats::ConnectOptions::with_auth_callback(move |challenge| {
        let auth = Arc::clone(&auth);
        async move {
            let (tell, answer) = oneshot::channel();
            task::spawn_blocking(Box::new(move || {
                // The server may have hung up.
                let _ = tell.send(auth.answer(&challenge));
            }));
            answer
                .await
                .map_err(AuthError::new)?
                .map_err(AuthError::new)
        }
    })
}

/// Who a connection says it is, at first and later.
#[derive(Debug)]
struct Credentials {
    first: Auth,
    /// Whether a server let it in.
    accepted: AtomicBool,
    /// Whether it has been said that what the file says now cannot be used.
    said: AtomicBool,
}

impl Credentials {
    fn new(first: Auth) -> Self {
        Self {
            first,
            accepted: AtomicBool::new(false),
            said: AtomicBool::new(false),
        }
    }

    /// By what was read first, and at reconnects by what the file says then, if that can be used.
    fn answer(&self, challenge: &[u8]) -> Result<async_nats::Auth, ConnectError> {
        let reconnects = self.accepted.load(Ordering::Relaxed);
        match reconnects.then(|| self.first.read_again()).flatten() {
            None => self.first.answer(challenge),
            Some(Ok(newer)) => {
                self.said.store(false, Ordering::Relaxed);
                newer.answer(challenge)
            }
            // Reconnects can be many.
            Some(Err(error)) => {
                if !self.said.swap(true, Ordering::Relaxed) {
                    tracing::warn!(target: CONNECTION, error = line(&error.to_string()), "connecting with what the file said before");
                }
                self.first.answer(challenge)
            }
        }
    }
}

/// Turns the client's error into one that names the cause. The client cannot tell a silent port
/// from a slow server, so this has been looked at.
fn explain(
    options: &ConnectOptions,
    urls: &ServerUrls,
    auth: Option<&Auth>,
    error: &async_nats::ConnectError,
    seen: Vec<(&ServerAddr, Seen)>,
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
    // A server that wants another certificate says so and hangs up, and what it said may be lost.
    let verifies = |seen: &Seen| matches!(seen, Seen::Server(greeting) if greeting.tls_verify);
    if is_about_the_way(error) && seen.iter().any(|(_, seen)| verifies(seen)) {
        return ConnectError::Tls {
            urls: shown,
            reason: root_cause(error),
            advice: match options.tls.cert {
                Some(_) => tls::CERTIFICATE_REFUSED.to_owned(),
                None => tls::CERTIFICATE_REQUIRED.to_owned(),
            },
        };
    }
    match look::absence(urls, seen) {
        Some(ConnectError::NotNats { .. }) if greets_late(options, urls) => failed,
        Some(absence) => absence,
        None => failed,
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use nkeys::KeyPair;

    use super::*;

    /// A server that greets, and answers CONNECT with an error.
    fn refuses(says: &'static str) -> String {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("nats://{}", server.local_addr().unwrap());
        std::thread::spawn(move || {
            for socket in server.incoming() {
                let mut socket = socket.unwrap();
                let info = r#"INFO {"server_id":"x","version":"2.10.0","max_payload":1024}"#;
                let _ = write!(socket, "{info}\r\n");
                let mut heard = String::new();
                let mut lines = BufReader::new(socket.try_clone().unwrap());
                while lines.read_line(&mut heard).is_ok_and(|read| read > 0) {
                    if heard.contains("PING") {
                        let _ = write!(socket, "-ERR '{says}'\r\n");
                        break;
                    }
                }
            }
        });
        url
    }

    async fn error(urls: &str) -> ConnectError {
        connect(&ConnectOptions::new().urls(urls))
            .await
            .unwrap_err()
    }

    #[test]
    fn a_file_is_read_once_and_again_at_reconnects() {
        let file = std::env::temp_dir().join(format!("micro-nkey-{}.nk", std::process::id()));
        let [one, two] = [KeyPair::new_user(), KeyPair::new_user()];
        std::fs::write(&file, one.seed().unwrap()).unwrap();
        let options = check(&ConnectOptions::new().nkey(&file)).unwrap();
        let first = options.auth.unwrap().read().unwrap();
        let credentials = Credentials::new(first);
        let who = || credentials.answer(b"x").unwrap().nkey.unwrap();
        std::fs::write(&file, two.seed().unwrap()).unwrap();
        assert_eq!(who(), one.public_key());
        accepted(Some(&credentials));
        assert_eq!(who(), two.public_key());
        for unusable in ["", "SUA"] {
            std::fs::write(&file, unusable).unwrap();
            assert_eq!(who(), one.public_key());
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(who(), one.public_key());
    }

    #[test]
    fn credentials_can_be_given_without_a_file() {
        let seed = KeyPair::new_user().seed().unwrap();
        assert!(check(&ConnectOptions::new().nkey_seed(&seed)).is_ok());
        let creds = format!(
            "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        assert!(check(&ConnectOptions::new().creds_text(&creds)).is_ok());
        let error = check(&ConnectOptions::new().creds_text(&seed)).unwrap_err();
        assert!(!error.to_string().contains(&seed), "{error}");
    }

    #[tokio::test]
    async fn a_server_of_a_list_that_is_there_says_what_is_wrong() {
        let full = refuses("maximum connections exceeded");
        // The client takes a list in an order of its own.
        for _ in 0..8 {
            for list in [format!("{full},127.0.0.1:1"), format!("127.0.0.1:1,{full}")] {
                let error = error(&list).await;
                assert!(
                    matches!(&error, ConnectError::Failed { reason, .. }
                        if reason.contains("maximum connections exceeded")),
                    "{error}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_list_without_a_server_says_what_is_there() {
        let absent = error("127.0.0.1:1,127.0.0.1:2").await;
        assert!(
            matches!(absent, ConnectError::Unreachable { .. }),
            "{absent}"
        );
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let mute = format!("nats://{}", server.local_addr().unwrap());
        std::thread::spawn(move || {
            for socket in server.incoming() {
                let _ = socket
                    .unwrap()
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        });
        let error = error(&format!("127.0.0.1:1,{mute}")).await;
        assert!(
            matches!(&error, ConnectError::NotNats { url } if *url == mute),
            "{error}"
        );
    }
}
