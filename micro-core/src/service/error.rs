//! Why a service does not start.

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

fn list(problems: &[String]) -> String {
    problems.iter().fold(String::new(), |list, problem| {
        list + "\n  " + &problem.replace('\n', "\n    ")
    })
}
