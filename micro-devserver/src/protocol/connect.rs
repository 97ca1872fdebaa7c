//! CONNECT: what a client says about itself and wants.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

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

/// The fields that are looked at, and of the others that nats-server knows their types.
#[derive(Debug, Default)]
struct Fields {
    verbose: Option<bool>,
    pedantic: Option<bool>,
    echo: Option<bool>,
    headers: Option<bool>,
    no_responders: Option<bool>,
    protocol: Option<i64>,
    name: Option<String>,
    /// An account was named or asked for.
    account: bool,
}

impl Fields {
    /// Takes one field, both parts as they stand in the JSON. `None` if it has the wrong type.
    fn take(&mut self, name: &str, value: &str) -> Option<()> {
        // As nats-server's JSON reader does: null changes nothing, the last of two counts, and the
        // case of a name does not matter.
        if value == "null" {
            return Some(());
        }
        let name: String = serde_json::from_str::<String>(name)
            .unwrap_or_default()
            .chars()
            .map(folded)
            .collect();
        match name.as_str() {
            "verbose" => self.verbose = Some(boolean(value)?),
            "pedantic" => self.pedantic = Some(boolean(value)?),
            "echo" => self.echo = Some(boolean(value)?),
            "headers" => self.headers = Some(boolean(value)?),
            "no_responders" => self.no_responders = Some(boolean(value)?),
            "protocol" => self.protocol = Some(value.parse().ok()?),
            "name" => self.name = Some(string(value)?),
            "account" => self.account |= !string(value)?.is_empty(),
            "new_account" => self.account |= boolean(value)?,
            "tls_required" => {
                boolean(value)?;
            }
            "nkey" | "jwt" | "sig" | "auth_token" | "user" | "pass" | "lang" | "version"
            | "remote_account" | "proxy_sig" => {
                string(value)?;
            }
            "import" | "export" => {
                value.strip_prefix('{')?;
            }
            _ => {}
        }
        Some(())
    }
}

/// One case for every letter. The two signs are letters in Unicode's simple case folding, by which
/// nats-server compares names.
fn folded(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    }
}

fn boolean(value: &str) -> Option<bool> {
    value.parse().ok()
}

fn string(value: &str) -> Option<String> {
    value.strip_prefix('"')?;
    // Half a surrogate pair is a string for nats-server, and only a person reads it.
    Some(serde_json::from_str(value).unwrap_or_else(|_| value.to_owned()))
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, value)) = object.next_entry::<&RawValue, &RawValue>()? {
                    fields
                        .take(name.get(), value.get())
                        .ok_or_else(|| A::Error::custom("a field of the wrong type"))?;
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl ConnectOptions {
    /// These options, changed by the JSON of a CONNECT. Credentials are not looked at.
    pub(crate) fn changed_by(&self, json: &[u8]) -> Result<Self, Violation> {
        // nats-server takes bytes that are no UTF-8 for replacement characters.
        let json = String::from_utf8_lossy(json);
        let fields = serde_json::from_str::<Option<Fields>>(&json)
            .map_err(|_| Violation::BadJson)?
            .unwrap_or_default();
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
        if fields.account {
            return Err(Violation::AccountNamed);
        }
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

/// Whether a client's INFO is one: its contents say nothing to a server.
pub(crate) fn check_info(json: &[u8]) -> Result<(), Violation> {
    let json = String::from_utf8_lossy(json);
    match serde_json::from_str::<IgnoredAny>(&json) {
        Ok(_) if json.starts_with(['{', 'n']) => Ok(()),
        _ => Err(Violation::BadJson),
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
    fn names_are_read_as_nats_server_reads_them() {
        for json in [
            r#"{"Verbose":false}"#,
            r#"{"VERBOſE":false}"#,
            r#"{"verbo\u0073e":false}"#,
            r#"{"verbose":true,"verbose":false,"verbose":null}"#,
            r#"{"\ud800":[{}],"name":"\ud800","protocol":-0,"verbose":false}"#,
        ] {
            let options = ConnectOptions::default()
                .changed_by(json.as_bytes())
                .unwrap();
            assert!(!options.verbose, "{json}");
        }
        assert!(ConnectOptions::default().changed_by(b"null").is_ok());
        let name = b"{\"name\":\"a\xff\"}";
        let options = ConnectOptions::default().changed_by(name).unwrap();
        assert_eq!(options.name.as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (json, violation) in [
            ("", Violation::BadJson),
            ("{", Violation::BadJson),
            ("[]", Violation::BadJson),
            ("{}{}", Violation::BadJson),
            (r#"{"protocol":1.0}"#, Violation::BadJson),
            (r#"{"lang":1}"#, Violation::BadJson),
            (r#"{"account":"a"}"#, Violation::AccountNamed),
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
