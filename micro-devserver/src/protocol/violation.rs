//! What a client can do wrong so that its connection is closed.

/// A reason to close the connection that sent it. Nobody else notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("unknown protocol operation")]
    UnknownOperation,
    #[error("arguments that do not parse")]
    BadArguments,
    #[error("control line too long")]
    ControlLineTooLong,
    #[error("payload over the limit")]
    PayloadTooLarge,
    #[error("`CONNECT` or `INFO` with invalid JSON")]
    BadJson,
    #[error("headers from a client that did not ask for them in `CONNECT`")]
    HeadersNotNegotiated,
    #[error("unknown client protocol version")]
    UnknownProtocolVersion,
    #[error("no-responders asked for without headers")]
    NoRespondersWithoutHeaders,
    #[error("`CONNECT` that names an account")]
    AccountNamed,
    #[error("the client reported an error")]
    ClientReportedError,
}

impl Violation {
    /// What the client is told in an `-ERR` before the end. nats-server closes without a word where
    /// this is `None`.
    pub(crate) fn farewell(self) -> Option<&'static str> {
        match self {
            Self::UnknownOperation => Some("Unknown Protocol Operation"),
            Self::ControlLineTooLong => Some("maximum control line exceeded"),
            Self::PayloadTooLarge => Some("Maximum Payload Violation"),
            Self::UnknownProtocolVersion => Some("invalid client protocol"),
            Self::NoRespondersWithoutHeaders => Some("no responders requires headers support"),
            Self::AccountNamed => Some("Authorization Violation"),
            Self::BadArguments
            | Self::BadJson
            | Self::HeadersNotNegotiated
            | Self::ClientReportedError => None,
        }
    }
}
