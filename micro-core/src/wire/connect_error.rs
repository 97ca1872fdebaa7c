//! Why there is no connection.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::setting_path::SettingPath;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A URL cannot be read.
    #[error("`{url}` is not a NATS URL: {reason}; write `nats://host:4222`")]
    Url {
        /// The URL as it was given, without a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A URL is a websocket's, and this program was built without them.
    #[error(
        "`{url}` needs the feature `websockets` of `micro-rs`: switch it on in Cargo.toml, or write \
         a `nats://` URL"
    )]
    NoWebsockets {
        /// The URL as it was given, without a password.
        url: String,
    },
    /// A file cannot be read, or does not hold what it should.
    #[error("cannot use the {setting} file {}: {reason}", .path.display())]
    File {
        /// What the file was given for.
        setting: ConnectSetting,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What was given does not go together, or cannot be used.
    #[error("{reason}")]
    Settings {
        /// What it is about.
        setting: ConnectSetting,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing listens at any of the addresses.
    #[error("no NATS server at {urls}: {error}; start one there, or give the URL of another")]
    Unreachable {
        /// Where a server was looked for.
        urls: String,
        /// What the system said.
        error: io::Error,
    },
    /// Something listens, and it is not NATS.
    #[error(
        "what listens at {url} does not speak NATS; give the URL of a NATS server, or ask for TLS \
         first if that is how it is set up"
    )]
    NotNats {
        /// Where it listens.
        url: String,
    },
    /// There is no TLS between the two.
    #[error("no TLS connection to NATS at {urls}: {reason}; {advice}")]
    Tls {
        /// The server or servers.
        urls: String,
        /// What went wrong.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// The server wants other credentials.
    #[error("the NATS server at {urls} refused {who}: {reason}; give credentials that it accepts")]
    Refused {
        /// The server or servers.
        urls: String,
        /// Who asked: a user, a file with credentials, nobody in particular.
        who: String,
        /// The server's reason.
        reason: String,
    },
    /// Anything else: DNS, time.
    #[error("cannot connect to NATS at {urls}: {reason}; check the URL")]
    Failed {
        /// The server or servers.
        urls: String,
        /// What went wrong.
        reason: String,
    },
}

/// One thing that can be said of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectSetting {
    /// Where the servers are.
    Urls,
    /// A file with a user's JWT and seed.
    Creds,
    /// A file with a user's seed.
    NKey,
    /// The name of a user.
    User,
    /// Its password.
    Password,
    /// A token.
    Token,
    /// A user's JWT.
    Jwt,
    /// The seed that the JWT was made for.
    Seed,
    /// The certificates that are trusted.
    TlsCa,
    /// This client's certificate.
    TlsCert,
    /// The key of this client's certificate.
    TlsKey,
    /// Whether TLS comes first.
    TlsFirst,
    /// What the subjects of replies begin with.
    InboxPrefix,
    /// Whether to wait for a server.
    RetryConnect,
    /// How many connections are made.
    Connections,
}

impl fmt::Display for ConnectSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Urls => "server URL",
            Self::Creds => "credentials",
            Self::NKey => "nkey",
            Self::User => "user",
            Self::Password => "password",
            Self::Token => "token",
            Self::Jwt => "user's JWT",
            Self::Seed => "user's seed",
            Self::TlsCa => "CA certificate",
            Self::TlsCert => "client certificate",
            Self::TlsKey => "client key",
            Self::TlsFirst => "wish for TLS first",
            Self::InboxPrefix => "inbox prefix",
            Self::RetryConnect => "wish to wait for a server",
            Self::Connections => "number of connections",
        })
    }
}

impl ConnectError {
    pub(super) fn file(setting: ConnectSetting, path: &SettingPath, reason: &str) -> Self {
        match Self::path_of(setting, path) {
            Ok(path) => Self::File {
                setting,
                path: path.to_owned(),
                reason: reason.to_owned(),
            },
            Err(error) => error,
        }
    }

    /// The path itself; an error if it is what should be in the file.
    pub(super) fn path_of(setting: ConnectSetting, path: &SettingPath) -> Result<&Path, Self> {
        path.path().ok_or_else(|| Self::Settings {
            setting,
            reason: format!(
                "the {setting} cannot be used: that is the content and not a path; write it to a \
                 file that only you can read, and give the path of that"
            ),
        })
    }

    /// Whether it may go by itself: a server that is not there may come, and one that is full may
    /// have room; a password does not become right, nor something else a NATS server.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }

    /// Whether what was given is wrong, rather than the world.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Url { .. }
                | Self::NoWebsockets { .. }
                | Self::File { .. }
                | Self::Settings { .. }
        )
    }
}

/// Whether a server's refusal is about who asks. The client knows one of them.
pub(super) fn is_about_who(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["authentication", "authorization", "signing"]
        .iter()
        .any(|about| reason.contains(about))
}
