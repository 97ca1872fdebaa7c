//! What can be said of a connection before it is made.

use std::fmt;
use std::path::PathBuf;

use micro_names::check_token;

use super::auth::{Auth, Source};
use super::connect_error::{ConnectError, ConnectSetting};
use super::secret::Secret;
use super::setting_path::SettingPath;
use super::tls::Tls;
use super::urls::ServerUrls;

/// Where every NATS tool looks first.
pub(crate) const DEFAULT_URL: &str = "nats://127.0.0.1:4222";

/// More than any machine has cores for.
const CONNECTIONS_MAX: usize = 64;

/// What can be said of a connection before it is made: for [`Connection::connect_with`], and for
/// [`App::connect_options`](crate::App::connect_options), where flags and variables go before it.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example() -> Result<(), micro::ConnectError> {
/// use micro::{ConnectOptions, Connection};
///
/// let options = ConnectOptions::new()
///     .urls("tls://one.example.com,tls://two.example.com")
///     .creds("/run/secrets/billing.creds")
///     .tls_ca("/etc/ssl/ours.pem");
/// let connection = Connection::connect_with(&options).await?;
/// # Ok(()) }
/// ```
///
/// Passwords, tokens and seeds are not among what `Debug` shows, nor is the content of a file that
/// was given in place of its path.
///
#[doc = include_str!("connecting.md")]
///
/// [`Connection::connect_with`]: crate::Connection::connect_with
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "options do nothing until something connects with them"]
pub struct ConnectOptions {
    pub(crate) urls: Option<String>,
    pub(crate) auth: Option<Auth>,
    pub(crate) tls: Tls,
    pub(crate) inbox_prefix: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) retry: Option<bool>,
    pub(crate) own_thread: Option<bool>,
    pub(crate) connections: Option<usize>,
}

impl ConnectOptions {
    /// Nothing said: 127.0.0.1:4222, without credentials.
    pub fn new() -> Self {
        Self::default()
    }

    /// The servers, separated by commas: any that answers will do. Without a scheme, a host is a
    /// `nats://` one; without a port, it is at 4222.
    pub fn urls(mut self, urls: impl Into<String>) -> Self {
        self.urls = Some(urls.into());
        self
    }

    /// A file with a user's JWT and seed, as `nsc` writes it. It is read once, and again at each
    /// reconnect, so that renewed credentials are found; what was read first holds where the file
    /// cannot be read any more.
    ///
    /// This and the next six exclude each other: the last call counts, and goes before what a URL
    /// says.
    pub fn creds(self, file: impl Into<PathBuf>) -> Self {
        self.auth(Auth::Creds(Source::File(SettingPath::new(file))))
    }

    /// What would be in the file of [`creds`](Self::creds), for programs that have it from
    /// elsewhere.
    pub fn creds_text(self, text: impl Into<String>) -> Self {
        self.auth(Auth::Creds(Source::Text(Secret::new(text))))
    }

    /// A file with a user's seed, read as [`creds`](Self::creds) is.
    pub fn nkey(self, file: impl Into<PathBuf>) -> Self {
        self.auth(Auth::NKey(Source::File(SettingPath::new(file))))
    }

    /// A user's seed itself.
    pub fn nkey_seed(self, seed: impl Into<String>) -> Self {
        self.auth(Auth::NKey(Source::Text(Secret::new(seed))))
    }

    /// A user and a password.
    pub fn user(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.auth(Auth::User {
            user: user.into(),
            password: Secret::new(password),
        })
    }

    /// A token.
    pub fn token(self, token: impl Into<String>) -> Self {
        self.auth(Auth::Token(Secret::new(token)))
    }

    /// A user's JWT, and the seed that it was made for.
    pub fn jwt(self, jwt: impl Into<String>, seed: impl Into<String>) -> Self {
        self.auth(Auth::Jwt {
            jwt: Secret::new(jwt),
            seed: Some(Secret::new(seed)),
        })
    }

