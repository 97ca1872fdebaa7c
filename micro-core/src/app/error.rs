//! Why a program could not run.

use crate::service::StartError;
use crate::wire::ConnectError;

/// Why a program could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// There is no service to run.
    #[error("there is no service to run: add one with `App::service`")]
    NoService,
    /// A flag's value is wrong.
    #[error("{0}")]
    Usage(String),
    /// A release build was not told where NATS is, and it is not where it usually is.
    #[error(
        "no NATS server at nats://127.0.0.1:4222, and no other was named\n\
         Start one (`nats-server`, or `docker run -p 4222:4222 nats`), or say where it is with \
         `--nats URL` or NATS_URL.\n\
         To try things out, `--nats dev` runs a development server inside this process."
    )]
    NoServer,
    /// Nothing runs that could be called.
    #[error(
        "no NATS server at nats://127.0.0.1:4222: start the service in another terminal with \
         `{}`, or say where it runs with `--nats URL`",
        .program.trim_end_matches(" --")
    )]
    NotRunning {
        /// How a person starts this program.
        program: String,
    },
    /// The dev server did not start.
    #[error("the development server did not start: {reason}")]
    DevServer {
        /// What went wrong.
        reason: String,
    },
    /// There is no connection.
    #[error("{error} ({hint})")]
    Connect {
        /// Why.
        error: ConnectError,
        /// The flag, the variable or the other place where it was said, or can be said.
        hint: String,
    },
    /// A service did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was to be done once the services run has failed.
    #[error("the program's own start failed: {reason}")]
    Hook {
        /// Why.
        reason: String,
    },
    /// The `call` subcommand has no answer.
    #[error("{reason}")]
    Call {
        /// Why.
        reason: String,
    },
    /// A service stopped without being asked to.
    #[error("service `{service}` has stopped: {reason}")]
    Stopped {
        /// The name of the service.
        service: String,
        /// Why.
        reason: String,
    },
    /// The stop did not wait for all handlers.
    #[error("stopped, but {} within the drain timeout", left(*requests, *events))]
    Abandoned {
        /// How many requests had not been answered.
        requests: usize,
        /// How many events had not been handled, and are lost.
        events: usize,
    },
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(std::io::Error),
}

impl AppError {
    /// The exit code that says it: 2 for wrong usage, 1 for anything else.
    ///
    /// [`App::run`](super::App::run) and `#[micro::main]` end the process with it. It is for mains
    /// that do so themselves.
    pub fn exit_code(&self) -> u8 {
        if self.is_usage() { 2 } else { 1 }
    }

    /// Whether the person who started the program has to start it differently.
    pub(super) fn is_usage(&self) -> bool {
        match self {
            Self::Usage(_) | Self::NoServer => true,
            Self::Connect { error, .. } => error.is_usage(),
            _ => false,
        }
    }
}

/// What a stop has left undone.
fn left(requests: usize, events: usize) -> String {
    let told = |number: usize, of: &str, done: &str| {
        let plural = if number == 1 { "" } else { "s" };
        (number > 0).then(|| format!("{number} {of}{plural} had not been {done}"))
    };
    let requests = told(requests, "request", "answered");
    let events = told(events, "event", "handled");
    let told: Vec<String> = requests.into_iter().chain(events).collect();
    told.join(" and ")
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn what_a_stop_has_left_is_told_as_far_as_there_is_any() {
        for (requests, events, left) in [
            (1, 0, "1 request had not been answered"),
            (0, 2, "2 events had not been handled"),
            (
                2,
                1,
                "2 requests had not been answered and 1 event had not been handled",
            ),
        ] {
            let error = AppError::Abandoned { requests, events };
            let text = format!("stopped, but {left} within the drain timeout");
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn what_the_text_says_is_not_said_again_as_its_cause() {
        let error = AppError::Connect {
            error: ConnectError::Unreachable {
                urls: "nats://h:4222".to_owned(),
                error: std::io::ErrorKind::ConnectionRefused.into(),
            },
            hint: "`--nats`".to_owned(),
        };
        assert!(error.to_string().contains("connection refused"), "{error}");
        assert!(error.source().is_none());
    }
}
