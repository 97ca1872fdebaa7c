//! Where NATS is.
//!
//! What the settings say, else what listens on 127.0.0.1:4222, else, in a debug build, the dev
//! server inside this process. Whoever says anything of the connection never gets the dev server
//! in place of another.

use std::fmt;

use futures_util::future::BoxFuture;
use micro_devserver::DevServer;

use super::error::AppError;
use super::program;
use super::settings::{Repeated, Settings};
use crate::wire::{self, ConnectError, ConnectOptions, Connection, DEFAULT_URL, ServerUrls};

/// The port of the dev server, if it is free, so that every NATS tool finds it.
const DEV_PORT: u16 = 4222;

/// What asks for the dev server.
pub(super) const DEV: &str = "dev";

/// Where a program looks for NATS.
#[derive(Debug)]
pub(super) struct Search {
    settings: Settings,
    default_url: String,
    /// The port of the dev server, if it is free.
    dev_port: u16,
    /// Whether the dev server is there for want of another.
    dev_server: bool,
}

/// A connection, and what it is connected to.
pub(super) struct Nats {
    pub(super) connection: Connection,
    pub(super) origin: Origin,
    /// Ends when this is dropped.
    pub(super) dev_server: Option<DevServer>,
}

impl Nats {
    pub(super) fn given(connection: Connection) -> Self {
        Self {
            connection,
            origin: Origin::Given,
            dev_server: None,
        }
    }
}

/// What a connection is connected to, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// What was named, or what listened at the default address.
    Server {
        url: String,
        kind: String,
        for_others: Repeated,
    },
    /// The dev server inside this process.
    Dev { url: String, for_others: Repeated },
    /// A connection of the user's own.
    Given,
}