    pub(crate) fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// A file with the certificates that are trusted, in PEM form, instead of the system's.
    ///
    /// Whoever sets anything of TLS gets it, or no connection. TLS is that of `rustls`, with the
    /// cryptography that the program has installed as its default; if there is none, the first
    /// connection installs `ring`.
    pub fn tls_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls.ca = Some(SettingPath::new(file));
        self
    }

    /// Files with this client's certificate and its key, in PEM form.
    pub fn tls_cert(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.cert = Some(SettingPath::new(cert));
        self.tls.key = Some(SettingPath::new(key));
        self
    }

    /// TLS before the server has said anything, for servers that are set up that way.
    pub fn tls_first(mut self) -> Self {
        self.tls.first = Some(true);
        self
    }

    /// What the subjects of replies begin with, instead of `_INBOX`: for users whose permissions
    /// name another.
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = Some(prefix.into());
        self
    }

    /// The name of the connection in the server's lists. A program has its service's.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Waits for a server where none can be reached, with a back-off of at most four seconds, and
    /// logs what it waits for; for one with no room for another connection too. Where something else
    /// answers than a NATS server, or one that refuses who asks, that is an error all the same.
    pub fn retry_connect(mut self) -> Self {
        self.retry = Some(true);
        self
    }

    /// Whether the connection has a thread of its own, on which it also reads the requests of its
    /// services, and runs their handlers as far as they are done at once or wait, with what those
    /// spawn. Handlers that compute for longer, as far as is known by then, run where the service was
    /// started, and the first of each endpoint does; those that are `blocking` have threads for it.
    ///
    /// It makes a small request cheaper, since nobody has to be woken for it, and keeps discovery and
    /// cheap endpoints quick while others compute. It is one thread: what is cheap uses one core, and
    /// a handler that blocks it blocks the connection. An [`App`](crate::App) that serves has one
    /// unless told otherwise, other connections have none unless told so.
    pub fn own_thread(mut self, own: bool) -> Self {
        self.own_thread = Some(own);
        self
    }

    /// How many connections are made in place of one, at most 64: for services whose handlers are so
    /// cheap that one connection's client is what keeps them from more. Each has a thread of its own,
    /// if [`own_thread`](Self::own_thread) says so.
    ///
    /// A service asks for its endpoints over each, in their queue groups, so that the server shares
    /// their requests out among them. It stays one instance: one id, one set of counters and limits,
    /// one stop. Over the first connection alone go discovery, endpoints without a queue group, and
    /// those with a `concurrency` of 1, whose requests are served in the order in which they come.
    ///
    /// A service with N of them has N times the requests of one with a connection in the same queue
    /// group, and may hold N times as many that it has not read. All must be there when it starts, and it
    /// ends when any of them is closed for good; while one is away, the others serve.
    ///
    /// [`Connection::connect_with`](crate::Connection::connect_with) makes them all; what it returns
    /// publishes and calls over the first.
    pub fn connections(mut self, number: usize) -> Self {
        self.connections = Some(number);
        self
    }

    /// Whether to wait for a server.
    pub(crate) fn waits(&self) -> bool {
        self.retry == Some(true)
    }

    fn parsed_urls(&self) -> Result<ServerUrls, ConnectError> {
        ServerUrls::parse(self.urls.as_deref().unwrap_or(DEFAULT_URL))
    }

    /// The URLs, once everything that can be known without a server is known to be right.
    pub(super) fn checked_urls(&self) -> Result<ServerUrls, ConnectError> {
        let urls = self.parsed_urls()?;
        if (self.tls.is_wanted() || urls.want_tls())
            && let Some(url) = urls.plain_websocket()
        {
            return Err(ConnectError::Url {
                reason: "TLS was asked for, and a `ws://` URL has none: write `wss://`".to_owned(),
                url,
            });
        }
        self.tls.check()?;
        if let Some(number) = self.connections
            && !(1..=CONNECTIONS_MAX).contains(&number)
        {
            return Err(ConnectError::Settings {
                setting: ConnectSetting::Connections,
                reason: format!("there can be 1 to {CONNECTIONS_MAX} connections, not {number}"),
            });
        }
        if let Some(prefix) = &self.inbox_prefix
            && let Err(problem) = prefix.split('.').try_for_each(check_token)
        {
            return Err(ConnectError::Settings {
                setting: ConnectSetting::InboxPrefix,
                reason: format!("`{prefix}` is not an inbox prefix: {problem}"),
            });
        }
        Ok(urls)
    }
}

/// Without the users and passwords of URLs.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls = self.urls.as_ref().map(|_| match self.parsed_urls() {
            Ok(urls) => urls.to_string(),
            Err(error) => error.to_string(),
        });
        f.debug_struct("ConnectOptions")
            .field("urls", &urls)
            .field("auth", &self.auth)
            .field("tls", &self.tls)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("name", &self.name)
            .field("retry", &self.retry)
            .field("own_thread", &self.own_thread)
            .field("connections", &self.connections)
            .finish()
    }
}
