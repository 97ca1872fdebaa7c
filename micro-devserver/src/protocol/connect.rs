//! CONNECT: what a client says about itself and wants.

use serde::Deserialize;

use super::violation::Violation;

/// The newest client protocol: 1 adds INFO at any time.
const NEWEST_PROTOCOL: i64 = 1;

/// What a client asked for. Before its CONNECT, and for fields that it leaves out, nats-server's
/// defaults hold, which suit a person at a terminal: verbose and pedantic.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "the protocol's own switches")]
pub(crate) struct ConnectOptions {
    /// Answer everything with `+OK`.
    pub(crate) verbose: bool,
    /// Check the subjects of publications.
    pub(crate) pedantic: bool,
    /// Deliver the client's messages to its own subscriptions too.
    pub(crate) echo: bool,
    /// The client understands `HMSG` and may send `HPUB`.
    pub(crate) headers: bool,
    /// Answer a request that nobody gets with a 503.
    pub(crate) no_responders: bool,
    /// The client takes a second INFO.
    pub(crate) takes_later_info: bool,
    /// For the log.
    pub(crate) name: Option<String>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            takes_later_info: false,
            name: None,
        }
    }
}

#[derive(Deserialize)]
struct Fields {
    verbose: Option<bool>,
    pedantic: Option<bool>,
    echo: Option<bool>,
    headers: Option<bool>,
    no_responders: Option<bool>,
    protocol: Option<i64>,
    name: Option<String>,
}

impl ConnectOptions {
    /// These options, changed by the JSON of a CONNECT. Credentials are not looked at.
    pub(crate) fn changed_by(&self, json: &[u8]) -> Result<Self, Violation> {
        let fields: Fields = serde_json::from_slice(json).map_err(|_| Violation::BadJson)?;
        let changed = Self {
            verbose: fields.verbose.unwrap_or(self.verbose),
            pedantic: fields.pedantic.unwrap_or(self.pedantic),
            echo: fields.echo.unwrap_or(self.echo),
            headers: fields.headers.unwrap_or(self.headers),
            no_responders: fields.no_responders.unwrap_or(self.no_responders),
            takes_later_info: fields
                .protocol
                .map_or(self.takes_later_info, |protocol| protocol >= 1),
            name: fields.name.or_else(|| self.name.clone()),
        };
        if fields
            .protocol
            .is_some_and(|protocol| !(0..=NEWEST_PROTOCOL).contains(&protocol))
        {
            return Err(Violation::UnknownProtocolVersion);
        }
        if changed.no_responders && !changed.headers {
            return Err(Violation::NoRespondersWithoutHeaders);
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_left_out_keep_their_value() {
        let first = ConnectOptions::default()
            .changed_by(br#"{"verbose":false,"headers":true,"user":"x"}"#)
            .unwrap();
        assert!(
            !first.verbose
                && first.pedantic
                && first.echo
                && first.headers
                && !first.takes_later_info
        );
        let second = first
            .changed_by(br#"{"protocol":1,"verbose":null,"name":"n"}"#)
            .unwrap();
        assert!(!second.verbose && second.headers && second.takes_later_info);
        assert_eq!(second.name.as_deref(), Some("n"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (json, violation) in [
            ("", Violation::BadJson),
            ("{", Violation::BadJson),
            (r#"{"verbose":1}"#, Violation::BadJson),
            (r#"{"protocol":2}"#, Violation::UnknownProtocolVersion),
            (
                r#"{"no_responders":true}"#,
                Violation::NoRespondersWithoutHeaders,
            ),
        ] {
            assert_eq!(
                ConnectOptions::default().changed_by(json.as_bytes()).err(),
                Some(violation),
                "{json}"
            );
        }
    }
}
