//! The grammar of arguments (misuse table B).

use super::{case, endpoint_args, service_args};

#[test]
fn unknown_keys() {
    service_args(
        r#"nmae = "x""#,
        &["1:11 unknown argument `nmae` in `#[service(..)]`\n\
help: did you mean `name`?\n\
note: accepted: `name`, `version`, `description`, `group`, `queue_group`, \
`metadata`, `timeout`, `concurrency`, `client`, `register`, `crate`"],
    );
    service_args(
        "foo = 1",
        &["1:11 unknown argument `foo` in `#[service(..)]`\n\
note: accepted: `name`, `version`, `description`, `group`, `queue_group`, \
`metadata`, `timeout`, `concurrency`, `client`, `register`, `crate`"],
    );
    service_args(
        r#"subject = "a""#,
        &["1:11 unknown argument `subject` in `#[service(..)]`\n\
help: `subject` is an argument of `#[endpoint(..)]`\n\
note: accepted: `name`, `version`, `description`, `group`, `queue_group`, \
`metadata`, `timeout`, `concurrency`, `client`, `register`, `crate`"],
    );
    service_args(
        "client(nmae = X)",
        &["1:18 unknown argument `nmae` in `client(..)`\n\
help: did you mean `name`?\n\
note: accepted: `name`, `vis`"],
    );
    endpoint_args(
        "foo = 1",
        &["3:12 unknown argument `foo` in `#[endpoint(..)]`\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`"],
    );
    endpoint_args(
        r#"que_group = "workers""#,
        &["3:12 unknown argument `que_group` in `#[endpoint(..)]`\n\
help: did you mean `queue_group`?\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`"],
    );
    endpoint_args(
        r#"timeout_ms = "2s""#,
        &["3:12 unknown argument `timeout_ms` in `#[endpoint(..)]`\n\
help: did you mean `timeout`?\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`"],
    );
    endpoint_args(
        r#"version = "1.0.0""#,
        &["3:12 unknown argument `version` in `#[endpoint(..)]`\n\
help: `version` is an argument of `#[service(..)]`\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`"],
    );
    endpoint_args(
        "add",
        &["3:12 unknown argument `add` in `#[endpoint(..)]`\n\
help: to set the subject write `subject = \"add\"`\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`"],
    );
}

#[test]
fn duplicates() {
    service_args(
        r#"name = "a", name = "b""#,
        &[
            "1:23 duplicate argument `name`",
            "1:11 `name` is first given here",
        ],
    );
    service_args(
        r#"name = "a", name = "b c", name = "d""#,
        &[
            "1:23 duplicate argument `name`",
            "1:11 `name` is first given here",
            "1:37 duplicate argument `name`",
            "1:11 `name` is first given here",
        ],
    );
    service_args(
        r#"metadata(a = "1", a = "2")"#,
        &[
            "1:29 duplicate metadata key `a`",
            "1:20 `a` is first given here",
        ],
    );
    service_args(
        r#"metadata(a = "1", "a" = "2")"#,
        &[
            "1:29 duplicate metadata key `a`",
            "1:20 `a` is first given here",
        ],
    );
}

#[test]
fn missing_values() {
    service_args(
        "name",
        &["1:11 `name` needs a value\n\
help: write `name = \"..\"`"],
    );
    service_args(
        "name =",
        &["1:11 `name` needs a value\n\
help: write `name = \"..\"`"],
    );
    service_args(
        "version, group, metadata, timeout, crate",
        &[
            "1:11 `version` needs a value\n\
help: write `version = \"1.0.0\"`",
            "1:20 `group` needs a value\n\
help: write `group = \"..\"`",
            "1:27 `metadata` takes a list\n\
help: write `metadata(team = \"core\")`",
            "1:37 `timeout` needs a value\n\
help: write `timeout = \"2s\"`",
            "1:46 `crate` needs a value\n\
help: write `crate = ::micro`",
        ],
    );
    endpoint_args(
        "concurrency",
        &["3:12 `concurrency` needs a value\n\
help: write `concurrency = 64`"],
    );
    endpoint_args(
        "queue_group =",
        &["3:12 `queue_group` needs a value\n\
help: write `queue_group = \"workers\"`"],
    );
    service_args(
        "client",
        &["1:11 `client` is `false`, a name, or `client(name = .., vis = ..)`"],
    );
}

