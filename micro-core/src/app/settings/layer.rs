//! What one place says of a connection.

use std::fmt;

use super::environment::Environment;
use super::spellings::{Flags, Key, SPELLINGS, Spelling};
use crate::app::error::AppError;
use crate::wire::{ConnectSetting, Secret, ServerUrls};

/// Flags, variables or a context: what was said, and where.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) setting: ConnectSetting,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Entry {
    /// Whether it says where to connect, or as whom or how.
    pub(super) fn names(&self) -> bool {
        self.setting != ConnectSetting::Connections
    }
}

/// A setting's value. All are treated as secrets, so that none is printed by mistake.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// As it was written.
    Written(Secret),
    /// What would be in the file, for settings that are files.
    Content(Secret),
}

impl Value {
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Self::Written(text) | Self::Content(text) => text,
        }
    }

    pub(super) fn text(&self) -> &str {
        self.secret().reveal()
    }
}

/// Where something was said, as a person would find it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Flag,
    Variable,
    Context,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) place: Place,
    name: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.place {
            Place::Flag => write!(f, "`--{name}`"),
            Place::Variable => f.write_str(name),
            Place::Context => write!(f, "context `{name}`"),
        }
    }
}

impl Origin {
    pub(super) fn flag(spelling: &Spelling) -> Self {
        Self::new(Place::Flag, spelling.flag)
    }

    pub(super) fn variable(spelling: &Spelling) -> Self {
        Self::new(Place::Variable, spelling.variable)
    }

    pub(super) fn context(name: &str) -> Self {
        Self::new(Place::Context, name)
    }

    fn new(place: Place, name: &str) -> Self {
        Self {
            place,
            name: name.to_owned(),
        }
    }
}

impl Layer {
    pub(super) fn of_flags(flags: &Flags) -> Result<Self, AppError> {
        Self::read(|spelling| {
            let value = spelling.in_flags(flags);
            Ok(value.map(|value| (value, Origin::flag(spelling))))
        })
    }

    pub(super) fn of_environment(environment: &Environment) -> Result<Self, AppError> {
        Self::read(|spelling| {
            let value = spelling.in_environment(environment)?;
            Ok(value.map(|value| (value, Origin::variable(spelling))))
        })
    }

    fn read(
        mut find: impl FnMut(&Spelling) -> Result<Option<(Secret, Origin)>, AppError>,
    ) -> Result<Self, AppError> {
        let mut layer = Self::default();
        for spelling in &SPELLINGS {
            let setting = match spelling.key {
                Key::Connection(setting) => setting,
                Key::Address => ConnectSetting::Urls,
                _ => continue,
            };
            let Some((value, origin)) = find(spelling)? else {
                continue;
            };
            // An address can be said in several ways; once is enough if they agree.
            match layer.get(setting) {
                Some(before) if !same_servers(before.value.text(), value.reveal()) => {
                    return Err(AppError::Usage(format!(
                        "{} and {origin} name different servers: the transport, the broker and the \
                         registry are one here, so name the servers once, with `--nats` or NATS_URL",
                        before.origin
                    )));
                }
                Some(_) => {}
                None => layer.add(setting, Value::Written(value), origin),
            }
        }
        Ok(layer)
    }

    pub(super) fn add(&mut self, setting: ConnectSetting, value: Value, origin: Origin) {
        self.entries.push(Entry {
            setting,
            value,
            origin,
        });
    }

    pub(super) fn get(&self, setting: ConnectSetting) -> Option<&Entry> {
        let mut found = self.entries.iter().filter(|entry| entry.setting == setting);
        found.next()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn same_servers(one: &str, other: &str) -> bool {
    match (ServerUrls::parse(one), ServerUrls::parse(other)) {
        (Ok(one), Ok(other)) => one.is_same(&other),
        _ => one == other,
    }
}