impl Origin {
    /// What has to be said to connect there as well, if it would not be found by itself: with this
    /// program, and with the `nats` command.
    pub(super) fn for_others(&self) -> Repeated {
        match self {
            Self::Server { for_others, .. } | Self::Dev { for_others, .. } => for_others.clone(),
            Self::Given => Repeated::default(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { url, kind, .. } => write!(f, "{url} ({kind})"),
            Self::Dev { url, .. } => write!(
                f,
                "{url} (development server inside this process: loopback only, keeps nothing, ends with it)"
            ),
            Self::Given => f.write_str("the program's own connection"),
        }
    }
}

impl Search {
    /// The usual places, unless something else was said.
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            default_url: DEFAULT_URL.to_owned(),
            dev_port: DEV_PORT,
            dev_server: cfg!(debug_assertions),
        }
    }

    /// For a person who looks at the terminal: nobody there is an answer, too.
    pub(super) fn without_waiting(mut self) -> Self {
        self.settings.options.retry = None;
        self
    }

    /// For a program that serves.
    pub(super) async fn connect(mut self) -> Result<Nats, AppError> {
        self.settings.options.own_thread.get_or_insert(true);
        self.check()?;
        match self.named() {
            Some(DEV) => self.start_dev_server().await,
            Some(urls) => self.connect_to(urls).await.map_err(|e| self.explain(e)),
            None if self.settings.options.waits() => self
                .connect_to(&self.default_url)
                .await
                .map_err(|e| self.explain(e)),
            None => match self.connect_to_default().await {
                Ok(nats) => Ok(nats),
                Err(ConnectError::Unreachable { .. } | ConnectError::NotNats { .. })
                    if self.dev_server && !self.settings.are_given() =>
                {
                    self.start_dev_server().await
                }
                Err(ConnectError::Unreachable { .. }) => Err(AppError::NoServer),
                Err(error) => Err(self.explain(error)),
            },
        }
    }

    /// For a program that only calls: a dev server of its own would have nobody to call.
    pub(super) async fn connect_to_running(mut self) -> Result<Connection, AppError> {
        self.settings.options.connections = None;
        self.check()?;
        let settings = self.settings.clone();
        let named = self.named().filter(|urls| *urls != DEV);
        let found = match (named, self.named()) {
            (Some(urls), _) => self.connect_to(urls).await,
            (None, None) if settings.options.waits() => self.connect_to(&self.default_url).await,
            (None, Some(_)) => not_running(self.connect_to_dev_server().await)?,
            (None, None) => not_running(self.connect_to_default().await)?,
        };
        Ok(found.map_err(|error| settings.explain(error))?.connection)
    }

    fn named(&self) -> Option<&str> {
        self.settings.options.urls.as_deref()
    }

    /// Finds what is wrong with what was said, before a server is looked for. Files that can be read
    /// only once have been read then.
    fn check(&mut self) -> Result<(), AppError> {
        if self.named() != Some(DEV) {
            let checked = wire::check(&self.settings.options);
            self.settings.options = checked.map_err(|error| self.explain(error))?;
        }
        Ok(())
    }

    fn explain(&self, error: ConnectError) -> AppError {
        self.settings.explain(error)
    }

    fn connect_to<'a>(&'a self, urls: &'a str) -> BoxFuture<'a, Result<Nats, ConnectError>> {
        Box::pin(async move {
            let url = ServerUrls::parse(urls)?.to_string();
            let connection = wire::connect(&self.settings.options.clone().urls(urls)).await?;
            Ok(Nats {
                origin: Origin::Server {
                    for_others: self.settings.repeated(&url),
                    kind: kind(&connection),
                    url,
                },
                connection,
                dev_server: None,
            })
        })
    }

    /// Looks before it connects, since most often nothing is there and a look is quick. A server
    /// that waits for TLS shows nothing to whoever only looks.
    fn connect_to_default(&self) -> BoxFuture<'_, Result<Nats, ConnectError>> {
        Box::pin(async move {
            if !self.settings.options.tls.is_first() {
                wire::look(&ServerUrls::parse(&self.default_url)?).await?;
            }
            self.connect_to(&self.default_url).await
        })
    }

    /// Connects to the dev server of another program, as this program connects to its own.
    async fn connect_to_dev_server(mut self) -> Result<Nats, ConnectError> {
        self.settings.options = self.options_for_dev(&self.default_url);
        self.connect_to_default().await
    }

    /// Who connects, and how, is of no matter to a dev server, and of none to whoever may listen in
    /// its place.
    fn options_for_dev(&self, url: &str) -> ConnectOptions {
        ConnectOptions {
            urls: Some(url.to_owned()),
            name: self.settings.options.name.clone(),
            own_thread: self.settings.options.own_thread,
            connections: self.settings.options.connections,
            ..ConnectOptions::default()
        }
    }

    fn start_dev_server(&self) -> BoxFuture<'_, Result<Nats, AppError>> {
        Box::pin(async move {
            let server = if let Ok(server) = DevServer::builder().port(self.dev_port).start().await
            {
                server
            } else {
                // Another program may have started one just now: then that is where to be, unless one
                // inside this process was asked for.
                if self.named().is_none()
                    && let Ok(nats) = self.connect_to_default().await
                {
                    return Ok(nats);
                }
                DevServer::start()
                    .await
                    .map_err(|error| AppError::DevServer {
                        reason: error.to_string(),
                    })?
            };
            let connection = wire::connect(&self.options_for_dev(&server.url()))
                .await
                .map_err(|error| self.explain(error))?;
            Ok(Nats {
                connection,
                origin: Origin::Dev {
                    for_others: self.settings.repeated_for_dev(&server.url()),
                    url: server.url(),
                },
                dev_server: Some(server),
            })
        })
    }
}

/// Tells nobody's being there from other errors.
fn not_running(found: Result<Nats, ConnectError>) -> Result<Result<Nats, ConnectError>, AppError> {
    match found {
        Err(ConnectError::Unreachable { .. }) => Err(AppError::NotRunning {
            program: program::command_line(),
        }),
        found => Ok(found),
    }
}

