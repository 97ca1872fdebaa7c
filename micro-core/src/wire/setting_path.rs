//! The path of a file that a person gave, and what is shown of it.
//!
//! Where a path belongs, people put the file's content by mistake: `--nkey SUA...`,
//! `NATS_KEY="$(cat key.pem)"`. That is a secret, and no error, log or `Debug` may have it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// No file system that people use has longer names, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// From how many letters and digits on a word that begins as a seed does is one. A seed has 58.
const SEED_CHARS_MIN: usize = 50;

/// The path of a file with credentials, a seed, a certificate or a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SettingPath(PathBuf);

impl SettingPath {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path, unless it is what should be in the file.
    pub(crate) fn path(&self) -> Option<&Path> {
        (!is_content(self.0.as_os_str())).then_some(&self.0)
    }
}

impl fmt::Display for SettingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => path.display().fmt(f),
            None => f.write_str("(content, not a path)"),
        }
    }
}

impl fmt::Debug for SettingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => path.fmt(f),
            None => fmt::Display::fmt(self, f),
        }
    }
}

/// Whether this is the content of a file, or looks so much like it that it is not to be shown.
pub(crate) fn is_content(path: &OsStr) -> bool {
    let text = path.to_string_lossy();
    let text =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\u{feff}'));
    let is_seed = text.starts_with(['S', 's'])
        && text.len() >= SEED_CHARS_MIN
        && text.chars().all(|c| c.is_ascii_alphanumeric());
    let is_too_long = Path::new(text).components().any(|part| match part {
        Component::Normal(name) => name.len() > NAME_BYTES_MAX,
        _ => false,
    });
    text.contains(['\n', '\r'])
        || text.contains("-----BEGIN")
        || text.starts_with("eyJ")
        || text.starts_with('{')
        || text.starts_with("data:")
        || is_seed
        || is_too_long
}

#[cfg(test)]
mod tests {
    use nkeys::KeyPair;

    use super::*;

    #[test]
    fn content_is_told_from_a_path_and_not_shown() {
        let seeds = [KeyPair::new_user(), KeyPair::new_account()].map(|key| key.seed().unwrap());
        let [user, account] = &seeds;
        let mistyped = user.replacen('A', "B", 1).replace('7', "1");
        let long = "MIGHAgEAMBMGByqGSM49".repeat(20);
        for content in [
            user.clone(),
            account.clone(),
            format!("  {user}\t"),
            format!("\"{user}\""),
            format!("\u{feff}{user}"),
            mistyped,
            user.to_lowercase(),
            user[..SEED_CHARS_MIN].to_owned(),
            "eyJ0eXAiOiJKV1QifQ.e30.x".to_owned(),
            "-----BEGIN NATS USER JWT----- secret".to_owned(),
            "one\ntwo".to_owned(),
            "one\rtwo".to_owned(),
            r#"{"password":"secret"}"#.to_owned(),
            "data:;base64,c2VjcmV0".to_owned(),
            long,
        ] {
            let path = SettingPath::new(content.as_str());
            assert_eq!(path.path(), None, "{content:?}");
            for shown in [path.to_string(), format!("{path:?}")] {
                assert_eq!(shown, "(content, not a path)", "{content:?}");
            }
        }
        for name in [
            "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY.nk",
            "/run/secrets/SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
            "Some file of mine.creds",
            "C:\\keys\\ada.creds",
            "/dev/fd/63",
        ] {
            assert_eq!(SettingPath::new(name).to_string(), name);
        }
    }
}
