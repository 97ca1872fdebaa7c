//! Which place goes before which: a flag, then a variable, then a context, then the program.
//!
//! Each setting is looked up for itself, but for who connects: whatever says that first says it
//! alone, so that a token never goes out beside the credentials of another place. Only a user and
//! a password may come from two places, since passwords belong into variables.

use super::backends;
use super::context_file;
use super::environment::Environment;
use super::layer::{Entry, Layer, Origin, Place, Value};
use super::spellings::{Flags, Key, SPELLINGS};
use crate::app::error::AppError;
use crate::app::nats::DEV;
use crate::wire::{Auth, ConnectOptions, ConnectSetting, Secret, ServerUrls, SettingPath, Source};

/// What it came to, and who said so.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Settings {
    pub(in crate::app) options: ConnectOptions,
    origins: Vec<(ConnectSetting, Origin)>,
    /// The context that was named by a flag.
    pub(super) context: Option<String>,
    /// Whether anything was said of where to connect or as whom.
    named: bool,
}

/// Puts together what flags, variables, a context and the program say.
pub(in crate::app) fn resolve(
    flags: &Flags,
    environment: &Environment,
    code: &ConnectOptions,
) -> Result<Settings, AppError> {
    backends::check(flags, environment)?;
    let mut layers = vec![Layer::of_flags(flags)?, Layer::of_environment(environment)?];
    let context = find(Key::Context, flags, environment)?;
    if let Some((named, _)) = &context {
        layers.push(context_file::read(named.reveal(), environment)?);
    }
    let mut settings = Settings {
        options: code.clone(),
        named: context.is_some()
            || layers.iter().flat_map(Layer::entries).any(Entry::names)
            || *code
                != ConnectOptions {
                    name: code.name.clone(),
                    own_thread: code.own_thread,
                    connections: code.connections,
                    ..ConnectOptions::default()
                },
        context: context
            .filter(|(_, origin)| origin.place == Place::Flag)
            .map(|(named, _)| named.reveal().to_owned()),
        ..Settings::default()
    };
    for setting in EACH_FOR_ITSELF {
        let mut said = layers.iter().filter_map(|layer| layer.get(setting));
        if let Some(entry) = said.next() {
            settings.set(entry)?;
        }
    }
    settings.authenticate(&layers)?;
    Ok(settings)
}

/// The level of the log, if it was said anywhere.
pub(in crate::app) fn log_level(
    flags: &Flags,
    environment: &Environment,
) -> Result<Option<String>, AppError> {
    let level = find(Key::Log, flags, environment)?;
    Ok(level.map(|(level, _)| level.reveal().to_owned()))
}

fn find(
    key: Key,
    flags: &Flags,
    environment: &Environment,
) -> Result<Option<(Secret, Origin)>, AppError> {
    let Some(spelling) = SPELLINGS.iter().find(|spelling| spelling.key == key) else {
        return Ok(None);
    };
    if let Some(value) = spelling.in_flags(flags) {
        return Ok(Some((value, Origin::flag(spelling))));
    }
    let value = spelling.in_environment(environment)?;
    Ok(value.map(|value| (value, Origin::variable(spelling))))
}

const EACH_FOR_ITSELF: [ConnectSetting; 8] = [
    ConnectSetting::Urls,
    ConnectSetting::TlsCa,
    ConnectSetting::TlsCert,
    ConnectSetting::TlsKey,
    ConnectSetting::TlsFirst,
    ConnectSetting::InboxPrefix,
    ConnectSetting::RetryConnect,
    ConnectSetting::Connections,
];

impl Settings {
    /// Takes over one that stands for itself.
    fn set(&mut self, entry: &Entry) -> Result<(), AppError> {
        let text = entry.value.text();
        let options = &mut self.options;
        match entry.setting {
            ConnectSetting::Urls => options.urls = Some(text.to_owned()),
            ConnectSetting::TlsCa => options.tls.ca = Some(SettingPath::new(text)),
            ConnectSetting::TlsCert => options.tls.cert = Some(SettingPath::new(text)),
            ConnectSetting::TlsKey => options.tls.key = Some(SettingPath::new(text)),
            ConnectSetting::InboxPrefix => options.inbox_prefix = Some(text.to_owned()),
            ConnectSetting::TlsFirst => options.tls.first = Some(switch(entry)?),
            ConnectSetting::RetryConnect => options.retry = Some(switch(entry)?),
            ConnectSetting::Connections => options.connections = Some(number(entry)?),
            _ => {}
        }
        self.note(entry);
        Ok(())
    }

    fn note(&mut self, entry: &Entry) {
        self.origins.push((entry.setting, entry.origin.clone()));
    }

    /// Finds the first place that says who connects. A URL says it where the URL itself is used.
    fn authenticate(&mut self, layers: &[Layer]) -> Result<(), AppError> {
        let in_url = self.is_in_url()?;
        let url = self.origin(ConnectSetting::Urls).cloned();
        for layer in layers {
            let url = url.as_ref().filter(|url| {
                let of_layer = layer.get(ConnectSetting::Urls);
                in_url && of_layer.is_some_and(|entry| entry.origin == **url)
            });
            let said = one_method(layer, url)?;
            if url.is_some() {
                self.options.auth = None;
                return Ok(());
            }
            if let Some(said) = said {
                return self.take(said, layers);
            }
        }
        Ok(())
    }

