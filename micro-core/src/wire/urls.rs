//! The addresses of servers: a comma-separated list of URLs.

use std::fmt;
use std::io;

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use super::auth::Auth;
use super::connect_error::ConnectError;
use super::secret::Secret;

const WEBSOCKETS: bool = cfg!(feature = "websockets");

/// Server addresses that parse, and who their URLs say is connecting.
#[derive(Clone, Debug)]
pub(crate) struct ServerUrls {
    /// Without users and passwords: the client logs these, and does not read those.
    addresses: Vec<ServerAddr>,
    auth: Option<Auth>,
}

impl fmt::Display for ServerUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.addresses.iter().map(shown).collect();
        f.write_str(&urls.join(","))
    }
}

impl ServerUrls {
    /// Reads a comma-separated list of server URLs.
    pub(crate) fn parse(urls: &str) -> Result<Self, ConnectError> {
        let mut addresses = Vec::new();
        let mut auth = None;
        let pieces = urls.split(',').map(str::trim);
        if has_cut_password(pieces.clone()) {
            // Any of the pieces may be a part of the password.
            return Err(ConnectError::Url {
                url: "nats://...@...".to_owned(),
                reason:
                    "a comma in a password has to be written `%2C`, and a URL with a user that \
                         follows one without has to begin with its scheme"
                        .to_owned(),
            });
        }
        for url in pieces.filter(|url| !url.is_empty()) {
            let address = read(url)?;
            if let Some(found) = auth_in(&address) {
                if auth.as_ref().is_some_and(|before| *before != found) {
                    return Err(ConnectError::Url {
                        url: shown(&address),
                        reason: "it names another user than a URL before it, and a connection has \
                                 one"
                        .to_owned(),
                    });
                }
                auth = Some(found);
            }
            addresses.push(without_auth(address));
        }
        if addresses.is_empty() {
            return Err(ConnectError::Url {
                url: urls.to_owned(),
                reason: "it is empty".to_owned(),
            });
        }
        let is_websocket = addresses.first().map(ServerAddr::is_websocket);
        if let Some(other) = addresses
            .iter()
            .find(|a| Some(a.is_websocket()) != is_websocket)
        {
            return Err(ConnectError::Url {
                url: shown(other),
                reason: "a list names websockets or other NATS servers, and not both".to_owned(),
            });
        }
        Ok(Self { addresses, auth })
    }

    pub(super) fn addresses(&self) -> &[ServerAddr] {
        &self.addresses
    }

    /// Whether both name the same servers and the same user, in whatever order and spelling.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let all = |urls: &Self| -> Vec<_> { urls.addresses.iter().map(shown).collect() };
        let (ours, theirs) = (all(self), all(other));
        let is_within = |some: &[String], all: &[String]| some.iter().all(|url| all.contains(url));
        is_within(&ours, &theirs) && is_within(&theirs, &ours) && self.auth == other.auth
    }

    /// The user and password of a URL, or its token where there is no password.
    pub(crate) fn auth(&self) -> Option<&Auth> {
        self.auth.as_ref()
    }

    /// Whether one of them asks for TLS. It is then asked of all: a list is not to be as weak as
    /// its weakest.
    pub(super) fn want_tls(&self) -> bool {
        self.addresses
            .iter()
            .any(|address| matches!(address.scheme(), "tls" | "wss"))
    }

    /// The first that is a websocket without TLS.
    pub(super) fn plain_websocket(&self) -> Option<String> {
        let plain = self.addresses.iter().find(|a| a.scheme() == "ws");
        plain.map(shown)
    }

    pub(super) fn any_websocket(&self) -> bool {
        self.addresses.iter().any(ServerAddr::is_websocket)
    }
}

fn read(url: &str) -> Result<ServerAddr, ConnectError> {
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
    if address.is_websocket() && !WEBSOCKETS {
        return Err(ConnectError::NoWebsockets {
            url: without_user(url),
        });
    }
    if address.host().is_empty() {
        return Err(refused("it names no host"));
    }
    if address.password().is_some() && address.username().is_none_or(str::is_empty) {
        return Err(refused(
            "it has a password without a user: a user goes before the `:`, and a token is alone \
             before the `@`",
        ));
    }
    let tail = address.clone().into_inner();
    let tail = [Some(tail.path()), tail.query(), tail.fragment()];
    if tail.into_iter().flatten().any(|part| part.contains('@')) {
        return Err(refused(
            "a `/`, `?` or `#` in a password has to be written `%2F`, `%3F` or `%23`",
        ));
    }
    Ok(address)
}

/// Whether the pieces of a list look like one URL that commas in its password have cut.
fn has_cut_password<'a>(pieces: impl Iterator<Item = &'a str>) -> bool {
    // Whether a URL has begun that could still come to its `@`.
    let mut begun = false;
    for piece in pieces {
        let has_user = piece.contains('@');
        if piece.contains("://") || has_port_that_is_none(piece) {
            begun = !has_user;
        } else if has_user && begun {
            return true;
        }
    }
    false
}

/// Whether this is a user and the beginning of a password, rather than a host and its port.
fn has_port_that_is_none(piece: &str) -> bool {
    let ports = piece.rsplit_once(':').filter(|_| !piece.ends_with(']'));
    ports.is_some_and(|(_, port)| port.parse::<u16>().is_err())
}

