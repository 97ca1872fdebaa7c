//! Answers to the discovery: documents, and what is none, kept apart.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use micro_names::Shown;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Info, Ping, Stats};
use crate::client::{Collected, Content, Ended};
use crate::codec;
use crate::error::Fault;
use crate::wire::Headers;

/// What was found, in the order in which it came.
///
/// Documents are as they came, but for their names and ids, which can be parts of subjects: whoever
/// may answer on the broker can write anything into a version, a description or metadata. To print
/// a document use its `Display`, to print a text of it [`Shown`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found<T> {
    /// The documents that could be read.
    pub seen: Vec<Seen<T>>,
    /// The answers that could not.
    pub unreadable: Vec<Unreadable>,
    /// Why no further answers were waited for. With [`Ended::AtMost`] there may be more.
    pub ended: Ended,
}

impl<T> Found<T> {
    /// The documents alone.
    pub fn documents(&self) -> impl Iterator<Item = &T> {
        self.seen.iter().map(|seen| &seen.document)
    }

    /// The documents alone.
    pub fn into_documents(self) -> Vec<T> {
        let seen = self.seen.into_iter();
        seen.map(|seen| seen.document).collect()
    }

    pub(super) fn none() -> Self {
        Self {
            seen: Vec::new(),
            unreadable: Vec::new(),
            ended: Ended::Within,
        }
    }

    pub(super) fn add(&mut self, answer: Collected)
    where
        T: Document,
    {
        let took = answer.took;
        let read = match answer.content {
            Content::Body(body) => read(answer.headers.as_ref(), &body),
            Content::TooLarge(bytes) => {
                let reason = format!("it takes {bytes} bytes, more than is left for all answers");
                Err(Unreadable::of(&[], &reason))
            }
            Content::Status(status) => {
                let reason = format!("it has the status {status} of a NATS server");
                Err(Unreadable::of(&[], &reason))
            }
        };
        match read {
            Ok(document) => self.seen.push(Seen { document, took }),
            Err(unreadable) => self.unreadable.push(unreadable),
        }
    }
}

/// A document of one instance.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Seen<T> {
    /// The document.
    pub document: T,
    /// The time from asking to having it.
    pub took: Duration,
}

/// An answer that is no such document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The name of the service, if the answer has one that is a text.
    pub name: Option<String>,
    /// The id of the instance, if the answer has one that is a text.
    pub id: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl Unreadable {
    /// Says of an answer whose it is, as far as that can be told, and what is wrong with it. All of
    /// it is a stranger's text, made fit to be shown.
    fn of(body: &[u8], reason: &str) -> Self {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |key: &str| {
            let text = document.get(key).and_then(Value::as_str);
            text.map(|text| Shown(text).to_string())
        };
        Self {
            name: text("name"),
            id: text("id"),
            reason: Shown(reason).to_string(),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("?");
        let id = self.id.as_deref().unwrap_or("?");
        write!(
            f,
            "the answer of `{name}`, instance `{id}`, cannot be read: {}",
            self.reason
        )
    }
}

/// What one of the three verbs is answered with.
pub(crate) trait Document: DeserializeOwned + 'static {
    const VERB: &'static str;
    const KIND: &'static str;

    /// Its name, id and type.
    fn claims(&self) -> [&str; 3];
}

impl Document for Ping {
    const VERB: &'static str = "PING";
    const KIND: &'static str = "io.nats.micro.v1.ping_response";

    fn claims(&self) -> [&str; 3] {
        [&self.name, &self.id, &self.kind]
    }
}

impl Document for Info {
    const VERB: &'static str = "INFO";
    const KIND: &'static str = "io.nats.micro.v1.info_response";

    fn claims(&self) -> [&str; 3] {
        [&self.name, &self.id, &self.kind]
    }
}

impl Document for Stats {
    const VERB: &'static str = "STATS";
    const KIND: &'static str = "io.nats.micro.v1.stats_response";

    fn claims(&self) -> [&str; 3] {
        [&self.name, &self.id, &self.kind]
    }
}

