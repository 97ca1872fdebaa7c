//! What a person is told of where something was said: in errors, and in commands to copy.

use super::layer::{Origin, Place};
use super::resolve::{Settings, WHO};
use super::spellings::{Key, SPELLINGS};
use crate::app::error::AppError;
use crate::wire::{Auth, ConnectError, ConnectSetting, DEFAULT_URL, ServerUrls};

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
        AppError::Connect { error, hint }
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

    /// What leads to `url` again. What came from a variable is in the next terminal as well, and
    /// what a context says goes with its name.
    pub(in crate::app) fn repeated(&self, url: &str) -> Repeated {
        let mut repeated = Repeated::default();
        self.repeat_urls(url, &mut repeated);
        if let Some(context) = &self.context {
            repeated.add(BOTH, ("context", "context"), context);
        }
        self.repeat_tls(&mut repeated);
        if let Some(prefix) = &self.options.inbox_prefix {
            let who = self.who_needs(ConnectSetting::InboxPrefix);
            repeated.add(who, ("inbox-prefix", "inbox-prefix"), prefix);
        }
        self.repeat_auth(&mut repeated);
        repeated
    }

    /// What leads to the dev server of this process at `url`: whatever else was said is not of it.
    pub(in crate::app) fn repeated_for_dev(&self, url: &str) -> Repeated {
        let mut repeated = Repeated::default();
        if self.are_given() || url != DEFAULT_URL {
            repeated.add(BOTH, ("nats", "server"), url);
        }
        repeated
    }

    fn repeat_urls(&self, url: &str, repeated: &mut Repeated) {
        let place = self.origin(ConnectSetting::Urls).map(|origin| origin.place);
        let in_context = place == Some(Place::Context) && self.context.is_some();
        let said = self.options.urls.as_deref();
        let auth = match &self.options.auth {
            Some(_) => None,
            None => said.and_then(|urls| ServerUrls::parse(urls).ok()?.auth().cloned()),
        };
        // As it is shown, it would go before what says who connects.
        let whole_in_variable = place == Some(Place::Variable) && auth.is_some();
        if in_context || whole_in_variable {
            return;
        }
        let is_found = place.is_none() && self.context.is_none() && url == DEFAULT_URL;
        if !is_found {
            let in_program = place.is_none() && said.is_some();
            let who = Who {
                ours: !in_program,
                theirs: true,
            };
            repeated.add(who, ("nats", "server"), url);
        }
        match auth {
            Some(Auth::User { .. }) => {
                repeated
                    .leave_out("the user and the password of the URL (NATS_USER, NATS_PASSWORD)");
            }
            Some(_) => repeated.leave_out("the token of the URL (NATS_TOKEN)"),
            None => {}
        }
    }

    fn repeat_tls(&self, repeated: &mut Repeated) {
        let tls = &self.options.tls;
        for (setting, path, flags) in [
            (ConnectSetting::TlsCa, &tls.ca, ("tls-ca", "tlsca")),
            (ConnectSetting::TlsCert, &tls.cert, ("tls-cert", "tlscert")),
            (ConnectSetting::TlsKey, &tls.key, ("tls-key", "tlskey")),
        ] {
            if let Some(path) = path {
                repeated.add(self.who_needs(setting), flags, &path.to_string());
            }
        }
        let who = self.who_needs(ConnectSetting::TlsFirst);
        match tls.first {
            Some(true) => repeated.switch(who, " --tls-first", " --tlsfirst"),
            Some(false) => repeated.switch(who, " --tls-first=false", " --no-tlsfirst"),
            None => {}
        }
    }

    fn repeat_auth(&self, repeated: &mut Repeated) {
        let needs = |setting| self.who_needs(setting);
        let (setting, flag, name, source) = match &self.options.auth {
            None => return,
            Some(Auth::User { user, .. }) => {
                repeated.add(needs(ConnectSetting::User), ("user", "user"), user);
                if needs(ConnectSetting::Password).theirs {
                    repeated.leave_out("the password (NATS_PASSWORD)");
                }
                return;
            }
            Some(Auth::Token(_)) => {
                if needs(ConnectSetting::Token).theirs {
                    repeated.leave_out("the token (NATS_TOKEN)");
                }
                return;
            }
            Some(Auth::Jwt { .. }) => {
                if needs(ConnectSetting::Jwt).theirs {
                    repeated.leave_out("the user's JWT and its seed");
                }
                return;
            }
            Some(Auth::Creds(source)) => {
                (ConnectSetting::Creds, "creds", "the credentials", source)
            }
            Some(Auth::NKey(source)) => (ConnectSetting::NKey, "nkey", "the nkey", source),
        };
        match source.path() {
            Some(path) => repeated.add(needs(setting), (flag, flag), &path.to_string()),
            None if needs(setting).theirs => repeated.leave_out(name),
            None => {}
        }
    }

    /// Whose flags have to repeat a setting.
    fn who_needs(&self, setting: ConnectSetting) -> Who {
        match self.origin(setting).map(|origin| origin.place) {
            Some(Place::Flag) => BOTH,
            // The `nats` command has no variables for these.
            Some(Place::Variable) => Who {
                ours: false,
                theirs: matches!(
                    setting,
                    ConnectSetting::TlsFirst | ConnectSetting::InboxPrefix
                ),
            },
            Some(Place::Context) => Who {
                ours: false,
                theirs: false,
            },
            // The program says it.
            None => Who {
                ours: false,
                theirs: true,
            },
        }
    }
}

