//! Flags and their environment variables.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches};

use super::error::AppError;
use super::settings::{self, Environment, Flags, Settings};
use crate::wire::ConnectOptions;

/// The arguments that every service has.
///
/// [`App::from_args`](super::App::from_args) reads them. To have arguments of your own beside them,
/// flatten these into yours (with `clap` and its feature `derive` among your dependencies):
///
/// ```
/// # use micro_core as micro;
/// use clap::Parser;
/// use micro::{App, AppArgs};
///
/// #[derive(Parser)]
/// struct Cli {
///     #[command(flatten)]
///     micro: AppArgs,
///     /// How many workers to start.
///     #[arg(long, default_value_t = 4)]
///     workers: usize,
/// }
///
/// let cli = Cli::parse_from(["prog", "--workers", "8", "--nats", "nats://10.0.0.1"]);
/// let app = App::with_args(cli.micro);
/// # assert_eq!(cli.workers, 8);
/// ```
///
#[doc = include_str!("taken.md")]
#[derive(Clone, Debug, Default)]
pub struct AppArgs {
    flags: Flags,
    /// Where the rest is looked up. Nowhere, for whoever has no arguments.
    environment: Environment,
    command: Option<Command>,
}

impl AppArgs {
    pub(super) fn command(&self) -> Option<&Command> {
        self.command.as_ref()
    }

    /// Where to connect and as whom, with what the program says for want of anything else.
    pub(super) fn settings(&self, code: &ConnectOptions) -> Result<Settings, AppError> {
        settings::resolve(&self.flags, &self.environment, code)
    }

    pub(super) fn log_level(&self) -> Result<Option<String>, AppError> {
        settings::log_level(&self.flags, &self.environment)
    }

    /// As [`read`], without variables.
    #[cfg(test)]
    pub(super) fn parse(args: &[&str]) -> Self {
        let matches = Self::augment_args(clap::Command::new("test")).get_matches_from(args);
        Self {
            environment: Environment::None,
            ..Self::from_arg_matches(&matches).unwrap()
        }
    }

    #[cfg(test)]
    pub(super) fn with_environment(mut self, all: Vec<(&'static str, String)>) -> Self {
        self.environment = Environment::Given(all);
        self
    }
}

impl Args for AppArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        settings::add_to(command).subcommand(call_command())
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for AppArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            flags: settings::read_from(matches),
            environment: Environment::Process,
            command: Command::read_from(matches),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let newer = Self::from_arg_matches(matches)?;
        self.flags.update(newer.flags);
        self.environment = newer.environment;
        self.command = newer.command.or(self.command.take());
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(super) enum Command {
    Call(CallArgs),
}

#[derive(Clone, Debug)]
pub(super) struct CallArgs {
    pub(super) endpoint: String,
    pub(super) payload: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) timeout: Duration,
}

const CALL: &str = "call";
const ENDPOINT: &str = "endpoint";
const PAYLOAD: &str = "payload";
const HEADERS: &str = "headers";
const TIMEOUT: &str = "timeout";
const TIMEOUT_DEFAULT: &str = "5s";

/// By hand and not derived: the code of a derive, and what compiles it, is more than all of it.
fn call_command() -> clap::Command {
    clap::Command::new(CALL)
        .about("Calls an endpoint of the running service and prints the answer")
        .arg(
            Arg::new(ENDPOINT)
                .value_name("ENDPOINT")
                .required(true)
                .help("The name of an endpoint, or a subject such as `history.ada`"),
        )
        .arg(
            Arg::new(PAYLOAD)
                .value_name("PAYLOAD")
                .default_value("")
                .hide_default_value(true)
                .allow_negative_numbers(true)
                .help(
                    "The body of the request, JSON for typed endpoints; `-` reads it from the standard input",
                ),
        )
        .arg(
            Arg::new(HEADERS)
                .short('H')
                .long("header")
                .value_name("NAME:VALUE")
                .action(ArgAction::Append)
                .value_parser(header)
                .help("A header of the request; may be given several times"),
        )
        .arg(
            Arg::new(TIMEOUT)
                .long("timeout")
                .value_name("TIMEOUT")
                .default_value(TIMEOUT_DEFAULT)
                .value_parser(duration)
                .help("How long to wait for the answer, such as `500ms` or `2s`"),
        )
}

impl Command {
    fn read_from(matches: &ArgMatches) -> Option<Self> {
        let given = matches.subcommand_matches(CALL)?;
        Some(Self::Call(CallArgs {
            endpoint: value(given, ENDPOINT)?,
            payload: value(given, PAYLOAD)?,
            headers: given
                .try_get_many(HEADERS)
                .ok()
                .flatten()
                .map(|headers| headers.cloned().collect())
                .unwrap_or_default(),
            timeout: value(given, TIMEOUT)?,
        }))
    }
}

fn value<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.try_get_one(name).ok().flatten().cloned()
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| "write it as `Name: value`".to_owned())?;
    micro_names::check_header_name(name).map_err(|problem| problem.to_string())?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    micro_names::parse_duration("timeout", text).map_err(|problem| problem.to_string())
}

/// Reads this process's arguments for a program of this name, version and description; ends it with
/// code 2 where they are wrong, and with 0 after `--help` and `--version`.
pub(super) fn read(name: &str, version: &str, about: &str) -> AppArgs {
    let command = clap::Command::new(name.to_owned())
        .bin_name(super::program::command_line())
        .version(version.to_owned())
        .about(about.to_owned())
        .after_help(AFTER_HELP);
    let matches = AppArgs::augment_args(command).get_matches();
    AppArgs::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The same for a program that only calls: it has no service to name, and none to call by hand.
pub(super) fn read_without_service() -> AppArgs {
    let command = clap::Command::new(super::program::name())
        .bin_name(super::program::command_line())
        .after_help(AFTER_HELP_OF_CALLER);
    AppArgs {
        flags: settings::read_from(&settings::add_to(command).get_matches()),
        environment: Environment::Process,
        command: None,
    }
}

const AFTER_HELP_OF_CALLER: &str = "\
A flag goes before its variable, both go before a context, and all of them before the program.
Where NATS is if nobody says: what listens on 127.0.0.1:4222.";

const AFTER_HELP: &str = "\
A flag goes before its variable, both go before a context, and all of them before the program.
Where NATS is if nobody says: what listens on 127.0.0.1:4222. A debug build of which nobody said
anything starts a development server inside the process instead of failing.

Exit codes: 0 stopped, 1 failed, 2 wrong usage, 130 or 143 after a second signal,
or one before anything was served.";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_documentation_has_every_name_that_is_taken() {
        let command = AppArgs::augment_args(clap::Command::new("test"));
        let mut taken = BTreeSet::new();
        for arg in command.get_arguments() {
            assert_eq!(arg.get_short_and_visible_aliases(), None, "{arg}");
            let names = arg
                .get_long()
                .into_iter()
                .chain(arg.get_all_aliases().unwrap_or_default());
            taken.extend(names.map(|name| format!("--{name}")));
        }
        taken.extend(
            command
                .get_subcommands()
                .map(|sub| sub.get_name().to_owned()),
        );
        let documented: BTreeSet<_> = include_str!("taken.md")
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| *name != "--help")
            .map(str::to_owned)
            .collect();
        assert_eq!(taken, documented);
    }
}