    fn is_in_url(&self) -> Result<bool, AppError> {
        let Some(urls) = self.options.urls.as_deref().filter(|urls| *urls != DEV) else {
            return Ok(false);
        };
        let urls = ServerUrls::parse(urls).map_err(|error| self.explain(error))?;
        Ok(urls.auth().is_some())
    }

    /// Takes over one way to say who connects, with all that belongs to it.
    fn take(&mut self, said: &Entry, layers: &[Layer]) -> Result<(), AppError> {
        let mut part = |setting| {
            let entry = layers.iter().find_map(|layer| layer.get(setting))?;
            self.note(entry);
            Some(entry.value.secret().clone())
        };
        let auth = match said.setting {
            ConnectSetting::User | ConnectSetting::Password => {
                let user = part(ConnectSetting::User);
                let password = part(ConnectSetting::Password);
                user_and_password(said, user, password, self.options.auth.as_ref())?
            }
            ConnectSetting::Jwt | ConnectSetting::Seed => {
                let jwt = part(ConnectSetting::Jwt);
                let seed = part(ConnectSetting::Seed);
                let jwt = jwt.ok_or_else(|| {
                    AppError::Usage(format!("{} has a user's seed, and no JWT", said.origin))
                })?;
                Auth::Jwt { jwt, seed }
            }
            _ => {
                self.note(said);
                match said.setting {
                    ConnectSetting::Creds => Auth::Creds(source(&said.value)),
                    ConnectSetting::NKey => Auth::NKey(source(&said.value)),
                    _ => Auth::Token(said.value.secret().clone()),
                }
            }
        };
        self.options.auth = Some(auth);
        Ok(())
    }

    pub(super) fn origin(&self, setting: ConnectSetting) -> Option<&Origin> {
        let mut noted = self.origins.iter().filter(|(noted, _)| *noted == setting);
        noted.next().map(|(_, origin)| origin)
    }

    /// Whether anybody said where to connect, or as whom: then no other server will do.
    pub(in crate::app) fn are_given(&self) -> bool {
        self.named
    }
}

fn switch(entry: &Entry) -> Result<bool, AppError> {
    let text = entry.value.text();
    text.parse().map_err(|_| {
        AppError::Usage(format!(
            "{} is `{text}`; write `true` or `false`",
            entry.origin
        ))
    })
}

fn number(entry: &Entry) -> Result<usize, AppError> {
    let text = entry.value.text();
    text.parse().map_err(|_| {
        AppError::Usage(format!(
            "{} is `{text}`; write a number such as `2`",
            entry.origin
        ))
    })
}

/// What says who connects.
pub(super) const WHO: [ConnectSetting; 7] = [
    ConnectSetting::Creds,
    ConnectSetting::NKey,
    ConnectSetting::User,
    ConnectSetting::Password,
    ConnectSetting::Token,
    ConnectSetting::Jwt,
    ConnectSetting::Seed,
];

/// The one way in which a place says who connects; an error if there are two.
fn one_method<'a>(layer: &'a Layer, url: Option<&Origin>) -> Result<Option<&'a Entry>, AppError> {
    let mut said: Option<&Entry> = None;
    for entry in WHO.iter().filter_map(|who| layer.get(*who)) {
        match said {
            Some(before) if method(before.setting) != method(entry.setting) => {
                return Err(two_methods(&named(before), &named(entry)));
            }
            Some(_) => {}
            None => said = Some(entry),
        }
    }
    match (said, url) {
        (Some(said), Some(url)) => Err(two_methods(&named(said), &format!("the URL of {url}"))),
        _ => Ok(said),
    }
}

fn two_methods(one: &str, other: &str) -> AppError {
    AppError::Usage(format!("{one} and {other} both say who connects: give one"))
}

/// An entry, told apart from others of its place.
fn named(entry: &Entry) -> String {
    match entry.origin.place {
        Place::Context => format!("the {} of {}", entry.setting, entry.origin),
        _ => entry.origin.to_string(),
    }
}

/// Those that go together have one of these.
fn method(setting: ConnectSetting) -> ConnectSetting {
    match setting {
        ConnectSetting::Password => ConnectSetting::User,
        ConnectSetting::Seed => ConnectSetting::Jwt,
        other => other,
    }
}

/// The half that no place says may be the program's.
fn user_and_password(
    said: &Entry,
    user: Option<Secret>,
    password: Option<Secret>,
    code: Option<&Auth>,
) -> Result<Auth, AppError> {
    let (code_user, code_password) = match code {
        Some(Auth::User { user, password }) => (Some(Secret::new(user)), Some(password.clone())),
        _ => (None, None),
    };
    match (user.or(code_user), password.or(code_password)) {
        (Some(user), Some(password)) => Ok(Auth::User {
            user: user.reveal().to_owned(),
            password,
        }),
        (Some(_), None) => Err(AppError::Usage(format!(
            "{} names a user without a password: give it with `--password` or NATS_PASSWORD; a token \
             goes with `--token` or NATS_TOKEN",
            said.origin
        ))),
        _ => Err(AppError::Usage(format!(
            "{} is a password without a user: give one with `--user` or NATS_USER",
            said.origin
        ))),
    }
}

fn source(value: &Value) -> Source {
    match value {
        Value::Written(path) => Source::File(SettingPath::new(path.reveal())),
        Value::Content(text) => Source::Text(text.clone()),
    }
}