/// A URL as it may be shown: a password in it is not for logs or banners.
pub(super) fn shown(address: &ServerAddr) -> String {
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
        // What is in the place of a port and is none may be a password whose `@` was forgotten.
        None => match url.rsplit_once(':') {
            Some((host, port))
                if host.contains("://")
                    && !port.ends_with(']')
                    && port.contains(|c: char| !c.is_ascii_digit()) =>
            {
                format!("{host}:...")
            }
            _ => url.to_owned(),
        },
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

fn auth_in(address: &ServerAddr) -> Option<Auth> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = decode(address.username()?);
    Some(match address.password() {
        Some(password) => Auth::User {
            user,
            password: Secret::new(decode(password)),
        },
        None => Auth::Token(Secret::new(user)),
    })
}

fn without_auth(address: ServerAddr) -> ServerAddr {
    if !address.has_user_pass() && address.password().is_none() {
        return address;
    }
    let mut url = address.clone().into_inner();
    // They fail for URLs that cannot have a user, and this one has one.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return address;
    }
    ServerAddr::from_url(url).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let urls = ServerUrls::parse("nats://ada:hunter2@host:4333, [::1]:4222").unwrap();
        assert_eq!(urls.to_string(), "nats://host:4333,nats://[::1]:4222");
        let debug = format!("{urls:?}");
        assert!(debug.contains("host") && debug.contains("ada"), "{debug}");
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn a_user_or_a_token_is_read_and_decoded() {
        let auth = |urls: &str| ServerUrls::parse(urls).unwrap().auth().cloned();
        assert_eq!(auth("host"), None);
        let user = Auth::User {
            user: "ada".to_owned(),
            password: Secret::new("a/b"),
        };
        assert_eq!(auth("nats://ada:a%2Fb@one,two"), Some(user.clone()));
        assert_eq!(auth("ada:a%2Fb@one,tls://ada:a%2Fb@two"), Some(user));
        let token = Auth::Token(Secret::new("t"));
        assert_eq!(auth("one:4222,t@two"), Some(token.clone()));
        assert_eq!(auth("nats://one,nats://t@two"), Some(token));
        let token = Auth::Token(Secret::new("t,k"));
        assert_eq!(auth("nats://t%2Ck@host"), Some(token));
    }

    #[test]
    fn a_password_whose_host_was_forgotten_is_not_shown() {
        let said = ServerUrls::parse("nats://ada:hunter2").unwrap_err();
        assert!(said.to_string().contains("nats://ada:..."), "{said}");
        assert!(!said.to_string().contains("hunter2"), "{said}");
    }

    #[test]
    fn a_url_that_does_not_parse_is_named() {
        for (urls, says) in [
            ("nats://", "`nats://` is not a NATS URL"),
            ("http://x", "`http://x` is not a NATS URL: invalid scheme"),
            ("nats://a b", "it contains white space"),
            (
                "nats://u:hunter2@h:nine",
                "`nats://h:nine` is not a NATS URL",
            ),
            ("", "it is empty"),
            (" , ", "it is empty"),
            (
                "nats://h:99999",
                "`nats://h:99999` is not a NATS URL: invalid port",
            ),
            (
                "nats://u:hun,ter2@h",
                "a comma in a password has to be written `%2C`",
            ),
            (
                "nats://hunt,er2@127.0.0.1:1",
                "a comma in a password has to be written `%2C`",
            ),
            (
                "u:hun,ter2@h",
                "a comma in a password has to be written `%2C`",
            ),
            (
                "tls://hunt,er2,hunter2@h",
                "a comma in a password has to be written `%2C`",
            ),
            ("nats://:hunter2@h", "it has a password without a user"),
            ("nats://u:1/hunter2@h", "`/`, `?` or `#` in a password"),
            ("nats://u:1#hunter2@h", "`/`, `?` or `#` in a password"),
            (
                "nats://u:hunter2@a,nats://v:hunter2@b",
                "`nats://b:4222` is not a NATS URL: it names another user",
            ),
        ] {
            let error = ServerUrls::parse(urls).unwrap_err();
            assert!(error.is_usage());
            let text = error.to_string();
            assert!(text.contains(says), "{urls:?}: {text}");
            assert!(!text.contains("hun") && !text.contains("ter2"), "{text}");
        }
    }

    #[cfg(feature = "websockets")]
    #[test]
    fn a_list_is_of_websockets_or_has_none() {
        for urls in ["tls://a,ws://b", "ws://a,b", "nats://a,wss://b"] {
            let error = ServerUrls::parse(urls).unwrap_err().to_string();
            assert!(error.contains("and not both"), "{urls}: {error}");
        }
        for (urls, tls) in [
            ("ws://a", false),
            ("wss://a,wss://b", true),
            ("ws://a,wss://b", true),
        ] {
            assert_eq!(ServerUrls::parse(urls).unwrap().want_tls(), tls, "{urls}");
        }
    }

    #[cfg(not(feature = "websockets"))]
    #[test]
    fn a_websocket_names_the_feature_it_needs() {
        for url in ["ws://u:secret@h:80", "wss://h"] {
            let error = ServerUrls::parse(url).unwrap_err();
            assert!(error.is_usage());
            let text = error.to_string();
            assert!(
                text.contains("feature `websockets` of `micro-rs`"),
                "{text}"
            );
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