/// What kind of server it is, for people.
fn kind(connection: &Connection) -> String {
    let (name, version) = connection.server();
    if name == micro_devserver::SERVER_NAME {
        "a development server in another program: it ends with that".to_owned()
    } else {
        format!("nats-server {version}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::args::AppArgs;

    fn search(named: Option<&str>, default_url: &str, dev_server: bool) -> Search {
        let mut args = vec!["test"];
        args.extend(named.into_iter().flat_map(|named| ["--nats", named]));
        let settings = AppArgs::parse(&args).settings(&ConnectOptions::new());
        Search {
            default_url: default_url.to_owned(),
            dev_server,
            ..Search::new(settings.unwrap())
        }
    }

    /// A search by somebody with credentials, of whose every default somebody else holds the port.
    fn search_beside(stranger: &std::net::TcpListener, args: &[&str]) -> Search {
        let args: Vec<_> = [&["test", "--user", "ada", "--password", "hunter2"], args].concat();
        let settings = AppArgs::parse(&args).settings(&ConnectOptions::new());
        let address = stranger.local_addr().unwrap();
        Search {
            default_url: format!("nats://{address}"),
            dev_port: address.port(),
            ..Search::new(settings.unwrap())
        }
    }

    #[tokio::test]
    async fn whoever_asks_for_the_dev_server_says_nothing_to_whoever_holds_its_port() {
        let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        stranger.set_nonblocking(true).unwrap();
        let search = search_beside(&stranger, &["--nats", DEV]);
        let nats = search.connect().await.unwrap();
        assert!(
            matches!(nats.origin, Origin::Dev { .. }),
            "{:?}",
            nats.origin
        );
        let heard = stranger.accept().map(|_| ()).unwrap_err();
        assert_eq!(heard.kind(), std::io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_call_to_the_dev_server_has_no_credentials() {
        let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let search = search_beside(&stranger, &["--nats", DEV]);
        let heard = std::thread::spawn(move || {
            use std::io::{BufRead as _, BufReader, Write as _};
            // A look, and then whoever connects.
            for _ in 0..2 {
                let (mut socket, _) = stranger.accept().unwrap();
                let info = r#"INFO {"server_id":"x","version":"2.10.0","max_payload":1024}"#;
                socket.write_all(format!("{info}\r\n").as_bytes()).unwrap();
                let mut heard = String::new();
                BufReader::new(&socket).read_line(&mut heard).unwrap();
                if !heard.is_empty() {
                    return heard;
                }
            }
            String::new()
        });
        assert!(search.connect_to_running().await.is_err());
        let heard = heard.join().unwrap();
        assert!(heard.starts_with("CONNECT {"), "{heard}");
        assert!(
            !heard.contains("ada") && !heard.contains("hunter2"),
            "{heard}"
        );
    }

    #[tokio::test]
    async fn a_server_that_waits_for_tls_is_not_looked_at_in_the_clear() {
        use std::io::Read as _;
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let search = search_beside(&server, &["--tls-first"]);
        let heard = std::thread::spawn(move || {
            let (mut socket, _) = server.accept().unwrap();
            let mut first = [0];
            socket.read_exact(&mut first).map(|()| first[0])
        });
        assert!(search.connect().await.is_err());
        // The first byte of a TLS handshake.
        assert_eq!(heard.join().unwrap().ok(), Some(22));
    }

    /// Nothing listens on port 1, and nobody may.
    const NOBODY: &str = "nats://127.0.0.1:1";

    #[tokio::test]
    async fn a_release_build_without_a_server_is_told_the_ways_to_get_one() {
        let error = search(None, NOBODY, false).connect().await.err();
        let Some(error @ AppError::NoServer) = error else {
            panic!("{error:?}");
        };
        assert!(error.is_usage());
        for way in ["nats-server", "--nats URL", "NATS_URL", "--nats dev"] {
            assert!(error.to_string().contains(way), "{error}");
        }
    }

    #[tokio::test]
    async fn whoever_names_a_server_never_gets_another() {
        let error = search(Some(NOBODY), NOBODY, true).connect().await.err();
        assert!(
            matches!(
                error,
                Some(AppError::Connect {
                    error: ConnectError::Unreachable { .. },
                    ..
                })
            ),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_debug_build_without_a_server_has_one_of_its_own() {
        for named in [None, Some(""), Some(DEV)] {
            let nats = search(named, NOBODY, true).connect().await.unwrap();
            assert!(
                matches!(nats.origin, Origin::Dev { .. }),
                "{:?}",
                nats.origin
            );
        }
    }

    #[tokio::test]
    async fn a_server_that_is_found_is_named_by_its_kind() {
        let server = DevServer::start().await.unwrap();
        let url = server.url();
        let nats = search(None, &url, true).connect().await.unwrap();
        let server = Origin::Server {
            for_others: Repeated {
                ours: format!(" --nats {url}"),
                theirs: format!(" --server {url}"),
                left_out: Vec::new(),
            },
            kind: "a development server in another program: it ends with that".to_owned(),
            url,
        };
        assert_eq!(nats.origin, server);
    }

    #[tokio::test]
    async fn a_program_that_only_calls_starts_no_server() {
        let error = search(None, NOBODY, true).connect_to_running().await.err();
        assert!(
            matches!(error, Some(AppError::NotRunning { .. })),
            "{error:?}"
        );
    }
}
