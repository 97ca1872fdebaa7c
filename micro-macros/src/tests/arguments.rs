//! The grammar of arguments (misuse table B).

use super::{endpoint_args, service_args};

#[test]
fn unknown_keys() {
    service_args(
        "client(nmae = X)",
        &["1:18 unknown argument `nmae` in `client(..)`\n\
help: did you mean `name`?\n\
note: accepted: `name`, `vis`"],
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
}

#[test]
fn duplicates() {
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
        "concurrency = 1.5",
        &[
            "1:25 `concurrency` must be an integer literal, found a float\n\
help: write `concurrency = 64`",
        ],
    );
    service_args(
        "metadata",
        &["1:11 `metadata` takes a list\n\
help: write `metadata(team = \"core\")`"],
    );
    service_args(
        "metadata(a = )",
        &["1:20 metadata key `a` needs a value\n\
help: write `a = \"..\"`"],
    );
    endpoint_args(
        "subject = self::SUBJECT",
        &["3:22 `subject` must be a string literal, found a path\n\
note: attribute arguments are read before constants are evaluated; for a value known \
only at run time use `App::service_with`"],
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
        "client = true",
        &["1:20 `client` is `false`, a name, or `client(name = .., vis = ..)`"],
    );
    service_args(
        "client = a::B",
        &["1:20 `client` is `false`, a name, or `client(name = .., vis = ..)`"],
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
        r#"name "x""#,
        &["1:16 expected `=` after `name`, found `\"x\"`"],
    );
    service_args(
        r#", name = "a""#,
        &["1:11 expected the name of an argument, found `,`\n\
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
