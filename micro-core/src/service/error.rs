//! Why a service does not start, and why an endpoint cannot be added to it.

/// What is wrong, before it is said of what.
#[derive(Debug)]
pub(super) enum Cause {
    /// Names, subjects and other values, one entry each.
    Invalid(Vec<String>),
    /// The server does not permit a subscription to this subject.
    Refused(String),
    /// The connection does not work, in words.
    Connection(String),
}

/// Why a service did not start. Nothing of it is left running.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Something about the service is wrong.
    #[error("service `{service}` cannot start:{}", list(.problems))]
    Invalid {
        /// The name of the service, as it was given.
        service: String,
        /// All that is wrong, one entry each.
        problems: Vec<String>,
    },
    /// The server's permissions forbid a subscription.
    #[error(
        "service `{service}` cannot start: the NATS server does not permit a subscription to `{subject}`; allow it for this user, or serve another subject"
    )]
    Refused {
        /// The name of the service.
        service: String,
        /// The subject that was asked for.
        subject: String,
    },
    /// The connection does not work.
    #[error("service `{service}` cannot start: {reason}")]
    Connection {
        /// The name of the service.
        service: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl StartError {
    pub(super) fn of(service: &str, cause: Cause) -> Self {
        let service = service.to_owned();
        match cause {
            Cause::Invalid(problems) => Self::Invalid { service, problems },
            Cause::Refused(subject) => Self::Refused { service, subject },
            Cause::Connection(reason) => Self::Connection { service, reason },
        }
    }
}

/// Why endpoints were not added to a running service. None of them is; the service runs on as it
/// was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// Something about an endpoint is wrong.
    #[error("nothing can be added to service `{service}`:{}", list(.problems))]
    Invalid {
        /// The name of the service.
        service: String,
        /// All that is wrong, one entry each.
        problems: Vec<String>,
    },
    /// The server's permissions forbid a subscription.
    #[error(
        "nothing can be added to service `{service}`: the NATS server does not permit a subscription to `{subject}`; allow it for this user, or serve another subject"
    )]
    Refused {
        /// The name of the service.
        service: String,
        /// The subject that was asked for.
        subject: String,
    },
    /// The connection does not work.
    #[error("nothing can be added to service `{service}`: {reason}")]
    Connection {
        /// The name of the service.
        service: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The service stops, or has stopped.
    #[error("nothing can be added to service `{service}`: it has been stopped; start another one")]
    Stopped {
        /// The name of the service.
        service: String,
    },
}

impl AddError {
    pub(super) fn of(service: &str, cause: Cause) -> Self {
        let service = service.to_owned();
        match cause {
            Cause::Invalid(problems) => Self::Invalid { service, problems },
            Cause::Refused(subject) => Self::Refused { service, subject },
            Cause::Connection(reason) => Self::Connection { service, reason },
        }
    }
}

fn list(problems: &[String]) -> String {
    problems.iter().fold(String::new(), |list, problem| {
        list + "\n  " + &problem.replace('\n', "\n    ")
    })
}