#[test]
fn wrong_kinds() {
    service_args(
        "name = 5",
        &["1:18 `name` must be a string literal, found an integer\n\
help: write `name = \"5\"`"],
    );
    service_args(
        "name = true",
        &["1:18 `name` must be a string literal, found a boolean\n\
help: write `name = \"..\"`"],
    );
    service_args(
        "name = 'a'",
        &["1:18 `name` must be a string literal, found a character\n\
help: write `name = \"..\"`"],
    );
    service_args(
        r#"name = b"a""#,
        &["1:18 `name` must be a string literal, found bytes\n\
help: write `name = \"..\"`"],
    );
    service_args(
        "name = 1.5",
        &["1:18 `name` must be a string literal, found a float\n\
help: write `name = \"..\"`"],
    );
    service_args(
        r#"name = ["a"]"#,
        &[
            "1:18 `name` must be a string literal, found an expression\n\
help: write `name = \"..\"`",
        ],
    );
    service_args(
        r#"name("a")"#,
        &["1:15 `name` must be a string literal, found a list\n\
help: write `name = \"..\"`"],
    );
    service_args(
        "timeout = 2",
        &[
            "1:21 `timeout` must be a string literal, found an integer\n\
help: write `timeout = \"2s\"`",
        ],
    );
    service_args(
        r#"concurrency = "8""#,
        &[
            "1:25 `concurrency` must be an integer literal, found a string\n\
help: write `concurrency = 8`",
        ],
    );
    service_args(
        "concurrency = 1.5",
        &[
            "1:25 `concurrency` must be an integer literal, found a float\n\
help: write `concurrency = 64`",
        ],
    );
    service_args(
        r#"metadata = "x""#,
        &["1:22 `metadata` takes a list\n\
help: write `metadata(team = \"core\")`"],
    );
    service_args(
        "metadata",
        &["1:11 `metadata` takes a list\n\
help: write `metadata(team = \"core\")`"],
    );
    service_args(
        "metadata(a)",
        &["1:20 metadata key `a` needs a value\n\
help: write `a = \"..\"`"],
    );
    service_args(
        "metadata(a = 1)",
        &["1:24 the value of metadata key `a` must be a string literal, found an integer"],
    );
    service_args(
        "metadata(a = )",
        &["1:20 metadata key `a` needs a value\n\
help: write `a = \"..\"`"],
    );
    service_args(
        r#"metadata(a: "1")"#,
        &["1:21 expected `=` after `a`, found `:`"],
    );
    service_args(
        r#"metadata(1 = "a")"#,
        &["1:20 a metadata key is a word or a string, found `1`\n\
help: write `metadata(team = \"core\")`"],
    );
    service_args(
        r#"metadata("" = "a")"#,
        &["1:20 a metadata key cannot be empty"],
    );
    service_args(
        r#"metadata(_nats = "a")"#,
        &["1:20 metadata key `_nats` is reserved\n\
note: keys starting with `_nats` belong to NATS itself"],
    );
    endpoint_args(
        "subject = SUBJECT",
        &["3:22 `subject` must be a string literal, found a path\n\
note: attribute arguments are read before constants are evaluated; for a value known \
only at run time use `App::service_with`"],
    );
    endpoint_args(
        r#"subject = concat!("a", ".b")"#,
        &[
            "3:22 `subject` must be a string literal, found a macro call\n\
note: attribute arguments are read before macros are expanded",
        ],
    );
    endpoint_args(
        "subject = self::SUBJECT",
        &["3:22 `subject` must be a string literal, found a path\n\
note: attribute arguments are read before constants are evaluated; for a value known \
only at run time use `App::service_with`"],
    );
    service_args(
        "queue_group = true",
        &["1:25 `queue_group` is a string, or `false` to serve without one"],
    );
    service_args(
        "queue_group = 5",
        &[
            "1:25 `queue_group` must be a string literal or `false`, found an integer\n\
help: write `queue_group = \"5\"`",
        ],
    );
    service_args(
        "queue_group = workers",
        &[
            "1:25 `queue_group` must be a string literal or `false`, found a path\n\
note: attribute arguments are read before constants are evaluated; for a value known \
only at run time use `App::service_with`",
        ],
    );
    service_args(
        "register = true",
        &[
            "1:22 `register` takes no value, or the path of a constructor\n\
help: write `register` or `register = Numbers::new`",
        ],
    );
    service_args(
        r#"register = "Numbers::new""#,
        &[
            "1:22 `register` takes no value, or the path of a constructor\n\
help: write `register` or `register = Numbers::new`",
        ],
    );
    service_args(
        r#"register("x")"#,
        &[
            "1:19 `register` takes no value, or the path of a constructor\n\
help: write `register` or `register = Numbers::new`",
        ],
    );
    service_args(
        "register = || Numbers",
        &[
            "1:22 `register` takes no value, or the path of a constructor\n\
help: write `register` or `register = Numbers::new`",
        ],
    );
    service_args(
        "client = 3",
        &["1:20 `client` is `false`, a name, or `client(name = .., vis = ..)`"],
    );
    service_args(
        "client = true",
        &["1:20 `client` is `false`, a name, or `client(name = .., vis = ..)`"],
    );
    service_args(
        r#"client = "NumbersClient""#,
        &["1:20 `client` takes a name without quotes\n\
help: write `client = NumbersClient`"],
    );
    service_args(
        "client = a::B",
        &["1:20 `client` is `false`, a name, or `client(name = .., vis = ..)`"],
    );
    service_args(
        r#"client(name = "A")"#,
        &["1:25 `name` of the client must be an identifier\n\
help: write `client(name = NumbersClient)`"],
    );
    service_args(
        "client(vis = 3)",
        &["1:24 `vis` of the client must be a visibility\n\
help: write `vis = pub(crate)`"],
    );
    service_args(
        "client(name)",
        &["1:18 `name` of the client must be an identifier\n\
help: write `client(name = NumbersClient)`"],
    );
}

