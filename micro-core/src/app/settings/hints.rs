//! What a person is told of where something was said: in errors, and in commands to copy.

use super::layer::{Origin, Place};
use super::resolve::{Settings, WHO};
use super::spellings::{Key, SPELLINGS};
use crate::app::error::AppError;
use crate::wire::{Auth, ConnectError, ConnectSetting, DEFAULT_URL, Source};

impl Settings {
    /// Adds to an error where the wrong thing was said, or what to say.
    pub(in crate::app) fn explain(&self, error: ConnectError) -> AppError {
        let hint = match &error {
            ConnectError::File { setting, .. } | ConnectError::Settings { setting, .. } => {
                self.hint(*setting)
            }
            ConnectError::Tls { .. } => {
                "`--tls-ca`, `--tls-cert`, `--tls-key`; or see `--help` for \
                                         their variables"
                    .to_owned()
            }
            ConnectError::Refused { .. } => {
                let said = WHO.into_iter().find(|who| self.origin(*who).is_some());
                said.map_or_else(
                    || {
                        "`--creds`, `--nkey`, `--user` and `--password`, or `--token`; see `--help` \
                         for their variables"
                            .to_owned()
                    },
                    |who| self.hint(who),
                )
            }
            _ => self.hint(ConnectSetting::Urls),
        };
        AppError::Connect {
            source: error,
            hint,
        }
    }

    /// Where a setting was said, and where it can be said.
    fn hint(&self, setting: ConnectSetting) -> String {
        let spelling = SPELLINGS
            .iter()
            .find(|spelling| spelling.key == Key::Connection(setting));
        let spelled = spelling.map(|spelling| {
            let (flag, variable) = (Origin::flag(spelling), Origin::variable(spelling));
            format!("{flag} or {variable}")
        });
        match (self.origin(setting), spelled) {
            (Some(origin), Some(spelled)) if spelled.contains(&origin.to_string()) => spelled,
            (Some(origin), _) => origin.to_string(),
            (None, Some(spelled)) => spelled,
            (None, None) => "set in the program".to_owned(),
        }
    }

    /// Flags that lead to `url` again, for a person to copy: ours and those of the `nats` command.
    /// What else came from a variable is there already, and a secret is not to be shown.
    pub(in crate::app) fn repeated(&self, url: &str) -> (String, String) {
        let (mut ours, mut theirs) = (String::new(), String::new());
        let origin = self.origin(ConnectSetting::Urls);
        let in_context = origin.is_some_and(|origin| origin.place == Place::Context);
        if url != DEFAULT_URL && !(in_context && self.context.is_some()) {
            ours = format!(" --nats {url}");
            theirs = format!(" --server {url}");
        }
        if let Some(context) = &self.context {
            let context = format!(" --context {}", quoted(context));
            ours.push_str(&context);
            theirs.push_str(&context);
        }
        let tls = &self.options.tls;
        let files = [
            (ConnectSetting::TlsCa, tls.ca.as_ref(), "tls-ca", "tlsca"),
            (
                ConnectSetting::TlsCert,
                tls.cert.as_ref(),
                "tls-cert",
                "tlscert",
            ),
            (
                ConnectSetting::TlsKey,
                tls.key.as_ref(),
                "tls-key",
                "tlskey",
            ),
            match &self.options.auth {
                Some(Auth::NKey(Source::File(path))) => {
                    (ConnectSetting::NKey, Some(path), "nkey", "nkey")
                }
                Some(Auth::Creds(Source::File(path))) => {
                    (ConnectSetting::Creds, Some(path), "creds", "creds")
                }
                _ => (ConnectSetting::Creds, None, "", ""),
            },
        ];
        for (setting, path, our, their) in files {
            let by_flag = |origin: &Origin| origin.place == Place::Flag;
            if let Some(path) = path
                && self.origin(setting).is_some_and(by_flag)
            {
                let path = quoted(&path.to_string());
                ours = format!("{ours} --{our} {path}");
                theirs = format!("{theirs} --{their} {path}");
            }
        }
        (ours, theirs)
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@,+=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
