//! Where NATS is.
//!
//! `--nats` or `NATS_URL`, else what listens on 127.0.0.1:4222, else, in a debug build, the dev
//! server inside this process. Whoever names a server never gets the dev server in its place.

use std::fmt;

use micro_devserver::DevServer;

use super::error::AppError;
use super::program;
use crate::wire::{self, ConnectError, Connection};

/// Where every NATS tool looks first.
const DEFAULT_URL: &str = "nats://127.0.0.1:4222";

/// The port of the dev server, if it is free, so that every NATS tool finds it.
const DEV_PORT: u16 = 4222;

/// What asks for the dev server.
const DEV: &str = "dev";

/// Where a program looks for NATS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    named: Option<&'a str>,
    default_url: &'a str,
    /// Whether the dev server is there for want of another.
    dev_server: bool,
    /// What the server lists the connection as.
    client_name: &'a str,
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
    Server { url: String, kind: String },
    /// The dev server inside this process.
    Dev { url: String },
    /// A connection of the user's own.
    Given,
}

impl Origin {
    /// The URL for other programs to connect to, if they would not find it by themselves.
    pub(super) fn url_for_others(&self) -> Option<&str> {
        match self {
            Self::Server { url, .. } | Self::Dev { url } if url != DEFAULT_URL => Some(url),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { url, kind } => write!(f, "{url} ({kind})"),
            Self::Dev { url } => write!(
                f,
                "{url} (development server inside this process: loopback only, keeps nothing, ends with it)"
            ),
            Self::Given => f.write_str("the program's own connection"),
        }
    }
}

impl<'a> Search<'a> {
    /// The usual places; `named` is what the person said, if anything.
    pub(super) fn new(named: Option<&'a str>, client_name: &'a str) -> Self {
        Self {
            named: named.filter(|urls| !urls.trim().is_empty()),
            default_url: DEFAULT_URL,
            dev_server: cfg!(debug_assertions),
            client_name,
        }
    }

    /// For a program that serves.
    pub(super) async fn connect(self) -> Result<Nats, AppError> {
        match self.named {
            Some(DEV) => self.start_dev_server().await,
            Some(urls) => Ok(self.connect_to(urls).await?),
            None => match self.connect_to_default().await {
                Ok(nats) => Ok(nats),
                Err(ConnectError::Unreachable { .. } | ConnectError::NotNats { .. })
                    if self.dev_server =>
                {
                    self.start_dev_server().await
                }
                Err(ConnectError::Unreachable { .. }) => Err(AppError::NoServer),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// For a program that only calls: a dev server of its own would have nobody to call.
    pub(super) async fn connect_to_running(self) -> Result<Connection, AppError> {
        let nats = match self.named {
            Some(urls) if urls != DEV => self.connect_to(urls).await?,
            _ => match self.connect_to_default().await {
                Err(ConnectError::Unreachable { .. }) => {
                    return Err(AppError::NotRunning {
                        program: program::command_line(),
                    });
                }
                nats => nats?,
            },
        };
        Ok(nats.connection)
    }

    async fn connect_to(self, urls: &str) -> Result<Nats, ConnectError> {
        let urls = wire::parse_urls(urls)?;
        let connection = wire::connect(&urls, Some(self.client_name)).await?;
        Ok(Nats {
            origin: Origin::Server {
                url: urls.to_string(),
                kind: kind(&connection),
            },
            connection,
            dev_server: None,
        })
    }

    /// Looks before it connects, since most often nothing is there and a look is quick.
    async fn connect_to_default(self) -> Result<Nats, ConnectError> {
        wire::look(&wire::parse_urls(self.default_url)?).await?;
        self.connect_to(self.default_url).await
    }

    async fn start_dev_server(self) -> Result<Nats, AppError> {
        let server = match DevServer::builder().port(DEV_PORT).start().await {
            Ok(server) => server,
            // Another program may have started one just now: then that is where to be.
            Err(_) => match self.connect_to_default().await {
                Ok(nats) if self.named.is_none() => return Ok(nats),
                _ => DevServer::start()
                    .await
                    .map_err(|error| AppError::DevServer {
                        reason: error.to_string(),
                    })?,
            },
        };
        let nats = self.connect_to(&server.url()).await?;
        Ok(Nats {
            connection: nats.connection,
            origin: Origin::Dev { url: server.url() },
            dev_server: Some(server),
        })
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

    fn search<'a>(named: Option<&'a str>, default_url: &'a str, dev_server: bool) -> Search<'a> {
        Search {
            default_url,
            dev_server,
            ..Search::new(named, "test")
        }
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
                Some(AppError::Connect(ConnectError::Unreachable { .. }))
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
        let kind = "a development server in another program: it ends with that".to_owned();
        assert_eq!(nats.origin, Origin::Server { url, kind });
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
