//! Every flag, and the environment variable that says the same.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::environment::Environment;
use crate::app::error::AppError;
use crate::wire::{ConnectSetting, Secret};

/// What a flag and a variable are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Connection(ConnectSetting),
    /// The name of a context of the `nats` command.
    Context,
    Log,
    /// A registry, broker or transport, as Go Micro has them.
    Backend,
    /// The addresses of one of those.
    Address,
}

/// A flag and a variable, and what `--help` says of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelling {
    pub(super) key: Key,
    pub(super) flag: &'static str,
    pub(super) variable: &'static str,
    value: &'static str,
    /// Nothing for those that are accepted and not shown.
    help: Option<&'static str>,
}

const fn shown(
    key: Key,
    flag: &'static str,
    variable: &'static str,
    value: &'static str,
    help: &'static str,
) -> Spelling {
    Spelling {
        key,
        flag,
        variable,
        value,
        help: Some(help),
    }
}

const fn hidden(key: Key, flag: &'static str, variable: &'static str) -> Spelling {
    Spelling {
        key,
        flag,
        variable,
        value: "VALUE",
        help: None,
    }
}

use ConnectSetting as Set;
use Key::{Address, Backend, Connection};

/// The variables are those of the `nats` command where it has one.
pub(super) const SPELLINGS: [Spelling; 21] = [
    shown(
        Connection(Set::Urls),
        "nats",
        "NATS_URL",
        "URL[,URL...]",
        "The NATS servers, separated by commas; `dev` for one inside this process",
    ),
    shown(
        Key::Context,
        "context",
        "NATS_CONTEXT",
        "NAME",
        "A context of the `nats` command, by name or as a .json file, for what is not said here",
    ),
    shown(
        Connection(Set::Creds),
        "creds",
        "NATS_CREDS",
        "FILE",
        "Credentials: a user's JWT and seed",
    ),
    shown(
        Connection(Set::NKey),
        "nkey",
        "NATS_NKEY",
        "FILE",
        "A user's seed",
    ),
    shown(
        Connection(Set::User),
        "user",
        "NATS_USER",
        "NAME",
        "A user, who needs a password",
    ),
    shown(
        Connection(Set::Password),
        "password",
        "NATS_PASSWORD",
        "PASSWORD",
        "The user's password; others on this machine can see flags, and not variables",
    ),
    shown(
        Connection(Set::Token),
        "token",
        "NATS_TOKEN",
        "TOKEN",
        "A token",
    ),
    shown(
        Connection(Set::TlsCa),
        "tls-ca",
        "NATS_CA",
        "FILE",
        "The certificates to trust, instead of the system's",
    ),
    shown(
        Connection(Set::TlsCert),
        "tls-cert",
        "NATS_CERT",
        "FILE",
        "This program's certificate",
    ),
    shown(
        Connection(Set::TlsKey),
        "tls-key",
        "NATS_KEY",
        "FILE",
        "The key of that certificate",
    ),
    shown(
        Connection(Set::TlsFirst),
        "tls-first",
        "NATS_TLS_FIRST",
        "true|false",
        "TLS before the server's greeting, for servers that are set up so",
    ),
    shown(
        Connection(Set::InboxPrefix),
        "inbox-prefix",
        "NATS_INBOX_PREFIX",
        "PREFIX",
        "What the subjects of replies begin with",
    ),
    shown(
        Connection(Set::RetryConnect),
        "retry-connect",
        "NATS_RETRY_CONNECT",
        "true|false",
        "Wait for NATS where it cannot be reached yet, instead of failing at once",
    ),
    shown(
        Connection(Set::Connections),
        "connections",
        "NATS_CONNECTIONS",
        "NUMBER",
        "How many connections to serve over, each with a thread of its own; 1 unless said",
    ),
    shown(
        Key::Log,
        "log",
        "MICRO_LOG",
        "LEVEL",
        "What to log: off, error, warn, info, debug, trace, or a list such as `info,my_crate=debug`",
    ),
    hidden(Backend, "transport", "MICRO_TRANSPORT"),
    hidden(Backend, "broker", "MICRO_BROKER"),
    hidden(Backend, "registry", "MICRO_REGISTRY"),
    hidden(Address, "transport_address", "MICRO_TRANSPORT_ADDRESS"),
    hidden(Address, "broker_address", "MICRO_BROKER_ADDRESS"),
    hidden(Address, "registry_address", "MICRO_REGISTRY_ADDRESS"),
];

/// The values of flags, by the flag's name.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Flags(Vec<(&'static str, Secret)>);

impl Flags {
    fn get(&self, flag: &str) -> Option<&Secret> {
        let mut named = self.0.iter().filter(|(name, _)| *name == flag);
        named.next().map(|(_, value)| value)
    }

    /// Takes over what was given anew.
    pub(in crate::app) fn update(&mut self, newer: Self) {
        self.0.retain(|(flag, _)| newer.get(flag).is_none());
        self.0.extend(newer.0);
    }
}

impl Spelling {
    /// The flag's value, if it is more than nothing.
    pub(super) fn in_flags(&self, flags: &Flags) -> Option<Secret> {
        let value = flags.get(self.flag)?;
        (!value.reveal().trim().is_empty()).then(|| value.clone())
    }

    pub(super) fn in_environment(&self, from: &Environment) -> Result<Option<Secret>, AppError> {
        Ok(from.get(self.variable)?.map(Secret::new))
    }

    /// Named so that it cannot be taken for an argument of the user's own.
    fn id(&self) -> String {
        format!("micro {}", self.flag)
    }

    fn arg(&self) -> Arg {
        let arg = Arg::new(self.id())
            .long(self.flag)
            .value_name(self.value)
            .action(ArgAction::Set)
            .global(true);
        let arg = match self.key {
            Connection(Set::TlsFirst | Set::RetryConnect) => arg
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
            // They may begin with anything.
            Connection(Set::Password | Set::Token) => arg.allow_hyphen_values(true),
            // Content in place of a path is for us to refuse: clap would print it.
            Connection(Set::Creds | Set::NKey | Set::TlsCa | Set::TlsCert | Set::TlsKey) => {
                arg.allow_hyphen_values(true)
            }
            Backend | Address => arg.alias(self.flag.replace('_', "-")),
            _ => arg,
        };
        let arg = match self.key {
            Key::Log => arg,
            _ => arg.help_heading("Connection"),
        };
        match self.help {
            // Not clap's own, which reads the process's variables and can show their values.
            Some(help) => arg.help(format!("{help} [env: {}]", self.variable)),
            None => arg.hide(true),
        }
    }
}

/// Adds the flags to a command.
pub(in crate::app) fn add_to(command: Command) -> Command {
    let args = SPELLINGS.iter().map(Spelling::arg);
    command.args(args)
}

/// The flags that a person gave.
pub(in crate::app) fn read_from(matches: &ArgMatches) -> Flags {
    let given = SPELLINGS.iter().filter_map(|spelling| {
        let value = matches.try_get_one::<String>(&spelling.id()).ok()??;
        Some((spelling.flag, Secret::new(value)))
    });
    Flags(given.collect())
}