/// What leads to the same server again, for a person to copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::app) struct Repeated {
    /// Flags of this program.
    pub(in crate::app) ours: String,
    /// Flags of the `nats` command.
    pub(in crate::app) theirs: String,
    /// What these lack, since it is secret.
    pub(in crate::app) left_out: Vec<&'static str>,
}

/// Whose flags.
#[derive(Clone, Copy, Debug)]
struct Who {
    ours: bool,
    theirs: bool,
}

const BOTH: Who = Who {
    ours: true,
    theirs: true,
};

impl Repeated {
    fn add(&mut self, who: Who, (ours, theirs): (&str, &str), value: &str) {
        let value = quoted(value);
        self.switch(
            who,
            &format!(" --{ours} {value}"),
            &format!(" --{theirs} {value}"),
        );
    }

    fn switch(&mut self, who: Who, ours: &str, theirs: &str) {
        if who.ours {
            self.ours.push_str(ours);
        }
        if who.theirs {
            self.theirs.push_str(theirs);
        }
    }

    fn leave_out(&mut self, what: &'static str) {
        self.left_out.push(what);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::args::AppArgs;
    use crate::wire::ConnectOptions;

    /// What is repeated of what the command line, variables and the program say.
    fn repeated(args: &str, variables: &[(&'static str, &str)], code: &ConnectOptions) -> Repeated {
        let args: Vec<_> = ["test"]
            .into_iter()
            .chain(args.split_whitespace())
            .collect();
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let args = AppArgs::parse(&args).with_environment(variables.collect());
        let settings = args.settings(code).unwrap();
        let urls = settings.options.urls.as_deref().unwrap_or(DEFAULT_URL);
        let url = ServerUrls::parse(urls).unwrap().to_string();
        settings.repeated(&url)
    }

    #[test]
    fn what_leads_to_another_server_is_repeated_and_no_secret() {
        let new = ConnectOptions::new;
        let context = std::env::temp_dir().join(format!("micro-hints-{}.json", std::process::id()));
        std::fs::write(&context, r#"{"creds":"/c"}"#).unwrap();
        let context = context.to_str().unwrap();
        let by_context = format!(" --context {context}");
        let default = " --nats nats://127.0.0.1:4222";
        let their_default = " --server nats://127.0.0.1:4222";
        for (args, variables, code, ours, theirs, left_out) in [
            ("", &[][..], new(), String::new(), String::new(), &[][..]),
            // A variable or a context would lead to another.
            (
                "--nats 127.0.0.1",
                &[("NATS_URL", "nats://prod")],
                new(),
                default.to_owned(),
                their_default.to_owned(),
                &[],
            ),
            (
                by_context.as_str(),
                &[],
                new(),
                format!("{default}{by_context}"),
                format!("{their_default}{by_context}"),
                &[],
            ),
            (
                "",
                &[("NATS_URL", "nats://h")],
                new(),
                " --nats nats://h:4222".to_owned(),
                " --server nats://h:4222".to_owned(),
                &[],
            ),
            (
                "",
                &[("NATS_URL", "nats://ada:hunter2@h")],
                new(),
                String::new(),
                String::new(),
                &[],
            ),
            (
                "--nats nats://ada:hunter2@h",
                &[],
                new(),
                " --nats nats://h:4222".to_owned(),
                " --server nats://h:4222".to_owned(),
                &["the user and the password of the URL (NATS_USER, NATS_PASSWORD)"],
            ),
            (
                "--user ada --password hunter2 --tls-first --inbox-prefix ada.in --tls-ca /c.pem",
                &[],
                new(),
                " --tls-ca /c.pem --tls-first --inbox-prefix ada.in --user ada".to_owned(),
                " --tlsca /c.pem --tlsfirst --inbox-prefix ada.in --user ada".to_owned(),
                &["the password (NATS_PASSWORD)"],
            ),
            (
                "--user ada --tls-first=false",
                &[("NATS_PASSWORD", "hunter2"), ("NATS_INBOX_PREFIX", "x")],
                new(),
                " --tls-first=false --user ada".to_owned(),
                " --no-tlsfirst --inbox-prefix x --user ada".to_owned(),
                &[],
            ),
            (
                "--token hunter2",
                &[],
                new(),
                String::new(),
                String::new(),
                &["the token (NATS_TOKEN)"],
            ),
            (
                "",
                &[],
                new().urls("nats://h").nkey("/n k"),
                String::new(),
                " --server nats://h:4222 --nkey '/n k'".to_owned(),
                &[],
            ),
        ] {
            let expected = Repeated {
                ours,
                theirs,
                left_out: left_out.to_vec(),
            };
            assert_eq!(
                repeated(args, variables, &code),
                expected,
                "{args} {variables:?}"
            );
        }
        std::fs::remove_file(context).unwrap();
    }

    #[test]
    fn a_dev_server_is_named_where_something_else_would_be_found() {
        let settings = |variables: Vec<(&'static str, String)>| {
            let args = AppArgs::parse(&["test", "--nats", "dev"]).with_environment(variables);
            args.settings(&ConnectOptions::new()).unwrap()
        };
        let found = settings(vec![("NATS_URL", "nats://prod".to_owned())]);
        let repeated = found.repeated_for_dev(DEFAULT_URL);
        assert_eq!(repeated.ours, " --nats nats://127.0.0.1:4222");
        let nothing_said = Settings::default().repeated_for_dev(DEFAULT_URL);
        assert_eq!(nothing_said, Repeated::default());
    }
}
