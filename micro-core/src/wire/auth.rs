//! Who a connection says it is.

use std::fmt;

use nkeys::{KeyPair, KeyPairType};

use super::connect_error::{ConnectError, ConnectSetting};
use super::secret::Secret;
use super::setting_path::SettingPath;

/// How a connection shows who it is. There is one way at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    User {
        user: String,
        password: Secret,
    },
    Token(Secret),
    /// A user's JWT and the seed that it was made for, in one text.
    Creds(Source),
    /// A user's seed.
    NKey(Source),
    /// The two parts of credentials. A JWT that says so does without the seed.
    Jwt {
        jwt: Secret,
        seed: Option<Secret>,
    },
}

/// Where a text with a seed is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Read once, and again at each reconnect: who changes the file does not have to start the
    /// program again.
    File(SettingPath),
    /// A file that was read, and what it said then.
    Read(SettingPath, Secret),
    Text(Secret),
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { user, .. } => write!(f, "user `{user}` with this password"),
            Self::Token(_) => f.write_str("the token"),
            Self::Creds(source) => match source.path() {
                Some(path) => write!(f, "the credentials in {path}"),
                None => f.write_str("the credentials"),
            },
            Self::NKey(source) => match source.path() {
                Some(path) => write!(f, "the nkey in {path}"),
                None => f.write_str("the nkey"),
            },
            Self::Jwt { .. } => f.write_str("the user's JWT"),
        }
    }
}

impl Auth {
    /// The same with its file read: some can be read only once. An error if it cannot be used.
    pub(super) fn read(&self) -> Result<Self, ConnectError> {
        let read = match self {
            Self::Creds(source) => Self::Creds(source.kept(ConnectSetting::Creds)?),
            Self::NKey(source) => Self::NKey(source.kept(ConnectSetting::NKey)?),
            _ => self.clone(),
        };
        read.answer(&[])?;
        Ok(read)
    }

    /// The same with what the file says now, if it has one; an error if that cannot be used.
    pub(super) fn read_again(&self) -> Option<Result<Self, ConnectError>> {
        let again = match self {
            Self::Creds(source) => Self::Creds(source.file_again()?),
            Self::NKey(source) => Self::NKey(source.file_again()?),
            _ => return None,
        };
        Some(again.read())
    }

    /// What the server is told, with its challenge signed where there is a key.
    pub(super) fn answer(&self, challenge: &[u8]) -> Result<async_nats::Auth, ConnectError> {
        let mut auth = async_nats::Auth::new();
        match self {
            Self::User { user, password } => {
                auth.username = Some(user.clone());
                auth.password = Some(password.reveal().to_owned());
            }
            Self::Token(token) => auth.token = Some(token.reveal().to_owned()),
            Self::Creds(source) => {
                let text = source.read(ConnectSetting::Creds)?;
                let [jwt, seed] = blocks(text.reveal()).ok_or_else(|| {
                    source.refused(ConnectSetting::Creds, "it has no JWT and no seed")
                })?;
                let key = user_key(seed)
                    .map_err(|reason| source.refused(ConnectSetting::Creds, reason))?;
                auth.jwt = Some(jwt.to_owned());
                auth.signature = Some(sign(&key, challenge)?);
            }
            Self::NKey(source) => {
                let text = source.read(ConnectSetting::NKey)?;
                let seed = seed_in(text.reveal()).ok_or_else(|| {
                    source.refused(ConnectSetting::NKey, "it has no seed of a user")
                })?;
                let key = user_key(seed)
                    .map_err(|reason| source.refused(ConnectSetting::NKey, reason))?;
                auth.nkey = Some(key.public_key());
                auth.signature = Some(sign(&key, challenge)?);
            }
            Self::Jwt { jwt, seed } => {
                auth.jwt = Some(jwt.reveal().trim().to_owned());
                if let Some(seed) = seed {
                    let key = user_key(seed.reveal().trim())
                        .map_err(|reason| text_refused(ConnectSetting::Jwt, reason))?;
                    auth.signature = Some(sign(&key, challenge)?);
                }
            }
        }
        Ok(auth)
    }
}

impl Source {
    /// Where it is, unless it was given as it is.
    pub(crate) fn path(&self) -> Option<&SettingPath> {
        match self {
            Self::File(path) | Self::Read(path, _) => Some(path),
            Self::Text(_) => None,
        }
    }

    fn kept(&self, setting: ConnectSetting) -> Result<Self, ConnectError> {
        match self {
            Self::File(path) => Ok(Self::Read(path.clone(), self.read(setting)?)),
            Self::Read(..) | Self::Text(_) => Ok(self.clone()),
        }
    }

