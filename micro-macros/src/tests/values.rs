//! Values of arguments (misuse tables C and G).

use super::{case, endpoint_args, service_args};

#[test]
fn names() {
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
        r#"version = "v1.0.0""#,
        &[
            "1:21 `version` must be a semantic version such as `1.0.0`, found `v1.0.0`\n\
help: write `1.0.0`",
        ],
    );
}

#[test]
fn groups() {
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
        r#"subject = "a b""#,
        &["3:22 `subject` cannot contain white space"],
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
    endpoint_args(
        r#"subject = "{id}", group = "{id}""#,
        &["3:22 placeholder `{id}` is used twice"],
    );
}

#[test]
fn queue_groups() {}

#[test]
fn limits() {
    endpoint_args(
        r#"timeout = "2""#,
        &[
            "3:22 `timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found \
`2`\n\
help: write `2s`",
        ],
    );
    service_args(
        "concurrency = -1",
        &["1:25 `concurrency` must be at least 1"],
    );
    service_args("concurrency = 8usize", &[]);
}

#[test]
fn crates() {
    service_args(
        "crate = 5",
        &["1:19 `crate` must be a path, found an integer\n\
help: write `crate = ::micro`"],
    );
    service_args(
        "crate",
        &["1:11 `crate` needs a value\n\
help: write `crate = ::micro`"],
    );
}
