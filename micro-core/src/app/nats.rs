//! Where NATS is.
//!
//! `--nats` or `NATS_URL`, else what listens on 127.0.0.1:4222, else, in a debug build, the dev
//! server inside this process. Whoever names a server never gets the dev server in its place.

use std::fmt;

use micro_devserver::DevServer;

use super::error::AppError;
use crate::wire::{self, ConnectError, Connection};

/// Where every NATS tool looks first.
const DEFAULT_URL: &str = "nats://127.0.0.1:4222";

/// The port of the dev server, if it is free, so that every NATS tool finds it.
const DEV_PORT: u16 = 4222;

/// What asks for the dev server.
const DEV: &str = "dev";

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
    /// What was named.
    Named(String),
    /// What listened at the default address.
    Found,
    /// The dev server.
    Dev(String),
    /// A connection of the user's own.
    Given,
}

impl Origin {
    /// The URL for other programs to connect to, if they would not find it by themselves.
    pub(super) fn url_for_others(&self) -> Option<&str> {
        match self {
            Self::Named(url) | Self::Dev(url) if url != DEFAULT_URL => Some(url),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(url) => write!(f, "{url}"),
            Self::Found => write!(f, "{DEFAULT_URL} (found there)"),
            Self::Dev(url) => write!(
                f,
                "{url} (development server inside this process: loopback only, keeps nothing, ends with it)"
            ),
            Self::Given => write!(f, "the program's own connection"),
        }
    }
}

/// For a program that serves.
pub(super) async fn connect(named: Option<&str>, name: &str) -> Result<Nats, AppError> {
    match named {
        Some(DEV) => dev_server(name).await,
        Some(urls) => connect_to(urls, name).await,
        None => match default_server(name).await {
            Ok(nats) => Ok(nats),
            Err(ConnectError::Unreachable { .. } | ConnectError::NotNats { .. })
                if cfg!(debug_assertions) =>
            {
                dev_server(name).await
            }
            Err(ConnectError::Unreachable { .. }) => Err(AppError::NoServer),
            Err(error) => Err(error.into()),
        },
    }
}

/// For a program that only calls: a dev server of its own would have nobody to call.
pub(super) async fn connect_to_running(
    named: Option<&str>,
    name: &str,
) -> Result<Connection, AppError> {
    let nats = match named {
        Some(urls) if urls != DEV => connect_to(urls, name).await?,
        _ => default_server(name).await?,
    };
    Ok(nats.connection)
}

async fn connect_to(urls: &str, name: &str) -> Result<Nats, AppError> {
    let urls = wire::parse_urls(urls)?;
    let connection = wire::connect(&urls, Some(name)).await?;
    Ok(Nats {
        connection,
        origin: Origin::Named(urls.to_string()),
        dev_server: None,
    })
}

/// Looks before it connects, since most often nothing is there and a look is quick.
async fn default_server(name: &str) -> Result<Nats, ConnectError> {
    let urls = wire::parse_urls(DEFAULT_URL)?;
    wire::look(&urls).await?;
    Ok(Nats {
        connection: wire::connect(&urls, Some(name)).await?,
        origin: Origin::Found,
        dev_server: None,
    })
}

async fn dev_server(name: &str) -> Result<Nats, AppError> {
    let on_default_port = DevServer::builder().port(DEV_PORT).start().await;
    let server = match on_default_port {
        Ok(server) => server,
        Err(_) => DevServer::start()
            .await
            .map_err(|error| AppError::DevServer {
                reason: error.to_string(),
            })?,
    };
    let url = server.url();
    let connection = wire::connect(&wire::parse_urls(&url)?, Some(name)).await?;
    Ok(Nats {
        connection,
        origin: Origin::Dev(url),
        dev_server: Some(server),
    })
}