#[test]
fn grammar() {
    service_args(
        r#""numbers""#,
        &["1:11 arguments have names\n\
help: to set the name write `name = \"numbers\"`"],
    );
    endpoint_args(
        r#""numbers.add""#,
        &["3:12 arguments have names\n\
help: to set the subject write `subject = \"numbers.add\"`"],
    );
    endpoint_args(
        "5",
        &["3:12 arguments have names\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`"],
    );
    service_args(
        r#"name: "x""#,
        &["1:15 expected `=` after `name`, found `:`"],
    );
    service_args(
        r#"name "x""#,
        &["1:16 expected `=` after `name`, found `\"x\"`"],
    );
    service_args(
        r#"name == "x""#,
        &["1:17 expected a value after `=`, found `=`"],
    );
    service_args(
        r#"name = "a" version = "1.0.0""#,
        &["1:22 expected `,` before `version`"],
    );
    service_args(
        r#"name = "a"; version = "1.0.0""#,
        &["1:21 expected `,`, found `;`"],
    );
    service_args(
        r#", name = "a""#,
        &["1:11 expected the name of an argument, found `,`\n\
note: accepted: `name`, `version`, `description`, `group`, `queue_group`, \
`metadata`, `timeout`, `concurrency`, `client`, `register`, `crate`"],
    );
    service_args(
        r#"name = "a",, version = "1.0.0""#,
        &["1:22 expected the name of an argument, found `,`\n\
note: accepted: `name`, `version`, `description`, `group`, `queue_group`, \
`metadata`, `timeout`, `concurrency`, `client`, `register`, `crate`"],
    );
    service_args(
        r#"= "a""#,
        &["1:11 expected the name of an argument, found `=`\n\
note: accepted: `name`, `version`, `description`, `group`, `queue_group`, \
`metadata`, `timeout`, `concurrency`, `client`, `register`, `crate`"],
    );
    service_args(
        r#"name::x = "a""#,
        &["1:15 expected `=` after `name`, found `:`"],
    );
    service_args(r#"name["a"]"#, &["1:15 use parentheses: `name(..)`"]);
    case(
        r#"#[service]
impl Numbers { #[endpoint { name = "x" }] async fn add(&self) {} }"#,
        &["2:27 use parentheses: `#[endpoint(..)]`"],
    );
    case(
        r#"#[service]
impl Numbers { #[endpoint[name = "x"]] async fn add(&self) {} }"#,
        &["2:26 use parentheses: `#[endpoint(..)]`"],
    );
    case(
        r#"#[service]
impl Numbers { #[endpoint = "x"] async fn add(&self) {} }"#,
        &["2:27 arguments go into parentheses: `#[endpoint(..)]`"],
    );
}

#[test]
fn all_keys() {
    service_args(
        r#"name = "n", version = "1.0.0", description = "d", group = "g", queue_group = "q", metadata(a = "1", "b c" = "2"), timeout = "2s", concurrency = 8, client = Client, register, crate = ::micro,"#,
        &[],
    );
    service_args("client = false", &[]);
    service_args("client(name = A, vis = pub(crate))", &[]);
    service_args("client(vis = pub(in crate::a),)", &[]);
    service_args("register = Numbers::<A, B>::new", &[]);
    service_args(r#"crate = "my_micro""#, &[]);
    service_args("crate = my::micro", &[]);
    service_args("queue_group = false", &[]);
    endpoint_args(
        r#"name = "n", subject = "s", group = "g", queue_group = false, metadata(a = "1"), timeout = "250ms", concurrency = 1"#,
        &[],
    );
    endpoint_args("", &[]);
}
