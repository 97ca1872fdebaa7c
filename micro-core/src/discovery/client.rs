//! The asking side of the discovery: who is there, what they serve, what they have counted.

use std::time::Duration;

use bytes::Bytes;

use super::answers::Document;
use super::{Found, Info, Ping, Stats};
use crate::client::{Caller, Question, Window};
use crate::wire::{Connection, PublishError};

/// The subject prefix of the discovery, unless an account imports it under another.
const PREFIX: &str = "$SRV";

/// How long a fleet may take to answer at all.
const WITHIN: Duration = Duration::from_secs(5);

/// How long nobody else may answer once the first has: instances get the question at the same time,
/// and answer it without work. The `nats` command waits as long.
const SILENCE: Duration = Duration::from_millis(300);

/// How many documents are kept. A larger fleet can be asked name by name.
const AT_MOST: usize = 10_000;

/// How large they may be together: 25 KiB for each of as many, a document of a hundred endpoints.
const AT_MOST_BYTES: usize = 256 * 1024 * 1024;

impl Caller {
    /// Asks the services that are reachable over its connection who they are.
    pub fn discovery(&self) -> Discovery {
        self.connection().discovery()
    }
}

impl Connection {
    /// Asks the services that are reachable over this connection who they are.
    pub fn discovery(&self) -> Discovery {
        Discovery::new(self)
    }
}

/// Finds services by PING, INFO and STATS (ADR-32), in whatever language they are written.
///
/// It asks all services unless narrowed to those [`of`](Self::of) a name, or to one
/// [`instance`](Self::instance). A question ends when nobody else has answered for 300 ms since the
/// last answer, after 5 s in all, or with 10,000 answers; nobody at all is an answer too, an empty
/// one.
///
/// The answers are held in memory: their number is bounded, and so is what they take together as they
/// arrive, by 256 MiB; one that does not fit in is among [`Found::unreadable`].
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example(connection: micro::Connection) -> Result<(), micro::DiscoveryError> {
/// use micro::Shown;
///
/// let found = connection.discovery().of("numbers").info().await?;
/// for info in found.documents() {
///     println!("{info}: {}", Shown(&info.description));
/// }
/// for unreadable in &found.unreadable {
///     eprintln!("{unreadable}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until `ping`, `info` or `stats` is awaited"]
pub struct Discovery {
    connection: Connection,
    prefix: String,
    scope: Scope,
    window: Window,
}

/// Who is asked.
#[derive(Clone, Debug)]
enum Scope {
    All,
    Name(String),
    Instance { name: String, id: String },
}

impl Discovery {
    /// A discovery over `connection` that asks all services.
    pub fn new(connection: impl Into<Connection>) -> Self {
        Self {
            connection: connection.into(),
            prefix: PREFIX.to_owned(),
            scope: Scope::All,
            window: Window {
                within: WITHIN,
                until: None,
                silence: Some(SILENCE),
                at_most: AT_MOST,
                at_most_bytes: AT_MOST_BYTES,
            },
        }
    }

    /// Asks the instances of the service `name`.
    pub fn of(mut self, name: impl Into<String>) -> Self {
        self.scope = Scope::Name(name.into());
        self
    }

    /// Asks one instance, and does not wait for a second answer.
    pub fn instance(mut self, name: impl Into<String>, id: impl Into<String>) -> Self {
        self.scope = Scope::Instance {
            name: name.into(),
            id: id.into(),
        };
        self
    }

    /// The subject prefix, where it is not `$SRV`: an account that imports the services of another
    /// may have given them one.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long to wait for answers in all; 5 s unless set.
    pub fn within(mut self, within: Duration) -> Self {
        self.window.within = within;
        self
    }

    /// Ends when nobody has answered for this long, counted from the first answer on; 300 ms unless
    /// set. Give it more where instances are far away.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.window.silence = Some(silence);
        self
    }

    /// Ends after this many answers, unreadable ones included; 10,000 unless set. With the number of
    /// instances, if that is known, nothing is waited for in vain. 0 is an error.
    pub fn at_most(mut self, answers: usize) -> Self {
        self.window.at_most = answers;
        self
    }

    /// Who is there.
    ///
    /// # Errors
    ///
    /// As [`info`](Self::info).
    pub async fn ping(&self) -> Result<Found<Ping>, DiscoveryError> {
        self.ask().await
    }

    /// Who is there, with the endpoints of each.
    ///
    /// # Errors
    ///
    /// When the name, the id or the prefix cannot be part of a subject, when no answer is wanted, and
    /// when the question could not be sent. Answers that cannot be read are no error: they are in
    /// [`Found::unreadable`].
    pub async fn info(&self) -> Result<Found<Info>, DiscoveryError> {
        self.ask().await
    }

    /// Who is there, with the counters of each.
    ///
    /// # Errors
    ///
    /// As [`info`](Self::info).
    pub async fn stats(&self) -> Result<Found<Stats>, DiscoveryError> {
        self.ask().await
    }

    async fn ask<T: Document>(&self) -> Result<Found<T>, DiscoveryError> {
        let subject = self.subject(T::VERB)?;
        let mut window = self.window;
        if window.at_most == 0 {
            return Err(DiscoveryError::NoAnswer { subject });
        }
        if matches!(self.scope, Scope::Instance { .. }) {
            window.at_most = window.at_most.min(1);
        }
        let mut found = Found::none();
        let question = Question {
            connection: self.connection.clone(),
            window,
            subject: subject.as_str().into(),
            headers: None,
            payload: Bytes::new(),
        };
        let Some(mut answers) = question
            .ask()
            .await
            .map_err(|source| DiscoveryError::Transport { subject, source })?
        else {
            return Ok(found);
        };
        loop {
            match answers.next().await {
                Ok(answer) => found.add(answer),
                Err(ended) => {
                    found.ended = ended;
                    return Ok(found);
                }
            }
        }
    }

    fn subject(&self, verb: &str) -> Result<String, DiscoveryError> {
        for token in self.prefix.split('.') {
            check("prefix", &self.prefix, token)?;
        }
        let prefix = &self.prefix;
        Ok(match &self.scope {
            Scope::All => format!("{prefix}.{verb}"),
            Scope::Name(name) => {
                check("name", name, name)?;
                format!("{prefix}.{verb}.{name}")
            }
            Scope::Instance { name, id } => {
                check("name", name, name)?;
                check("id", id, id)?;
                format!("{prefix}.{verb}.{name}.{id}")
            }
        })
    }
}

fn check(key: &'static str, value: &str, token: &str) -> Result<(), DiscoveryError> {
    micro_names::check_token(token).map_err(|problem| DiscoveryError::Subject {
        key,
        value: value.to_owned(),
        problem,
    })
}

/// Why services cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The name, the id or the prefix cannot be part of a subject; nothing was asked.
    #[error("cannot ask for the {key} `{}`: {problem}", .value.escape_debug())]
    Subject {
        /// Which it is: `name`, `id` or `prefix`.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: micro_names::Problem,
    },
    /// No answer is wanted; nothing was asked.
    #[error("cannot ask on `{subject}`: `at_most(0)` asks for no answer")]
    NoAnswer {
        /// The subject of the question.
        subject: String,
    },
    /// The question could not be sent.
    #[error("cannot ask on `{subject}`: {source}")]
    Transport {
        /// The subject of the question.
        subject: String,
        /// What went wrong.
        source: PublishError,
    },
}
