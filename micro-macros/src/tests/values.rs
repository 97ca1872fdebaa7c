//! Values of arguments (misuse tables C and G).

use super::{case, endpoint_args, service_args};

#[test]
fn names() {
    service_args(
        r#"name = "my service""#,
        &[
            "1:18 `name` must match `[A-Za-z0-9_-]+`, found `my service`\n\
help: write `my-service`",
        ],
    );
    service_args(r#"name = """#, &["1:18 `name` cannot be empty"]);
    service_args(
        r#"name = "a.b""#,
        &["1:18 `name` must match `[A-Za-z0-9_-]+`, found `a.b`\n\
help: write `a-b`\n\
note: dots separate groups; `nats micro` cannot address a name with a dot"],
    );
    service_args(
        r#"name = "日本""#,
        &["1:18 `name` must match `[A-Za-z0-9_-]+`, found `日本`\n\
note: `日` is U+65E5 and not an ASCII letter"],
    );
    endpoint_args(
        r#"name = "a.b""#,
        &["3:19 `name` must match `[A-Za-z0-9_-]+`, found `a.b`\n\
help: write `group = \"a\", name = \"b\"`\n\
note: dots separate groups; `nats micro` cannot address a name with a dot"],
    );
    endpoint_args(
        r#"name = "{id}""#,
        &["3:19 `name` must match `[A-Za-z0-9_-]+`, found `{id}`\n\
help: write `subject = \"{id}\"`\n\
note: a name is plain; placeholders and wildcards belong to the subject"],
    );
    endpoint_args(
        r#"name = "a.b c""#,
        &["3:19 `name` must match `[A-Za-z0-9_-]+`, found `a.b c`\n\
help: write `a-b-c`\n\
note: dots separate groups; `nats micro` cannot address a name with a dot"],
    );
    case(
        "#[service]
impl Größe { #[endpoint] async fn añadir(&self) {} }",
        &[
            "2:6 `name` must match `[A-Za-z0-9_-]+`, found `Größe`\n\
help: give it one with `name = \"..\"`\n\
note: `ö` is U+00F6 and not an ASCII letter",
            "2:35 `name` must match `[A-Za-z0-9_-]+`, found `añadir`\n\
help: give it one with `name = \"..\"`\n\
note: `ñ` is U+00F1 and not an ASCII letter",
        ],
    );
}

#[test]
fn versions() {
    service_args(
        r#"version = "1.0""#,
        &[
            "1:21 `version` must be a semantic version such as `1.0.0`, found `1.0`\n\
help: write `1.0.0`",
        ],
    );
    service_args(
        r#"version = "v1.0.0""#,
        &[
            "1:21 `version` must be a semantic version such as `1.0.0`, found `v1.0.0`\n\
help: write `1.0.0`",
        ],
    );
    service_args(
        r#"version = """#,
        &["1:21 `version` cannot be empty\n\
help: write `1.0.0`"],
    );
}

#[test]
fn groups() {
    service_args(
        r#"group = "numbers.""#,
        &["1:19 `group` has an empty token\n\
help: write `numbers`"],
    );
    service_args(
        r#"group = ".a""#,
        &["1:19 `group` has an empty token\n\
help: write `a`"],
    );
    service_args(
        r#"group = "a..b""#,
        &["1:19 `group` has an empty token\n\
help: write `a.b`"],
    );
    service_args(
        r#"group = "a b""#,
        &["1:19 `group` cannot contain white space"],
    );
    service_args(
        r#"group = "a.*""#,
        &["1:19 the `group` of a service cannot have wildcards\n\
help: write them into the `group` or the `subject` of the endpoints"],
    );
    service_args(
        r#"group = "a.>""#,
        &["1:19 a group cannot contain `>`\n\
note: an endpoint answers requests whose tokens are known; subscribe with async-nats \
for a whole tree"],
    );
    service_args(
        r#"group = "$SRV""#,
        &[
            "1:19 subjects starting with `$` are reserved for the NATS server and for service \
discovery",
        ],
    );
    service_args(
        r#"group = "a.{id}""#,
        &["1:19 the `group` of a service cannot have wildcards\n\
help: write them into the `group` or the `subject` of the endpoints"],
    );
    service_args(r#"group = """#, &[]);
    endpoint_args(
        r#"group = "a.*""#,
        &["3:20 name the wildcard: a group cannot contain `*`\n\
help: write `a.{id}` and add a parameter `id`"],
    );
}

#[test]
fn subjects() {
    endpoint_args(
        r#"subject = "history.*""#,
        &["3:22 name the wildcard: a subject cannot contain `*`\n\
help: write `history.{id}` and add a parameter `id`"],
    );
    endpoint_args(
        r#"subject = "logs.>""#,
        &["3:22 a subject cannot contain `>`\n\
note: an endpoint answers requests whose tokens are known; subscribe with async-nats \
for a whole tree"],
    );
    endpoint_args(
        r#"subject = "$SRV.PING""#,
        &[
            "3:22 subjects starting with `$` are reserved for the NATS server and for service \
discovery",
        ],
    );
    endpoint_args(r#"subject = """#, &["3:22 `subject` cannot be empty"]);
    endpoint_args(
        r#"subject = "a b""#,
        &["3:22 `subject` cannot contain white space"],
    );
    endpoint_args(
        r#"subject = "a..b""#,
        &["3:22 `subject` has an empty token\n\
help: write `a.b`"],
    );
    endpoint_args(
        r#"subject = "{id}.{id}""#,
        &["3:22 placeholder `{id}` is used twice"],
    );
    endpoint_args(
        r#"subject = "{0}""#,
        &["3:22 `0` cannot be the name of a parameter"],
    );
    endpoint_args(
        r#"subject = "{}""#,
        &["3:22 a placeholder needs a name\n\
help: write `{id}` and add a parameter `id`"],
    );
    endpoint_args(
        r#"subject = "{a b}""#,
        &["3:22 `a b` cannot be the name of a parameter"],
    );
    endpoint_args(
        r#"subject = "{fn}""#,
        &["3:22 `fn` cannot be the name of a parameter\n\
note: it is a keyword of Rust"],
    );
    endpoint_args(r#"subject = "h.{id""#, &["3:22 unclosed `{` in `subject`"]);
    endpoint_args(r#"subject = "h.id}""#, &["3:22 unmatched `}` in `subject`"]);
    endpoint_args(
        r#"subject = "user-{id}""#,
        &[
            "3:22 a placeholder must be a whole token, found `user-{id}`\n\
note: a wildcard of NATS stands for one token, never for a part of one",
        ],
    );
    endpoint_args(
        r#"subject = "{id}", group = "{id}""#,
        &["3:22 placeholder `{id}` is used twice"],
    );
}

#[test]
fn queue_groups() {
    service_args(
        r#"queue_group = """#,
        &["1:25 `queue_group` cannot be empty\n\
help: to serve without a queue group write `queue_group = false`"],
    );
    service_args(
        r#"queue_group = "a b""#,
        &["1:25 `queue_group` cannot contain white space or `>`, found `a b`"],
    );
    endpoint_args(
        r#"queue_group = "a>""#,
        &["3:26 `queue_group` cannot contain white space or `>`, found `a>`"],
    );
}

#[test]
fn limits() {
    service_args(
        r#"timeout = "2 secs""#,
        &[
            "1:21 `timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found `2 \
secs`\n\
help: write `2s`",
        ],
    );
    service_args(
        r#"timeout = "0s""#,
        &["1:21 `timeout` must be longer than zero"],
    );
    service_args(
        r#"timeout = "1h""#,
        &[
            "1:21 `timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found \
`1h`\n\
help: write `60m`",
        ],
    );
    service_args(
        r#"timeout = """#,
        &["1:21 `timeout` cannot be empty\n\
help: write `2s`"],
    );
    endpoint_args(
        r#"timeout = "2""#,
        &[
            "3:22 `timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found \
`2`\n\
help: write `2s`",
        ],
    );
    service_args(
        "concurrency = 0",
        &["1:25 `concurrency` must be at least 1"],
    );
    service_args(
        "concurrency = -1",
        &["1:25 `concurrency` must be at least 1"],
    );
    service_args(
        "concurrency = 99999999999",
        &["1:25 `concurrency` must be at least 1 and at most 4294967295"],
    );
    service_args("concurrency = 8usize", &[]);
}

#[test]
fn crates() {
    service_args(
        r#"crate = "a b""#,
        &["1:19 `crate` must be a path, found `a b`"],
    );
    service_args(
        "crate = 5",
        &["1:19 `crate` must be a path, found an integer\n\
help: write `crate = ::micro`"],
    );
    service_args(
        "crate(micro)",
        &["1:16 `crate` must be a path, found a list\n\
help: write `crate = ::micro`"],
    );
    service_args(
        "crate",
        &["1:11 `crate` needs a value\n\
help: write `crate = ::micro`"],
    );
}
