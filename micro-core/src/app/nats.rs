//! Where NATS is.
//!
//! What the settings say, else what listens on 127.0.0.1:4222, else, in a debug build, the dev
//! server inside this process. Whoever says anything of the connection never gets the dev server
//! in place of another.

use std::fmt;

use micro_devserver::DevServer;

use super::error::AppError;
use super::program;
use super::settings::Settings;
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
        for_others: (String, String),
    },
    /// The dev server inside this process.
    Dev { url: String },
    /// A connection of the user's own.
    Given,
}

impl Origin {
    /// What has to be said to connect there as well, if it would not be found by itself: with this
    /// program, and with the `nats` command.
    pub(super) fn for_others(&self) -> (String, String) {
        match self {
            Self::Server { for_others, .. } => for_others.clone(),
            Self::Dev { url } => Settings::default().repeated(url),
            Self::Given => Default::default(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { url, kind, .. } => write!(f, "{url} ({kind})"),
            Self::Dev { url } => write!(
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
            dev_server: cfg!(debug_assertions),
        }
    }

    /// For a program that serves.
    pub(super) async fn connect(self) -> Result<Nats, AppError> {
        self.check()?;
        match self.named() {
            Some(DEV) => self.start_dev_server().await,
            Some(urls) => self.connect_to(urls).await.map_err(|e| self.explain(e)),
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
    pub(super) async fn connect_to_running(self) -> Result<Connection, AppError> {
        self.check()?;
        let nats = match self.named() {
            Some(urls) if urls != DEV => self.connect_to(urls).await,
            _ => match self.connect_to_default().await {
                Err(ConnectError::Unreachable { .. }) => {
                    return Err(AppError::NotRunning {
                        program: program::command_line(),
                    });
                }
                nats => nats,
            },
        };
        Ok(nats.map_err(|error| self.explain(error))?.connection)
    }

    fn named(&self) -> Option<&str> {
        self.settings.options.urls.as_deref()
    }

    /// Finds what is wrong with what was said, before a server is looked for.
    fn check(&self) -> Result<(), AppError> {
        match self.named() {
            Some(DEV) => Ok(()),
            _ => wire::check(&self.settings.options).map_err(|error| self.explain(error)),
        }
    }

    fn explain(&self, error: ConnectError) -> AppError {
        self.settings.explain(error)
    }

    async fn connect_to(&self, urls: &str) -> Result<Nats, ConnectError> {
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
    }

    /// Looks before it connects, since most often nothing is there and a look is quick.
    async fn connect_to_default(&self) -> Result<Nats, ConnectError> {
        wire::look(&ServerUrls::parse(&self.default_url)?).await?;
        self.connect_to(&self.default_url).await
    }

    /// Who connects, and how, is of no matter to a server inside this process.
    async fn start_dev_server(&self) -> Result<Nats, AppError> {
        let server = match DevServer::builder().port(DEV_PORT).start().await {
            Ok(server) => server,
            // Another program may have started one just now: then that is where to be.
            Err(_) => match self.connect_to_default().await {
                Ok(nats) if self.named().is_none() => return Ok(nats),
                _ => DevServer::start()
                    .await
                    .map_err(|error| AppError::DevServer {
                        reason: error.to_string(),
                    })?,
            },
        };
        let options = ConnectOptions {
            urls: Some(server.url()),
            name: self.settings.options.name.clone(),
            ..ConnectOptions::default()
        };
        let connection = wire::connect(&options)
            .await
            .map_err(|error| self.explain(error))?;
        Ok(Nats {
            connection,
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
                    source: ConnectError::Unreachable { .. },
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
            for_others: (format!(" --nats {url}"), format!(" --server {url}")),
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
