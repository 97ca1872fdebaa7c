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
`concurrency`, `blocking`"],
    );
    endpoint_args(
        r#"timeout_ms = "2s""#,
        &["3:12 unknown argument `timeout_ms` in `#[endpoint(..)]`\n\
help: did you mean `timeout`?\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`, `blocking`"],
    );
    endpoint_args(
        r#"version = "1.0.0""#,
        &["3:12 unknown argument `version` in `#[endpoint(..)]`\n\
help: `version` is an argument of `#[service(..)]`\n\
note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
`concurrency`, `blocking`"],
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
help: write `name = \"a\"`"],
    );
    service_args(
        r#"name = b"a""#,
        &["1:18 `name` must be a string literal, found bytes\n\
help: write `name = \"a\"`"],
    );
    service_args(
        "name = 1.5",
        &["1:18 `name` must be a string literal, found a float\n\
help: write `name = \"1-5\"`"],
    );
    service_args(
        r#"name = ["a"]"#,
        &[
            "1:18 `name` must be a string literal, found an expression\n\
help: write `name = \"a\"`",
        ],
    );
    service_args(
        r#"name("a")"#,
        &["1:15 `name` must be a string literal, found a list\n\
help: write `name = \"a\"`"],
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
help: write `queue_group = \"workers\"`",
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

/// The help is the value that was meant, as far as it can be seen.
#[test]
fn the_value_that_was_meant() {
    let meant = |key: &str, written: &str, found: &str, help: &str| {
        let column = 15 + key.len();
        service_args(
            &format!("{key} = {written}"),
            &[&format!(
                "1:{column} `{key}` must be a string literal, found {found}\nhelp: write `{key} = {help}`",
                column = column - 1
            )],
        );
    };
    meant("name", "numbers", "a path", r#""numbers""#);
    meant("name", r#"&"x""#, "an expression", r#""x""#);
    meant("name", r#""a b".to_string()"#, "an expression", r#""a-b""#);
    meant("name", r#"c"x""#, "a C string", r#""x""#);
    meant("name", r#""a" + "b""#, "an expression", r#""..""#);
    meant("timeout", "5", "an integer", r#""5s""#);
    meant("timeout", "500ms", "an integer", r#""500ms""#);
    meant(
        "timeout",
        "Duration::from_secs(1)",
        "an expression",
        r#""2s""#,
    );
    meant("version", "1", "an integer", r#""1.0.0""#);
    meant("version", "1.2", "a float", r#""1.2.0""#);
    meant("version", "1.2.3", "an expression", r#""1.2.3""#);
    for number in ["(8)", "8.0", "\"8\"", "{ 8 }"] {
        let errors = super::errors(&super::service_args_source(&format!(
            "concurrency = {number}"
        )));
        assert!(
            matches!(errors.as_slice(), [one] if one.ends_with("help: write `concurrency = 8`")),
            "{errors:?}"
        );
    }
}

#[test]
fn suffixes() {
    service_args(
        r#"name = "x"y"#,
        &["1:18 a string literal cannot have a suffix, found `y`\n\
help: write `name = \"x\"`"],
    );
    service_args("concurrency = 255u8", &[]);
    service_args(
        "concurrency = 300u8",
        &["1:25 `300u8` is not a number of Rust\n\
help: write `concurrency = 300`"],
    );
    service_args(
        "concurrency = 8x",
        &["1:25 `8x` is not a number of Rust\n\
help: write `concurrency = 8`"],
    );
}

#[test]
fn words_of_others() {
    let note = "note: accepted: `name`, `subject`, `group`, `queue_group`, `metadata`, `timeout`, \
                `concurrency`, `blocking`";
    endpoint_args(
        r#"path = "a""#,
        &[&format!(
            "3:12 unknown argument `path` in `#[endpoint(..)]`\n\
             help: did you mean `subject`?\n{note}"
        )],
    );
    endpoint_args(
        r#"description = "a""#,
        &[&format!(
            "3:12 unknown argument `description` in `#[endpoint(..)]`\n\
             help: write it as a doc comment above the method\n{note}"
        )],
    );
    endpoint_args(
        r#""name" = "x""#,
        &["3:12 the name of an argument has no quotes\nhelp: write `name`"],
    );
    endpoint_args(
        r#"queue-group = "q""#,
        &["3:17 expected `=` after `queue`, found `-`\nhelp: did you mean `queue_group`?"],
    );
    endpoint_args(
        r#"name => "x""#,
        &["3:18 expected a value after `=`, found `>`"],
    );
    for nothing in ["none", "None", "null"] {
        service_args(
            &format!("queue_group = {nothing}"),
            &[
                "1:25 `queue_group` is a string, or `false` to serve without one\n\
help: write `queue_group = false`",
            ],
        );
    }
    service_args(
        r#"queue_group = "q.{id}""#,
        &["1:25 `queue_group` cannot have placeholders\n\
note: it is one name for all requests of the endpoint"],
    );
}

#[test]
fn keywords_as_names_of_the_client() {
    for (args, place) in [
        ("client = struct", "1:20"),
        ("client = Self", "1:20"),
        ("client = _", "1:20"),
        ("client(name = type)", "1:25"),
    ] {
        let word = args
            .trim_end_matches(')')
            .rsplit(' ')
            .next()
            .unwrap_or_default();
        service_args(
            args,
            &[&format!(
                "{place} `{word}` cannot be the name of the client\nnote: it is a keyword of Rust"
            )],
        );
    }
    service_args("client = r#type", &[]);
    service_args(
        r#"client(name = "X")"#,
        &["1:25 `name` of the client must be an identifier\n\
help: write `client(name = X)`"],
    );
}

#[test]
fn metadata_of_more_than_words() {
    for (pair, error) in [
        (
            r#"a-b = "1""#,
            "1:21 a metadata key of more than one word is a string\nhelp: write `\"a-b\" = \"..\"`",
        ),
        (
            r#"a.b = "1""#,
            "1:21 a metadata key of more than one word is a string\nhelp: write `\"a.b\" = \"..\"`",
        ),
        (
            r#"a::b = "1""#,
            "1:21 a metadata key of more than one word is a string\nhelp: write `\"a::b\" = \"..\"`",
        ),
        (r#"a = "1" b = "2""#, "1:28 expected `,` before `b`"),
        (r#"a = "1"; b = "2""#, "1:27 expected `,`, found `;`"),
        (r#"a => "1""#, "1:23 expected a value after `=`, found `>`"),
        (
            "a = -1",
            "1:24 the value of metadata key `a` must be a string literal, found a negative number\n\
             help: write `a = \"-1\"`",
        ),
        (
            "a = true",
            "1:24 the value of metadata key `a` must be a string literal, found a boolean\n\
             help: write `a = \"true\"`",
        ),
        (
            "a = VALUE",
            "1:24 the value of metadata key `a` must be a string literal, found a path\n\
             note: attribute arguments are read before constants are evaluated; for a value known \
             only at run time use `App::service_with`",
        ),
    ] {
        service_args(&format!("metadata({pair})"), &[error]);
    }
}
