//! Which place goes before which, as one table: what is said where, and what it comes to.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::app::args::AppArgs;
use crate::wire::{Auth, ConnectOptions, Secret, Source};

/// A person's folder of settings, with contexts of the `nats` command. It goes with the test.
struct Config {
    folder: PathBuf,
}

impl Config {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("micro-contexts-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("nats/context")).unwrap();
        Self { folder }
    }

    fn with(self, name: &str, json: &str) -> Self {
        std::fs::write(self.file(name), json).unwrap();
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("nats/context/{name}.json"))
    }

    /// What the places come to, or the error's text.
    fn resolve(
        &self,
        args: &str,
        variables: Variables,
        code: &ConnectOptions,
    ) -> Result<ConnectOptions, String> {
        let mut environment = vec![
            ("XDG_CONFIG_HOME", self.folder.to_str().unwrap().to_owned()),
            ("HOME", "/home/ada".to_owned()),
        ];
        environment.extend(
            variables
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let args: Vec<_> = ["test"]
            .into_iter()
            .chain(args.split(' '))
            .filter(|a| !a.is_empty())
            .collect();
        let settings = AppArgs::parse(&args)
            .with_environment(environment)
            .settings(code);
        settings.map(|settings| settings.options).map_err(|error| {
            assert!(error.is_usage(), "{error}");
            error.to_string()
        })
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

type Variables<'a> = &'a [(&'static str, &'a str)];

/// The contexts there are, the arguments, the variables, the program's own: and the outcome.
type Row<'a> = (
    &'a Config,
    &'a str,
    Variables<'a>,
    &'a ConnectOptions,
    ConnectOptions,
);

fn new() -> ConnectOptions {
    ConnectOptions::new()
}

#[allow(
    clippy::too_many_lines,
    clippy::large_stack_arrays,
    reason = "one table"
)]
#[test]
fn a_flag_goes_before_a_variable_a_variable_before_a_context_and_that_before_the_program() {
    let nothing = Config::new();
    let full = Config::new().with(
        "prod",
        r#"{"url":"nats://context","creds":"/context.creds","ca":"/context.ca","cert":"/context.pem",
            "key":"/context.key","tls_first":true,"inbox_prefix":"context"}"#,
    );
    let user = Config::new().with("prod", r#"{"user":"context","password":"of context"}"#);
    let in_url = Config::new().with("prod", r#"{"url":"nats://context:pw@context"}"#);
    let prod = ("NATS_CONTEXT", "prod");
    let code = new()
        .urls("nats://code")
        .token("code")
        .tls_ca("/code.ca")
        .tls_cert("/code.pem", "/code.key")
        .tls_first()
        .inbox_prefix("code")
        .name("code");
    let of_context = new()
        .urls("nats://context")
        .creds("/context.creds")
        .tls_ca("/context.ca")
        .tls_cert("/context.pem", "/context.key")
        .tls_first()
        .inbox_prefix("context");
    let rows: &[Row] = &[
        // One place.
        (&nothing, "", &[], &new(), new()),
        (&nothing, "", &[], &code, code.clone()),
        (&full, "", &[], &new(), new()),
        (&full, "", &[prod], &new(), of_context.clone()),
        (&full, "--context prod", &[], &new(), of_context.clone()),
        (
            &full,
            "call add --context prod",
            &[],
            &new(),
            of_context.clone(),
        ),
        (&nothing, "--nats a,b", &[], &new(), new().urls("a,b")),
        (&nothing, "call add --nats a", &[], &new(), new().urls("a")),
        (&nothing, "--creds c", &[], &new(), new().creds("c")),
        (&nothing, "--nkey n", &[], &new(), new().nkey("n")),
        (
            &nothing,
            "--user u --password p",
            &[],
            &new(),
            new().user("u", "p"),
        ),
        (
            &nothing,
            "--user u --password -p",
            &[],
            &new(),
            new().user("u", "-p"),
        ),
        (&nothing, "--token t", &[], &new(), new().token("t")),
        (
            &nothing,
            "--tls-ca a --tls-cert c --tls-key k",
            &[],
            &new(),
            new().tls_ca("a").tls_cert("c", "k"),
        ),
        (&nothing, "--tls-first", &[], &new(), new().tls_first()),
        (
            &nothing,
            "",
            &[("NATS_RETRY_CONNECT", "true")],
            &new(),
            new().retry_connect(),
        ),
        (
            &nothing,
            "--connections 2",
            &[("NATS_CONNECTIONS", "3")],
            &code,
            code.clone().connections(2),
        ),
        (
            &nothing,
            "--inbox-prefix i",
            &[],
            &new(),
            new().inbox_prefix("i"),
        ),
        (
            &nothing,
            "",
            &[("NATS_URL", "a,b")],
            &new(),
            new().urls("a,b"),
        ),
        (
            &nothing,
            "",
            &[("NATS_CREDS", "c")],
            &new(),
            new().creds("c"),
        ),
        (&nothing, "", &[("NATS_NKEY", "n")], &new(), new().nkey("n")),
        (
            &nothing,
            "",
            &[("NATS_USER", "u"), ("NATS_PASSWORD", "p")],
            &new(),
            new().user("u", "p"),
        ),
        (
            &nothing,
            "",
            &[("NATS_TOKEN", "t")],
            &new(),
            new().token("t"),
        ),
        (
            &nothing,
            "",
            &[("NATS_CA", "a"), ("NATS_CERT", "c"), ("NATS_KEY", "k")],
            &new(),
            new().tls_ca("a").tls_cert("c", "k"),
        ),
        (
            &nothing,
            "",
            &[("NATS_TLS_FIRST", "true")],
            &new(),
            new().tls_first(),
        ),
        (
            &nothing,
            "",
            &[("NATS_INBOX_PREFIX", "i")],
            &new(),
            new().inbox_prefix("i"),
        ),
        // An empty one says nothing.
        (
            &nothing,
            "--nats= --token=",
            &[("NATS_CREDS", ""), ("NATS_CA", " ")],
            &code,
            code.clone(),
        ),
        // Two places: each setting for itself.
        (
            &nothing,
            "--nats flag",
            &[("NATS_URL", "env")],
            &code,
            code.clone().urls("flag"),
        ),
        (
            &nothing,
            "",
            &[("NATS_URL", "env")],
            &code,
            code.clone().urls("env"),
        ),
        (
            &full,
            "--nats flag",
            &[prod],
            &code,
            of_context.clone().urls("flag").name("code"),
        ),
        (
            &full,
            "",
            &[prod, ("NATS_URL", "env")],
            &code,
            of_context.clone().urls("env").name("code"),
        ),
        (&full, "", &[prod], &code, of_context.clone().name("code")),
        (
            &full,
            "--tls-ca f --inbox-prefix f --tls-first=false",
            &[
                prod,
                ("NATS_CA", "e"),
                ("NATS_INBOX_PREFIX", "e"),
                ("NATS_TLS_FIRST", "true"),
            ],
            &code,
            {
                let mut options = of_context
                    .clone()
                    .tls_ca("f")
                    .inbox_prefix("f")
                    .name("code");
                options.tls.first = Some(false);
                options
            },
        ),
        (
            &full,
            "--tls-cert f --tls-key f",
            &[prod, ("NATS_CERT", "e"), ("NATS_KEY", "e")],
            &code,
            of_context.clone().tls_cert("f", "f").name("code"),
        ),
        (
            &full,
            "",
            &[
                prod,
                ("NATS_CERT", "e"),
                ("NATS_KEY", "e"),
                ("NATS_CA", "e"),
            ],
            &code,
            of_context
                .clone()
                .tls_cert("e", "e")
                .tls_ca("e")
                .name("code"),
        ),
        // Two places: who connects is said by one of them alone.
        (
            &full,
            "--token f",
            &[prod, ("NATS_NKEY", "e")],
            &code,
            of_context.clone().token("f").name("code"),
        ),
        (
            &full,
            "",
            &[prod, ("NATS_NKEY", "e")],
            &code,
            of_context.clone().nkey("e").name("code"),
        ),
        (
            &nothing,
            "--creds f",
            &[("NATS_TOKEN", "e")],
            &code,
            code.clone().creds("f"),
        ),
        (
            &nothing,
            "--creds f",
            &[("NATS_TOKEN", "e"), ("NATS_NKEY", "e")],
            &code,
            code.clone().creds("f"),
        ),
        // A user and a password may come from two.
        (
            &nothing,
            "--user f",
            &[("NATS_PASSWORD", "e")],
            &code,
            code.clone().user("f", "e"),
        ),
        (
            &user,
            "--user f",
            &[prod],
            &new(),
            new().user("f", "of context"),
        ),
        (
            &user,
            "",
            &[prod, ("NATS_PASSWORD", "e")],
            &new(),
            new().user("context", "e"),
        ),
        (
            &nothing,
            "",
            &[("NATS_PASSWORD", "e")],
            &new().user("code", "code"),
            new().user("code", "e"),
        ),
        // A URL says who connects where it is the one that is used.
        (
            &nothing,
            "--nats u:p@flag",
            &[("NATS_CREDS", "e")],
            &code,
            {
                let mut options = code.clone().urls("u:p@flag");
                options.auth = None;
                options
            },
        ),
        (
            &nothing,
            "--nats flag",
            &[("NATS_URL", "u:p@env")],
            &new(),
            new().urls("flag"),
        ),
        (
            &nothing,
            "--creds f",
            &[("NATS_URL", "u:p@env")],
            &new(),
            new().urls("u:p@env").creds("f"),
        ),
        (
            &in_url,
            "",
            &[prod],
            &new().token("code"),
            new().urls("nats://context:pw@context"),
        ),
        (
            &in_url,
            "",
            &[prod, ("NATS_TOKEN", "e")],
            &new(),
            new().urls("nats://context:pw@context").token("e"),
        ),
        // As the documents of Go Micro spell it.
        (
            &nothing,
            "--transport nats --transport_address a,b",
            &[],
            &new(),
            new().urls("a,b"),
        ),
        (
            &nothing,
            "--transport=nats --transport_address=127.0.0.1:4222",
            &[],
            &new(),
            new().urls("127.0.0.1:4222"),
        ),
        (
            &nothing,
            "--broker nats --broker-address a",
            &[],
            &new(),
            new().urls("a"),
        ),
        (
            &nothing,
            "--registry=NATS --registry_address=a",
            &[],
            &new(),
            new().urls("a"),
        ),
        (
            &nothing,
            "--registry_address=nats://a:4222 --broker_address=a --transport_address a:4222",
            &[],
            &new(),
            new().urls("nats://a:4222").urls("a:4222"),
        ),
        (
            &nothing,
            "--nats a,b --registry_address b:4222,nats://a,b",
            &[],
            &new(),
            new().urls("a,b"),
        ),
        (
            &nothing,
            "--nats a --registry_address a",
            &[],
            &new(),
            new().urls("a"),
        ),
        (
            &nothing,
            "",
            &[
                ("MICRO_TRANSPORT", "nats"),
                ("MICRO_TRANSPORT_ADDRESS", "a,b"),
            ],
            &new(),
            new().urls("a,b"),
        ),
        (
            &nothing,
            "",
            &[("MICRO_BROKER_ADDRESS", "a")],
            &new(),
            new().urls("a"),
        ),
        (
            &nothing,
            "",
            &[("MICRO_REGISTRY_ADDRESS", "a")],
            &new(),
            new().urls("a"),
        ),
        (
            &nothing,
            "--registry nats",
            &[("MICRO_REGISTRY", "mdns")],
            &new(),
            new(),
        ),
        (
            &nothing,
            "--broker_address f",
            &[("NATS_URL", "e")],
            &new(),
            new().urls("f"),
        ),
        (
            &nothing,
            "--nats f",
            &[("MICRO_BROKER_ADDRESS", "e")],
            &new(),
            new().urls("f"),
        ),
    ];
    for (config, args, variables, code, expected) in rows {
        let found = config.resolve(args, variables, code);
        assert_eq!(found.as_ref(), Ok(expected), "{args:?} {variables:?}");
        // Secrets are equal and not shown.
        let auth = |options: &ConnectOptions| options.auth.clone();
        assert_eq!(found.map(|found| auth(&found)), Ok(auth(expected)));
    }
}

#[allow(clippy::too_many_lines, reason = "one table")]
#[test]
fn what_cannot_be_is_said_with_the_places_and_without_the_secrets() {
    let config = Config::new()
        .with("nsc", r#"{"nsc":"nsc://o/a/u"}"#)
        .with("proxy", r#"{"socks_proxy":"socks5://hunter2"}"#)
        .with("store", r#"{"windows_cert_store":"user"}"#)
        .with("broken", r#"{"password":2277}"#)
        .with("two", r#"{"token":"hunter2","creds":"/x"}"#)
        .with("op", r#"{"password":"op://hunter2","user":"u"}"#)
        .with("env", r#"{"token":"env://NOWHERE"}"#)
        .with("data", r#"{"token":"data:;base64,!hunter2"}"#)
        .with("tls", r#"{"ca":"env://CA"}"#)
        .with("seed", r#"{"user_seed":"hunter2"}"#);
    let of_context = |name| ("NATS_CONTEXT", name);
    let rows: &[(&str, Variables, &str)] = &[
        (
            "--nats http://x",
            &[],
            "`http://x` is not a NATS URL: invalid scheme for NATS server URL: http; write `nats://host:4222` (`--nats` or NATS_URL)",
        ),
        (
            "",
            &[("NATS_URL", "u:hunter2@h:nine")],
            "`h:nine` is not a NATS URL: invalid port number; write `nats://host:4222` (`--nats` or NATS_URL)",
        ),
        (
            "",
            &[("MICRO_REGISTRY_ADDRESS", "a b")],
            "(MICRO_REGISTRY_ADDRESS)",
        ),
        (
            "--token hunter2 --creds c",
            &[],
            "`--creds` and `--token` both say who connects: give one",
        ),
        (
            "",
            &[("NATS_USER", "u"), ("NATS_NKEY", "n")],
            "NATS_NKEY and NATS_USER both say who connects: give one",
        ),
        (
            "--nats u:hunter2@h --token hunter2",
            &[],
            "`--token` and the URL of `--nats` both say who connects: give one",
        ),
        (
            "--user u",
            &[],
            "`--user` names a user without a password: give it with `--password` or NATS_PASSWORD; a token goes with `--token` or NATS_TOKEN",
        ),
        (
            "",
            &[("NATS_PASSWORD", "hunter2")],
            "NATS_PASSWORD is a password without a user: give one with `--user` or NATS_USER",
        ),
        (
            "--tls-first=maybe",
            &[],
            "`--tls-first` is `maybe`; write `true` or `false`",
        ),
        (
            "--registry=mdns",
            &[],
            "`--registry` is `mdns`, and the registry is NATS here, always: leave it out, and say where NATS is with `--nats URL` or NATS_URL; `--nats dev` needs nothing installed",
        ),
        (
            "",
            &[("MICRO_REGISTRY", "consul")],
            "MICRO_REGISTRY is `consul`, and the registry is NATS here, always: leave it out, and say where NATS is with `--nats URL` or NATS_URL",
        ),
        (
            "--broker kafka",
            &[],
            "`--broker` is `kafka`, and the broker is NATS here",
        ),
        (
            "--transport=http",
            &[("MICRO_TRANSPORT", "nats")],
            "`--transport` is `http`, and the transport is NATS here",
        ),
        (
            "--registry_address a --broker_address b",
            &[],
            "`--broker_address` and `--registry_address` name different servers",
        ),
        (
            "--nats a --transport_address b",
            &[],
            "`--nats` and `--transport_address` name different servers",
        ),
        (
            "",
            &[("NATS_URL", "a"), ("MICRO_BROKER_ADDRESS", "b")],
            "NATS_URL and MICRO_BROKER_ADDRESS name different servers",
        ),
        (
            "--context nobody",
            &[],
            ": there are `broken`, `data`, `env`, `nsc`, `op`, `proxy`, `seed`, `store`, `tls`, `two`",
        ),
        (
            "--context ../context/two",
            &[],
            "there is no NATS context `../context/two` in",
        ),
        (
            "--context no/such.json",
            &[],
            "cannot use the NATS context no/such.json: No such file",
        ),
        (
            "",
            &[of_context("broken")],
            "broken.json: its `password` is not a text",
        ),
        (
            "",
            &[of_context("nsc")],
            "nsc.json: it sets `nsc`, which is not supported here",
        ),
        (
            "",
            &[of_context("proxy")],
            "it sets `socks_proxy`, which is not supported here",
        ),
        (
            "",
            &[of_context("store")],
            "it sets `windows_cert_store`, which is not supported here",
        ),
        (
            "",
            &[of_context("two")],
            "the credentials of context `two` and the token of context `two` both say who connects",
        ),
        (
            "",
            &[of_context("op")],
            "its password is kept with `op://`, which is not supported here",
        ),
        (
            "",
            &[of_context("env")],
            "its token is in NOWHERE, which is not set",
        ),
        (
            "",
            &[of_context("data")],
            "the data: of its token is not base64",
        ),
        (
            "",
            &[of_context("tls"), ("CA", "hunter2")],
            "its CA certificate has to be the path of a file",
        ),
        (
            "",
            &[of_context("seed")],
            "context `seed` has a user's seed, and no JWT",
        ),
    ];
    for (args, variables, says) in rows {
        let error = config.resolve(args, variables, &new()).unwrap_err();
        assert!(
            error.contains(says),
            "{args:?} {variables:?}: {says:?} is not in\n{error}"
        );
        assert!(
            !error.contains("hunter2") && !error.contains("2277"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let none = Config::new();
    let error = none.resolve("--context x", &[], &new()).unwrap_err();
    assert!(
        error.contains("there is none; make one with `nats context add`"),
        "{error}"
    );
}

#[test]
fn a_context_is_read_as_the_nats_command_reads_it() {
    let config = Config::new()
        .with(
            "full",
            r#"{"name":"full","description":"d","url":"nats://a,nats://b","token":"","nkey":"",
                "creds":"~/keys/$TEAM/${TEAM}.creds","ca":"file:///ca.pem","nsc":"",
                "jetstream_domain":"hub","color_scheme":"red","windows_ca_certs_match":null,
                "tls_first":false,"something_new":"1"}"#,
        )
        .with("jwt", r#"{"user_jwt":"a.b.c","user_seed":"SUSEED"}"#)
        .with("bearer", r#"{"user_jwt":"a.b.c"}"#)
        .with("env", r#"{"user":"ada","password":"env://PW"}"#)
        .with("data", r#"{"creds":"data:;base64,Y3JlZHMK"}"#);
    let resolve =
        |args: &str, variables: Variables| config.resolve(args, variables, &new()).unwrap();
    let full = new()
        .urls("nats://a,nats://b")
        .creds("/home/ada/keys/red/red.creds")
        .tls_ca("/ca.pem");
    let team = ("TEAM", "red");
    assert_eq!(resolve("--context full", &[team]), full);
    let path = format!("--context {}", config.file("full").display());
    assert_eq!(resolve(&path, &[team]), full);
    assert_eq!(resolve("--context jwt", &[]), new().jwt("a.b.c", "SUSEED"));
    let bearer = Auth::Jwt {
        jwt: Secret::new("a.b.c"),
        seed: None,
    };
    assert_eq!(resolve("--context bearer", &[]), new().auth(bearer));
    assert_eq!(
        resolve("--context env", &[("PW", "hunter2")]),
        new().user("ada", "hunter2")
    );
    let creds = Auth::Creds(Source::Text(Secret::new("creds")));
    assert_eq!(resolve("--context data", &[]), new().auth(creds));
}

#[test]
fn references_in_a_context_are_read_as_the_nats_command_reads_them() {
    let config = Config::new();
    let folder = config.folder.display().to_string();
    std::fs::write(config.folder.join("pw"), "hunter2 \r\n\n").unwrap();
    let config = config
        .with(
            "home",
            r#"{"creds":"file://~/a.creds","ca":"file://$TEAM/ca.pem"}"#,
        )
        .with("data", r#"{"token":"data:;base64,IHQgCg=="}"#)
        .with("env", r#"{"user":"ada","password":"env://PW"}"#)
        .with("file", r#"{"user":"ada","password":"file://${TOP}/pw"}"#)
        .with("nothing", r#"{"url":null,"password":null,"creds":"/c"}"#);
    let resolve = |name: &str, variables: Variables| {
        let args = format!("--context {name}");
        config.resolve(&args, variables, &new()).unwrap()
    };
    let home = new().creds("/home/ada/a.creds").tls_ca("red/ca.pem");
    assert_eq!(resolve("home", &[("TEAM", "red")]), home);
    assert_eq!(resolve("data", &[]), new().token(" t "));
    for (value, read) in [(" pw \r\n\n", " pw "), ("pw\t", "pw\t"), ("  ", "  ")] {
        assert_eq!(resolve("env", &[("PW", value)]), new().user("ada", read));
    }
    let file = resolve("file", &[("TOP", &folder)]);
    assert_eq!(file, new().user("ada", "hunter2 "));
    assert_eq!(resolve("nothing", &[]), new().creds("/c"));
}

#[test]
fn the_log_is_found_in_the_same_order() {
    let level = |args: &[&str], variable: &str| {
        let environment = vec![("MICRO_LOG", variable.to_owned())];
        let args = AppArgs::parse(args).with_environment(environment);
        args.log_level().unwrap()
    };
    assert_eq!(
        level(&["test", "--log", "debug"], "warn"),
        Some("debug".to_owned())
    );
    assert_eq!(level(&["test"], "warn"), Some("warn".to_owned()));
    assert_eq!(level(&["test"], ""), None);
}

#[test]
fn no_secret_is_shown_by_debug() {
    let args = [
        "test",
        "--user",
        "ada",
        "--password",
        "hunter2",
        "--nats",
        "t:hunter2@h",
    ];
    let args = AppArgs::parse(&args);
    assert!(!format!("{args:?}").contains("hunter2"), "{args:?}");
    let options = new().user("ada", "hunter2").urls("nats://u:hunter2@h");
    assert!(!format!("{options:?}").contains("hunter2"), "{options:?}");
}