/// Reads one answer. A name or an id that could not be asked for is refused here, so that callers
/// can trust them as parts of subjects.
pub(crate) fn read<T: Document>(headers: Option<&Headers>, body: &Bytes) -> Result<T, Unreadable> {
    let refuse = |reason: &str| Unreadable::of(body, reason);
    if let Some(fault) = Fault::read(headers, body) {
        return Err(refuse(&format!(
            "it is the error {}: {}",
            fault.code(),
            fault.message()
        )));
    }
    let document: T = codec::decode(body).map_err(|error| refuse(&error.to_string()))?;
    let [name, id, kind] = document.claims();
    if kind != T::KIND {
        return Err(refuse(&format!("its type is `{kind}`, not `{}`", T::KIND)));
    }
    micro_names::check_name("name", name).map_err(|problem| refuse(&problem.to_string()))?;
    micro_names::check_token(id).map_err(|problem| refuse(&format!("its id: {problem}")))?;
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::EndpointStats;

    fn read_text<T: Document>(text: &str) -> Result<T, Unreadable> {
        read(None, &Bytes::from(text.to_owned()))
    }

    fn good<T: Document>(text: &str) -> T {
        read_text(text).unwrap()
    }

    fn bad<T: Document>(text: &str) -> Unreadable {
        read_text::<T>(text).err().expect("it should not be read")
    }

    #[test]
    fn ping_as_go_python_javascript_and_rust_write_it() {
        for (name, text) in [
            (
                "shop",
                r#"{"name":"shop","id":"A1","version":"0.3.0-rc.1+go","metadata":{"a":"b"},"type":"io.nats.micro.v1.ping_response"}"#,
            ),
            (
                "shop",
                r#"{"type": "io.nats.micro.v1.ping_response", "id": "A1", "name": "shop", "version": "0.3.0", "metadata": {}}"#,
            ),
            (
                "shop",
                r#"{"type":"io.nats.micro.v1.ping_response","name":"shop","id":"A1","version":"0.3.0"}"#,
            ),
            (
                "shop",
                r#"{"type":"io.nats.micro.v1.ping_response","name":"shop","id":"A1","version":"0.3.0","metadata":null}"#,
            ),
        ] {
            let ping: Ping = good(text);
            assert_eq!((ping.name.as_str(), ping.id.as_str()), (name, "A1"));
        }
    }

    #[test]
    fn info_as_go_python_javascript_and_rust_write_it() {
        let go: Info = good(
            r#"{"name":"shop","id":"A1","version":"0.3.0","metadata":{"a":"b"},"type":"io.nats.micro.v1.info_response",
            "description":"sells","endpoints":[{"name":"all","subject":"shop.all","queue_group":"","metadata":null},
            {"name":"one","subject":"shop.*","queue_group":"eq","metadata":{"k":"v"}}]}"#,
        );
        assert_eq!(go.endpoints[0].queue_group, "");
        assert_eq!(go.endpoints[1].metadata["k"], "v");
        let python: Info = good(
            r#"{"type": "io.nats.micro.v1.info_response", "id": "A1", "name": "shop", "version": "0.3.0", "description": null,
            "endpoints": [{"name": "inner", "subject": "shop.g1.inner", "queue_group": "gq", "metadata": null}], "metadata": {}}"#,
        );
        assert_eq!(
            (python.description.as_str(), python.endpoints.len()),
            ("", 1)
        );
        let javascript: Info = good(
            r#"{"type":"io.nats.micro.v1.info_response","name":"shop","id":"A1","version":"0.3.0","description":"",
            "endpoints":[{"subject":"shop.all","name":"all","queue_group":""}]}"#,
        );
        assert!(javascript.metadata.is_empty() && javascript.endpoints[0].metadata.is_empty());
        let rust: Info = good(
            r#"{"type":"io.nats.micro.v1.info_response","name":"shop","id":"A1","description":"","version":"0.3.0","metadata":{},
            "endpoints":[{"name":"shop-*","subject":"shop.*","queue_group":"q","metadata":{}}]}"#,
        );
        assert_eq!(rust.endpoints[0].name, "shop-*");
        let none: Info = good(
            r#"{"type":"io.nats.micro.v1.info_response","name":"shop","id":"A1","version":"0.3.0"}"#,
        );
        assert_eq!(none.endpoints, []);
    }

    #[test]
    fn stats_as_go_python_javascript_and_rust_write_it() {
        let one = |endpoint: &str, metadata: &str| -> EndpointStats {
            let stats: Stats = good(&format!(
                r#"{{"name":"shop","id":"A1","version":"0.3.0",{metadata}"type":"io.nats.micro.v1.stats_response",
                "started":"2026-11-21T00:30:23.741806416Z","endpoints":[{{"name":"all","subject":"shop.all",{endpoint}}}]}}"#
            ));
            stats.endpoints[0].clone()
        };
        let go = one(
            r#""queue_group":"q","num_requests":4,"num_errors":2,"last_error":"400:empty","processing_time":66406,"average_processing_time":16601"#,
            r#""metadata":{},"#,
        );
        assert_eq!((go.num_requests, go.last_error.as_str()), (4, "400:empty"));
        let python = one(
            r#""queue_group": "q", "num_requests": 0, "num_errors": 0, "last_error": "", "processing_time": 0, "average_processing_time": 0, "data": null"#,
            r#""metadata": {}, "#,
        );
        assert_eq!(python.data, None);
        let javascript = one(
            r#""average_processing_time":1500000.5,"num_errors":0,"num_requests":2,"processing_time":3000001,"data":{"x":1},"queue_group":"q""#,
            "",
        );
        assert_eq!(javascript.average_processing_time, 1_500_000);
        assert_eq!(
            (javascript.last_error.as_str(), javascript.data),
            ("", Some(serde_json::json!({"x": 1})))
        );
        let rust = one(
            r#""num_requests":4,"num_errors":4,"processing_time":1,"average_processing_time":0,"last_error":"400:","queue_group":"q""#,
            "",
        );
        assert_eq!(rust.num_errors, 4);
        let odd = one(
            r#""num_requests":null,"processing_time":-1,"average_processing_time":1e300"#,
            "",
        );
        assert_eq!(
            (
                odd.num_requests,
                odd.processing_time,
                odd.average_processing_time
            ),
            (0, 0, u64::MAX)
        );
        let large = one(r#""processing_time":18446744073709551615"#, "");
        assert_eq!(large.processing_time, u64::MAX);
    }

    #[test]
    fn what_is_no_document_is_named() {
        let error = bad::<Info>(r#"{"name":"shop","id":"A1","version":7}"#);
        assert_eq!(
            (error.name.as_deref(), error.id.as_deref()),
            (Some("shop"), Some("A1"))
        );
        assert_eq!(
            error.to_string(),
            "the answer of `shop`, instance `A1`, cannot be read: \
             at `version`, line 1 column 36: invalid type: integer `7`, expected a string"
        );
        let wrong = r#"{"name":"shop","id":"A1","version":"1.0.0","type":"io.nats.micro.v1.info_response"}"#;
        assert_eq!(
            bad::<Ping>(wrong).reason,
            "its type is `io.nats.micro.v1.info_response`, not `io.nats.micro.v1.ping_response`"
        );
        let nothing = bad::<Stats>("");
        assert_eq!(
            (nothing.name, nothing.reason.as_str()),
            (None, "the body is empty, expected JSON")
        );
    }

    #[test]
    fn names_and_ids_can_be_asked_for() {
        let with = |name: &str, id: &str| {
            serde_json::json!({"name": name, "id": id, "version": "1.0.0", "type": Ping::KIND})
                .to_string()
        };
        assert!(read_text::<Ping>(&with("shop", "a-b_c")).is_ok());
        for (name, id) in [
            ("shop.>", "A1"),
            ("", "A1"),
            ("shop", ""),
            ("shop", "*"),
            ("shop", "a b"),
            ("sh\u{1b}[2Jop", "A1"),
        ] {
            let error = bad::<Ping>(&with(name, id));
            assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
        }
    }

    #[test]
    fn a_strangers_text_is_bounded() {
        const BOUND: usize = 200 + '…'.len_utf8();
        let name = "é".repeat(100_000);
        let text = serde_json::json!({"name": name, "id": ["x"]}).to_string();
        let error = bad::<Ping>(&text);
        assert!(error.name.is_some_and(|name| name.len() <= BOUND));
        assert_eq!(error.id, None);
        assert!(error.reason.len() <= BOUND);
    }

    #[test]
    fn who_a_document_is_of_can_be_printed() {
        let text = serde_json::json!({"name": "shop", "id": "A1\u{202e}", "version": "1\u{1b}[2J\n",
            "type": Ping::KIND, "metadata": {"raw": "\u{1b}"}});
        let ping: Ping = good(&text.to_string());
        assert_eq!(ping.to_string(), "shop 1 [2J , instance A1 ");
        assert_eq!(ping.metadata["raw"], "\u{1b}");
    }

    #[test]
    fn subscribers_that_are_not_ours_are_left_out() {
        for odd in [
            "",
            "[",
            "7",
            "null",
            r#"{"a":1}"#,
            r#"[{"name":7}]"#,
            r#"["all"]"#,
        ] {
            let text = format!(
                r#"{{"name":"shop","id":"A1","version":"0.3.0","type":"{}","metadata":{{"micro.subscribers":{}}}}}"#,
                Info::KIND,
                serde_json::json!(odd),
            );
            let info: Info = good(&text);
            assert!(info.subscribers().is_empty(), "{odd}");
        }
    }

    #[test]
    fn an_error_is_no_document() {
        let mut headers = Headers::new();
        headers.insert("Nats-Service-Error", "busy").unwrap();
        headers.insert("Nats-Service-Error-Code", "503").unwrap();
        let error = read::<Ping>(Some(&headers), &Bytes::new()).unwrap_err();
        assert_eq!(error.reason, "it is the error 503: busy");
    }
}