    /// The file that was read, to be read again. A pipe has nothing more to say, and could be
    /// waited for.
    fn file_again(&self) -> Option<Self> {
        match self {
            Self::Read(path, _) if !path.path()?.exists() || path.path()?.is_file() => {
                Some(Self::File(path.clone()))
            }
            _ => None,
        }
    }

    fn read(&self, setting: ConnectSetting) -> Result<Secret, ConnectError> {
        match self {
            Self::Text(text) | Self::Read(_, text) => Ok(text.clone()),
            Self::File(path) => std::fs::read_to_string(ConnectError::path_of(setting, path)?)
                .map(Secret::new)
                .map_err(|error| self.refused(setting, &error.to_string())),
        }
    }

    fn refused(&self, setting: ConnectSetting, reason: &str) -> ConnectError {
        match self {
            Self::File(path) | Self::Read(path, _) => ConnectError::file(setting, path, reason),
            Self::Text(_) => text_refused(setting, reason),
        }
    }
}

fn text_refused(setting: ConnectSetting, reason: &str) -> ConnectError {
    ConnectError::Settings {
        setting,
        reason: format!("the {setting} cannot be used: {reason}"),
    }
}

fn sign(key: &KeyPair, challenge: &[u8]) -> Result<Vec<u8>, ConnectError> {
    key.sign(challenge)
        .map_err(|_| text_refused(ConnectSetting::NKey, "it does not sign"))
}

/// A user's key pair. The reason names nothing of the seed.
fn user_key(seed: &str) -> Result<KeyPair, &'static str> {
    let key = KeyPair::from_seed(seed).map_err(|_| "its seed is not one")?;
    match key.key_pair_type() {
        KeyPairType::User => Ok(key),
        _ => Err("its seed is not a user's: those begin with `SU`"),
    }
}

/// The first two texts between `-----BEGIN ...-----` and `------END ...------`.
fn blocks(text: &str) -> Option<[&str; 2]> {
    let mut lines = text.lines().map(str::trim);
    let mut block = || {
        lines.find(|line| line.starts_with("---") && line.contains("BEGIN"))?;
        lines.next().filter(|line| !line.starts_with("---"))
    };
    Some([block()?, block()?])
}

/// The line with a user's seed: alone in its file, or among others as in credentials.
fn seed_in(text: &str) -> Option<&str> {
    text.lines()
        .map(str::trim)
        .find(|line| line.starts_with("SU"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creds(jwt: &str, seed: &str) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             ************ IMPORTANT ************\n\n\
             -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\n"
        )
    }

    fn text(text: &str) -> Source {
        Source::Text(Secret::new(text))
    }

    #[test]
    fn credentials_are_a_jwt_and_a_signature_by_its_seed() {
        let key = KeyPair::new_user();
        let text = text(&creds("a.jwt.x", &key.seed().unwrap()));
        let auth = Auth::Creds(text.clone()).answer(b"challenge").unwrap();
        assert_eq!(auth.jwt.as_deref(), Some("a.jwt.x"));
        key.verify(b"challenge", &auth.signature.unwrap()).unwrap();
        // The same text holds an nkey.
        let auth = Auth::NKey(text).answer(b"challenge").unwrap();
        assert_eq!(auth.nkey, Some(key.public_key()));
        assert_eq!(auth.jwt, None);
    }

    #[test]
    fn what_cannot_be_used_is_named_without_its_text() {
        let user = KeyPair::new_user().seed().unwrap();
        let account = KeyPair::new_account().seed().unwrap();
        for (auth, says) in [
            (Auth::Creds(text("hunter2")), "it has no JWT and no seed"),
            (
                Auth::Creds(text(&creds("hunter2", "hunter2"))),
                "its seed is not one",
            ),
            (
                Auth::Creds(text(&creds("hunter2", &account))),
                "its seed is not a user's",
            ),
            (Auth::NKey(text("hunter2")), "it has no seed of a user"),
            (
                Auth::NKey(Source::File(SettingPath::new(&user))),
                "that is the content and not a path",
            ),
            (
                Auth::NKey(Source::File(SettingPath::new("/no/such.nk"))),
                "cannot use the nkey file /no/such.nk: No such file",
            ),
            (
                Auth::NKey(Source::File(SettingPath::new(&account))),
                "that is the content and not a path",
            ),
            (
                Auth::Creds(Source::File(SettingPath::new(creds("hunter2", &user)))),
                "that is the content and not a path",
            ),
        ] {
            let error = auth.answer(b"").err().unwrap();
            assert!(error.is_usage());
            let text = error.to_string();
            assert!(text.contains(says), "{text}");
            for shown in [text, format!("{error:?}"), format!("{auth:?}")] {
                for secret in ["hunter2", &user, &account] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }
        }
    }
}
