//! The schemas of the three documents: what everybody requires, and what we require beyond that.
//!
//! They are stricter than the published ones: nothing may be added, nothing may be missing, no
//! object may be null, and `started` has six digits.

use std::sync::LazyLock;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Value, json};

static VALIDATOR: LazyLock<Validator> = LazyLock::new(Validator::compile);

struct Validator {
    schemas: Schemas,
    ping: SchemaIndex,
    info: SchemaIndex,
    stats: SchemaIndex,
}

impl Validator {
    fn compile() -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V7);
        compiler.enable_format_assertions();
        for (name, text) in [
            ("common.json", include_str!("schemas/common.json")),
            ("ping.json", include_str!("schemas/ping.json")),
            ("info.json", include_str!("schemas/info.json")),
            ("stats.json", include_str!("schemas/stats.json")),
        ] {
            let schema = serde_json::from_str(text).unwrap();
            compiler.add_resource(&url(name), schema).unwrap();
        }
        let mut schemas = Schemas::new();
        let mut index = |name| compiler.compile(&url(name), &mut schemas).unwrap();
        let (ping, info, stats) = (index("ping.json"), index("info.json"), index("stats.json"));
        Self {
            schemas,
            ping,
            info,
            stats,
        }
    }
}

fn url(name: &str) -> String {
    format!("mem://schemas/{name}")
}

/// What is wrong with an answer to a verb, if anything is.
pub(crate) fn fault(verb: &str, document: &Value) -> Option<String> {
    let validator = &*VALIDATOR;
    let schema = match verb {
        "PING" => validator.ping,
        "INFO" => validator.info,
        "STATS" => validator.stats,
        _ => panic!("no verb: {verb}"),
    };
    let checked = validator.schemas.validate(document, schema);
    checked.err().map(|error| format!("{error:#}"))
}

/// Schemas that take anything would make every test that uses them worthless.
#[test]
fn the_schemas_refuse_what_breaks_a_rule() {
    let ping = json!({"type": "io.nats.micro.v1.ping_response", "name": "a", "version": "1.0.0",
        "id": "9xWCFeeNlwMlPXRJHGb0oq", "metadata": {"k": "v"}});
    let mut info = ping.clone();
    info["type"] = json!("io.nats.micro.v1.info_response");
    info["description"] = json!("");
    info["endpoints"] = json!([{"name": "e", "subject": "a.*.>", "queue_group": "",
        "metadata": {}}]);
    let mut stats = ping.clone();
    stats["type"] = json!("io.nats.micro.v1.stats_response");
    stats["started"] = json!("2026-11-21T00:30:23.741806Z");
    stats["endpoints"] = json!([{"name": "e", "subject": "e", "queue_group": "q",
        "num_requests": 0, "num_errors": 0, "last_error": "", "processing_time": 0,
        "average_processing_time": 0, "data": [1]}]);
    let standard = json!({
        "/type": [null, "", "io.nats.micro.v1.ping"],
        "/name": [null, "", "a.b", "a b", "é", 1],
        "/id": [null, "", "short", "9xWCFeeNlwMlPXRJHGb0o.", 1],
        "/version": [null, "", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "latest", 1],
        "/metadata": [null, [], {"k": null}, {"k": 1}],
        "/extra": [null, "", 1],
    });
    let of_info = json!({
        "/description": [null, 1],
        "/endpoints": [null, {}],
        "/endpoints/0": [null, "e"],
        "/endpoints/0/name": [null, "", "a.b"],
        "/endpoints/0/subject": [null, "", "a..b", ".a", "a.", "a b"],
        "/endpoints/0/queue_group": [null, "a b", 1],
        "/endpoints/0/metadata": [null, [], {"k": 1}],
        "/endpoints/0/extra": [null, 1],
    });
    let of_stats = json!({
        "/started": [null, "", 1, "2026-11-21T00:30:23Z", "2026-11-21T00:30:23.741Z",
            "2026-11-21T00:30:23.7418061Z", "2026-11-21T00:30:23.741806+00:00",
            "2026-11-21 00:30:23.741806Z", "2026-13-21T00:30:23.741806Z"],
        "/endpoints": [null, {}],
        "/endpoints/0/name": [null, "", "a.b"],
        "/endpoints/0/subject": [null, ""],
        "/endpoints/0/queue_group": [null],
        "/endpoints/0/num_requests": [null, -1, 1.5, "1", 10_000_000_000_000_000_000_u64],
        "/endpoints/0/num_errors": [null, -1, 1.5, "1"],
        "/endpoints/0/last_error": [null, {}, {"code": 400}],
        "/endpoints/0/processing_time": [null, -1, 1.5, "1"],
        "/endpoints/0/average_processing_time": [null, -1, 1000.5, "1s"],
        "/endpoints/0/data": [null],
        "/endpoints/0/metadata": [{}],
    });
    for (verb, document, tables) in [
        ("PING", &ping, [&standard, &json!({})]),
        ("INFO", &info, [&standard, &of_info]),
        ("STATS", &stats, [&standard, &of_stats]),
    ] {
        assert_eq!(fault(verb, document), None);
        for (place, values) in tables
            .into_iter()
            .flat_map(|table| table.as_object().unwrap())
        {
            for value in values.as_array().unwrap() {
                let mut broken = document.clone();
                put(&mut broken, place, Some(value.clone()));
                assert!(fault(verb, &broken).is_some(), "{verb} {place} {value}");
            }
            let optional = ["/extra", "/endpoints/0/extra", "/endpoints/0/data"];
            let added = place == "/endpoints/0/metadata" && verb == "STATS";
            if !optional.contains(&place.as_str()) && !added && place != "/endpoints/0" {
                let mut broken = document.clone();
                put(&mut broken, place, None);
                assert!(fault(verb, &broken).is_some(), "{verb} without {place}");
            }
        }
    }
}

/// Sets or removes what is at a place in a document.
fn put(document: &mut Value, place: &str, value: Option<Value>) {
    let (parent, key) = place.rsplit_once('/').unwrap();
    match (document.pointer_mut(parent).unwrap(), value) {
        (Value::Object(object), Some(value)) => {
            object.insert(key.to_owned(), value);
        }
        (Value::Object(object), None) => {
            object.remove(key);
        }
        (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{other} has no members"),
    }
}
