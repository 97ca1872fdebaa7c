// What a value is called, the value, and what is said of it; nothing where it is fine.
//
// The macros and the runtime are both held to this list, by `micro-macros/src/tests/vectors.rs` and
// by `micro-core/src/vectors.rs`: a mistake is told in the same words when it is compiled and when
// it is known at run time only.
//
// What is not here is said in other words on purpose: `*` and `>`, which an attribute has named and
// the builder takes; the dotted name of an endpoint, where an attribute proposes a `group`; names
// that come from identifiers; wildcards in the group of a service; metadata keys of NATS itself,
// which a program of NATS' own kind sets with the builder.
[
    // Names of services, and of endpoints.
    ("name", "numbers", ""),
    ("name", "-_9", ""),
    ("name", "", "`name` cannot be empty"),
    (
        "name",
        "my service",
        "`name` must match `[A-Za-z0-9_-]+`, found `my service`\nhelp: write `my-service`",
    ),
    (
        "name",
        "a.b",
        "`name` must match `[A-Za-z0-9_-]+`, found `a.b`\nhelp: write `a-b`\nnote: dots separate groups; `nats micro` cannot address a name with a dot",
    ),
    (
        "name",
        "日本",
        "`name` must match `[A-Za-z0-9_-]+`, found `日本`\nnote: `日` is U+65E5 and not an ASCII letter",
    ),
    ("name", "a\nb", "`name` must match `[A-Za-z0-9_-]+`, found `a\\nb`\nhelp: write `a-b`"),
    ("endpoint name", "add", ""),
    ("endpoint name", "", "`name` cannot be empty"),
    ("endpoint name", "a b", "`name` must match `[A-Za-z0-9_-]+`, found `a b`\nhelp: write `a-b`"),
    (
        "endpoint name",
        "a.b c",
        "`name` must match `[A-Za-z0-9_-]+`, found `a.b c`\nhelp: write `a-b-c`\nnote: dots separate groups; `nats micro` cannot address a name with a dot",
    ),
    ("endpoint name", "?", "`name` must match `[A-Za-z0-9_-]+`, found `?`"),
    // Versions.
    ("version", "1.0.0", ""),
    ("version", "1.0.0-rc.1+b", ""),
    ("version", "", "`version` cannot be empty\nhelp: write `1.0.0`"),
    (
        "version",
        "v1.0",
        "`version` must be a semantic version such as `1.0.0`, found `v1.0`\nhelp: write `1.0.0`",
    ),
    ("version", "01.0.0", "`version` must be a semantic version such as `1.0.0`, found `01.0.0`\nhelp: write `1.0.0`"),
    ("version", "latest", "`version` must be a semantic version such as `1.0.0`, found `latest`"),
    // Groups.
    ("group", "", ""),
    ("group", "a.b", ""),
    ("group", "a.{id}", ""),
    ("group", ".", "`group` has an empty token"),
    ("group", "a..b", "`group` has an empty token\nhelp: write `a.b`"),
    ("group", "a.", "`group` has an empty token\nhelp: write `a`"),
    ("group", "a b", "`group` cannot contain white space"),
    ("group", "a\0", "`group` cannot contain control characters, found `a\\0`"),
    (
        "group",
        "$SRV",
        "subjects starting with `$` are reserved for the NATS server and for service discovery",
    ),
    (
        "group",
        "_GR_",
        "subjects starting with `_GR_` are reserved for the gateways of the NATS server",
    ),
    ("group", "{id", "unclosed `{` in `group`"),
    ("group", "{id}.{id}", "placeholder `{id}` is used twice"),
    // Subjects.
    ("subject", "add", ""),
    ("subject", "a.{id}.b", ""),
    ("subject", "é.a", ""),
    ("subject", "", "`subject` cannot be empty"),
    ("subject", "..", "`subject` has an empty token"),
    ("subject", ".a", "`subject` has an empty token\nhelp: write `a`"),
    ("subject", "a\tb", "`subject` cannot contain white space"),
    ("subject", "a\u{a0}b", "`subject` cannot contain white space"),
    ("subject", "a\u{7f}", "`subject` cannot contain control characters, found `a\\u{7f}`"),
    (
        "subject",
        "$JS.API",
        "subjects starting with `$` are reserved for the NATS server and for service discovery",
    ),
    (
        "subject",
        "_GR_.a",
        "subjects starting with `_GR_` are reserved for the gateways of the NATS server",
    ),
    ("subject", "a.{id", "unclosed `{` in `subject`"),
    ("subject", "a.id}", "unmatched `}` in `subject`"),
    ("subject", "{}", "a placeholder needs a name\nhelp: write `{id}` and add a parameter `id`"),
    ("subject", "{fn}", "`fn` cannot be the name of a parameter\nnote: it is a keyword of Rust"),
    ("subject", "{a b}", "`a b` cannot be the name of a parameter"),
    (
        "subject",
        "user-{id}",
        "a placeholder must be a whole token, found `user-{id}`\nnote: a wildcard of NATS stands for one token, never for a part of one",
    ),
    ("subject", "{id}.{id}", "placeholder `{id}` is used twice"),
    // Queue groups, of a service and of an endpoint.
    ("queue_group", "workers", ""),
    ("queue_group", "a.*", ""),
    (
        "queue_group",
        "",
        "`queue_group` cannot be empty\nhelp: to serve without a queue group write `queue_group = false`",
    ),
    ("queue_group", "a b", "`queue_group` cannot contain white space or `>`, found `a b`"),
    ("queue_group", "a.>", "`queue_group` cannot contain white space or `>`, found `a.>`"),
    ("queue_group", "a\0", "`queue_group` cannot contain control characters, found `a\\0`"),
    (
        "queue_group",
        "_sys_",
        "`queue_group` cannot be `_sys_`: the NATS server keeps it for itself",
    ),
    // Keys of metadata, of a service and of an endpoint.
    ("metadata", "team", ""),
    ("metadata", "two words", ""),
    ("metadata", "", "a metadata key cannot be empty"),
    // Times, of a service, of an endpoint and of `call --timeout`.
    ("timeout", "250ms", ""),
    ("timeout", "1m", ""),
    ("timeout", "", "`timeout` cannot be empty\nhelp: write `2s`"),
    ("timeout", "0s", "`timeout` must be longer than zero"),
    (
        "timeout",
        "2 secs",
        "`timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found `2 secs`\nhelp: write `2s`",
    ),
    (
        "timeout",
        "1h",
        "`timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found `1h`\nhelp: write `60m`",
    ),
    (
        "timeout",
        "soon",
        "`timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found `soon`",
    ),
    ("timeout", "99999999999999999999s", "`timeout` is too long, found `99999999999999999999s`"),
    // How many requests at once.
    ("concurrency", "1", ""),
    ("concurrency", "0", "`concurrency` must be at least 1"),
    // Names of headers.
    ("header", "X-Tenant", ""),
    ("header", "!#$%~", ""),
    ("header", "", "a header name cannot be empty\nhelp: write `X-Name`"),
    (
        "header",
        "X Tenant",
        "header name `X Tenant` contains a character that NATS does not allow\nhelp: write `X-Tenant`\nnote: allowed are the printable ASCII characters except `:` and space",
    ),
    (
        "header",
        "Größe",
        "header name `Größe` contains a character that NATS does not allow\nnote: allowed are the printable ASCII characters except `:` and space",
    ),
    (
        "header",
        "X\r\nY",
        "header name `X\\r\\nY` contains a character that NATS does not allow\nhelp: write `X-Y`\nnote: allowed are the printable ASCII characters except `:` and space",
    ),
]
