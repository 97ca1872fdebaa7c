//! Connecting as people do: who a program is, TLS, and where it is told.

use std::process::{Output, Stdio};

use micro::{App, AppArgs, AppError, ConnectError, ConnectOptions};
use nkeys::KeyPair;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::broker::Broker;
use crate::identities::{Ca, Folder, Operator};
use crate::process::{example, output, run, text};
use crate::raw;

/// A password, and a token.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) type Variables<'a> = &'a [(&'a str, &'a str)];

fn echo(args: &[&str], variables: Variables) -> Command {
    let mut command = example("echo");
    command.args(args).envs(variables.iter().copied());
    command
}

/// Looks for what nobody may see in what a program has said.
fn shows_none(said: &str, secrets: &[&str]) {
    for secret in secrets {
        // Half a key is one too many.
        let (half, _) = secret.split_at(secret.len().div_ceil(2));
        assert!(!said.contains(half), "a secret is in\n{said}");
    }
}

fn all_of(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Serves and calls with the same arguments and variables: both go through the same door, and
/// neither shows one of the secrets that it was given.
pub(crate) async fn works(args: &[&str], variables: Variables<'_>, secrets: &[&str]) {
    let mut service = run(echo(args, variables)).await;
    let mut stderr = service.child.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut log = String::new();
        stderr.read_to_string(&mut log).await.map(|_| log).unwrap()
    });
    let call = output(echo(args, variables).args(["call", "default", "hi"])).await;
    let stderr = text(&call.stderr);
    assert_eq!(
        text(&call.stdout),
        "hi\n",
        "{args:?} {variables:?}: {stderr}"
    );
    assert_eq!(
        call.status.code(),
        Some(0),
        "{args:?} {variables:?}: {stderr}"
    );
    shows_none(&all_of(&call), secrets);
    // A process that is killed is served to until the server notices.
    service.signal("TERM");
    let (code, said) = service.ended().await;
    let said = said + &log.await.unwrap();
    assert_eq!(code, Some(0), "{said}");
    shows_none(&said, secrets);
}

/// Neither serves nor calls: the exit code, and what it says.
pub(crate) async fn fails(
    args: &[&str],
    variables: Variables<'_>,
    code: i32,
    says: &str,
    secrets: &[&str],
) {
    let said = |failed: &Output| {
        let stderr = text(&failed.stderr).to_owned();
        assert_eq!(
            failed.status.code(),
            Some(code),
            "{args:?} {variables:?}: {stderr}"
        );
        assert!(
            stderr.contains(says),
            "{args:?} {variables:?}: {says:?} is not in\n{stderr}"
        );
        // What the world is to blame for is one clear line, with no log and no stack beside it.
        let lines = stderr.lines().count();
        assert!(code != 1 || lines == 1, "{lines} lines:\n{stderr}");
        shows_none(&all_of(failed), secrets);
    };
    said(&output(&mut echo(args, variables)).await);
    said(&output(echo(args, variables).args(["call", "default", "hi"])).await);
}

#[tokio::test]
async fn a_user_and_a_password() {
    let config = format!("authorization {{ user: ada, password: {SECRET} }}");
    let Some(broker) = Broker::start_real(&config).await else {
        return;
    };
    let nats = ["--nats", broker.url()];
    let with = |more: &[&'static str]| [&nats[..], more].concat();
    works(
        &with(&["--user", "ada", "--password", SECRET]),
        &[],
        &[SECRET],
    )
    .await;
    works(
        &with(&["--user", "ada"]),
        &[("NATS_PASSWORD", SECRET)],
        &[SECRET],
    )
    .await;
    works(
        &nats,
        &[("NATS_USER", "ada"), ("NATS_PASSWORD", SECRET)],
        &[SECRET],
    )
    .await;
    let in_url = broker.url().replace("//", &format!("//ada:{SECRET}@"));
    works(&["--nats", &in_url], &[], &[SECRET]).await;
    works(&[], &[("NATS_URL", &in_url)], &[SECRET]).await;

    let refused = format!(
        "the NATS server at {} refused user `ada` with this password: ",
        broker.url()
    );
    fails(
        &with(&["--user", "ada", "--password", "wrong"]),
        &[],
        1,
        &refused,
        &[SECRET],
    )
    .await;
    fails(
        &with(&["--user", "ada", "--password", "wrong"]),
        &[],
        1,
        "give credentials that it accepts (`--user` or NATS_USER)",
        &[SECRET],
    )
    .await;
    fails(
        &nats,
        &[],
        1,
        "refused a connection without credentials",
        &[SECRET],
    )
    .await;
    fails(
        &with(&["--user", "ada"]),
        &[],
        2,
        "`--user` names a user without a password",
        &[SECRET],
    )
    .await;

    let options = ConnectOptions::new().urls(broker.url()).user("ada", SECRET);
    let app = || App::with_args(AppArgs::default());
    let connection = app().connect_options(options).connect().await.unwrap();
    let _service = run(echo(&with(&["--user", "ada", "--password", SECRET]), &[])).await;
    let caller = micro::Caller::new(connection);
    let answer: String = caller
        .call::<_, _, micro::Error>("svc.echo", "hi")
        .await
        .unwrap();
    assert_eq!(answer, "hi");
    let refused = app().nats(broker.url()).connect().await;
    assert!(
        matches!(
            refused,
            Err(AppError::Connect {
                error: ConnectError::Refused { .. },
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_token() {
    let Some(broker) = Broker::start_real(&format!("authorization {{ token: {SECRET} }}")).await
    else {
        return;
    };
    let nats = ["--nats", broker.url()];
    works(&[&nats[..], &["--token", SECRET]].concat(), &[], &[SECRET]).await;
    works(&nats, &[("NATS_TOKEN", SECRET)], &[SECRET]).await;
    let in_url = broker.url().replace("//", &format!("//{SECRET}@"));
    works(&["--nats", &in_url], &[], &[SECRET]).await;
    fails(
        &[&nats[..], &["--token", "wrong"]].concat(),
        &[("NATS_TOKEN", SECRET)],
        1,
        "refused the token: ",
        &[SECRET],
    )
    .await;
}

#[tokio::test]
async fn an_nkey() {
    let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
    let config = format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        user.public_key()
    );
    let Some(broker) = Broker::start_real(&config).await else {
        return;
    };
    let folder = Folder::new();
    let right = folder.file("right.nk", &format!("{}\n", user.seed().unwrap()));
    let wrong = folder.file("wrong.nk", &other.seed().unwrap());
    let empty = folder.file("empty.nk", "");
    let seeds = [&user, &other].map(|key| key.seed().unwrap());
    let secrets: Vec<_> = seeds.iter().map(String::as_str).collect();
    let nats = ["--nats", broker.url()];
    works(&[&nats[..], &["--nkey", &right]].concat(), &[], &secrets).await;
    works(&nats, &[("NATS_NKEY", &right)], &secrets).await;
    let refused = format!("refused the nkey in {wrong}: ");
    fails(
        &[&nats[..], &["--nkey", &wrong]].concat(),
        &[],
        1,
        &refused,
        &secrets,
    )
    .await;
    let unusable = format!(
        "cannot use the nkey file {empty}: it has no seed of a user (`--nkey` or NATS_NKEY)"
    );
    fails(&nats, &[("NATS_NKEY", &empty)], 2, &unusable, &secrets).await;
    let seed = user.seed().unwrap();
    fails(
        &[&nats[..], &["--nkey", &seed]].concat(),
        &[],
        2,
        "that is the content and not a path",
        &secrets,
    )
    .await;
}

#[tokio::test]
async fn credentials() {
    let (operator, other) = (Operator::new(), Operator::new());
    let Some(broker) = Broker::start_real(&operator.server_config).await else {
        return;
    };
    let folder = Folder::new();
    let right = folder.file("right.creds", &operator.creds);
    let wrong = folder.file("wrong.creds", &other.creds);
    let secrets = [operator.secrets(), other.secrets()].concat();
    let nats = ["--nats", broker.url()];
    works(&[&nats[..], &["--creds", &right]].concat(), &[], &secrets).await;
    works(&nats, &[("NATS_CREDS", &right)], &secrets).await;
    let refused = format!("refused the credentials in {wrong}: ");
    fails(
        &[&nats[..], &["--creds", &wrong]].concat(),
        &[],
        1,
        &refused,
        &secrets,
    )
    .await;
    fails(
        &nats,
        &[],
        1,
        "refused a connection without credentials",
        &secrets,
    )
    .await;
    let absent = folder.path().join("absent.creds");
    let absent = absent.to_str().unwrap();
    let unreadable = format!("cannot use the credentials file {absent}: No such file");
    fails(
        &[&nats[..], &["--creds", absent]].concat(),
        &[],
        2,
        &unreadable,
        &secrets,
    )
    .await;
}

#[tokio::test]
async fn credentials_from_a_pipe_are_read_once() {
    let broker = Broker::start().await;
    let operator = Operator::new();
    let mut command = echo(&["--nats", broker.url(), "--creds", "/dev/stdin"], &[]);
    let mut service = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = service.stdin.take().unwrap();
    pipe.write_all(operator.creds.as_bytes()).await.unwrap();
    drop(pipe);
    let mut banner = BufReader::new(service.stdout.take().unwrap()).lines();
    let first = raw::soon(banner.next_line()).await.unwrap();
    let Some(first) = first else {
        let ended = service.wait_with_output().await.unwrap();
        panic!("{}", text(&ended.stderr));
    };
    assert!(first.starts_with("EchoService"), "{first}");
}

#[tokio::test]
async fn tls_with_a_ca_of_ones_own() {
    let folder = Folder::new();
    let (ca, other) = (Ca::new(&folder, "ours"), Ca::new(&folder, "others"));
    let server = ca.sign(&folder, "server", &["127.0.0.1"]);
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?} }}",
        server.cert, server.key
    );
    let Some(broker) = Broker::start_real(&config).await else {
        return;
    };
    let nats = ["--nats", broker.url()];
    works(&[&nats[..], &["--tls-ca", &ca.file]].concat(), &[], &[]).await;
    works(&nats, &[("NATS_CA", &ca.file)], &[]).await;
    let tls = broker.url().replace("nats://", "tls://");
    works(&["--nats", &tls, "--tls-ca", &ca.file], &[], &[]).await;

    let unknown = "give the certificate of the CA that signed the server's (`--tls-ca`";
    fails(
        &[&nats[..], &["--tls-ca", &other.file]].concat(),
        &[],
        1,
        unknown,
        &[],
    )
    .await;
    fails(&nats, &[], 1, unknown, &[]).await;
    // In the certificate is the address, and not the name.
    let named = broker.url().replace("127.0.0.1", "localhost");
    fails(
        &["--nats", &named, "--tls-ca", &ca.file],
        &[],
        1,
        "write the URL with a name that is in the server's certificate",
        &[],
    )
    .await;
    let empty = folder.file("empty.pem", "");
    fails(
        &[&nats[..], &["--tls-ca", &empty]].concat(),
        &[],
        2,
        "it has no certificate in PEM form (`--tls-ca` or NATS_CA)",
        &[],
    )
    .await;
    fails(
        &[&nats[..], &["--tls-ca", "/no/such.pem"]].concat(),
        &[],
        2,
        "cannot use the CA certificate file /no/such.pem: No such file",
        &[],
    )
    .await;
}

#[tokio::test]
async fn whoever_asks_for_tls_never_goes_without() {
    let folder = Folder::new();
    let ca = Ca::new(&folder, "ours");
    let broker = Broker::start().await;
    let tls = broker.url().replace("nats://", "tls://");
    fails(&["--nats", &tls], &[], 1, &tls, &[]).await;
    fails(
        &["--nats", broker.url(), "--tls-ca", &ca.file],
        &[],
        1,
        broker.url(),
        &[],
    )
    .await;
}

#[tokio::test]
async fn tls_with_a_client_certificate() {
    let folder = Folder::new();
    let (ca, other) = (Ca::new(&folder, "ours"), Ca::new(&folder, "others"));
    let server = ca.sign(&folder, "server", &["127.0.0.1"]);
    let client = ca.sign(&folder, "client", &[]);
    let stranger = other.sign(&folder, "client", &[]);
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        server.cert, server.key, ca.file
    );
    let Some(broker) = Broker::start_real(&config).await else {
        return;
    };
    let keys = [client.key_text(), stranger.key_text()];
    let secrets: Vec<_> = keys.iter().map(String::as_str).collect();
    let nats = ["--nats", broker.url(), "--tls-ca", &ca.file];
    let with = async |cert: &str, key: &str, fails_with: Option<(i32, &str)>| {
        let args = [&nats[..], &["--tls-cert", cert, "--tls-key", key]].concat();
        match fails_with {
            None => works(&args, &[], &secrets).await,
            Some((code, says)) => fails(&args, &[], code, says, &secrets).await,
        }
    };
    with(&client.cert, &client.key, None).await;
    works(
        &nats,
        &[("NATS_CERT", &client.cert), ("NATS_KEY", &client.key)],
        &secrets,
    )
    .await;
    fails(
        &nats,
        &[],
        1,
        "the server asks for a client certificate",
        &secrets,
    )
    .await;
    let refused = "the server does not accept the client certificate";
    with(&stranger.cert, &stranger.key, Some((1, refused))).await;
    let mixed = "it does not go with the client certificate";
    with(&client.cert, &stranger.key, Some((2, mixed))).await;
    fails(
        &nats,
        &[("NATS_CERT", &client.cert)],
        2,
        "there is a client certificate without its key",
        &secrets,
    )
    .await;
}

#[tokio::test]
async fn tls_before_the_greeting() {
    let folder = Folder::new();
    let ca = Ca::new(&folder, "ours");
    let server = ca.sign(&folder, "server", &["127.0.0.1"]);
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, handshake_first: true }}",
        server.cert, server.key
    );
    let Some(broker) = Broker::start_real(&config).await else {
        return;
    };
    let nats = ["--nats", broker.url(), "--tls-ca", &ca.file];
    works(&[&nats[..], &["--tls-first"]].concat(), &[], &[]).await;
    works(&nats, &[("NATS_TLS_FIRST", "true")], &[]).await;
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let Some(broker) = Broker::start_real(
        "accounts {
            RED { users: [ { user: red, password: r } ] }
            BLUE { users: [ { user: blue, password: b } ] }
        }",
    )
    .await
    else {
        return;
    };
    let url_of = |user: &str| broker.url().replace("//", &format!("//{user}@"));
    let (red, blue) = (url_of("red:r"), url_of("blue:b"));
    let _echo = run(echo(&["--nats", &red], &[])).await;
    let mut numbers = example("numbers");
    numbers.args(["--nats", &blue]);
    let _numbers = run(numbers).await;
    for (user, password, sees, not_served) in [
        ("red", "r", "EchoService", "numbers.add"),
        ("blue", "b", "numbers", "svc.echo"),
    ] {
        let options =
            async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
        let client = options.connect(broker.url()).await.unwrap();
        let found = raw::gather(&client, "$SRV.PING", 1).await;
        let names: Vec<_> = found
            .iter()
            .map(|ping| raw::json(ping)["name"].clone())
            .collect();
        assert_eq!(names, [sees]);
        let refused = raw::try_request(&client, not_served, "").await.unwrap_err();
        assert_eq!(refused, async_nats::RequestErrorKind::NoResponders);
    }
    let call = output(echo(&["--nats", &blue], &[]).args(["call", "default", "hi"])).await;
    assert_eq!(call.status.code(), Some(1));
    assert!(text(&call.stderr).contains("nobody serves `svc.echo`"));
}

#[tokio::test]
async fn content_in_place_of_a_path_is_refused_and_not_shown() {
    let folder = Folder::new();
    let operator = Operator::new();
    let secrets = operator.secrets();
    let [_, seed] = secrets[..] else {
        panic!("{secrets:?}");
    };
    let account = KeyPair::new_account().seed().unwrap();
    let key = Ca::new(&folder, "ours").sign(&folder, "client", &[]);
    let (pem, key_text) = (std::fs::read_to_string(&key.key).unwrap(), key.key_text());
    let context = json!({"creds": operator.creds, "url": "nats://127.0.0.1:1"});
    let context = folder.file("torn.json", &context.to_string());
    let says = "that is the content and not a path";
    let (blank, mistyped) = (format!(" {seed}"), seed.replace('A', "B"));
    for (args, variables) in [
        (&["--nkey", &account][..], &[][..]),
        (&["--nkey", &blank], &[]),
        (&["--nkey", &mistyped], &[]),
        (&["--creds", seed], &[]),
        (&[], &[("NATS_CREDS", operator.creds.as_str())]),
        (&["--tls-cert", &key.cert], &[("NATS_KEY", pem.as_str())]),
        (&["--tls-ca", &pem], &[]),
        (&["--context", &context], &[]),
    ] {
        let secrets = [&secrets[..], &[&account, &mistyped, &key_text]].concat();
        fails(args, variables, 2, says, &secrets).await;
    }
    let context = json!({"password": SECRET}).to_string();
    let says = "that is the content and not a name";
    fails(&["--context", &context], &[], 2, says, &[SECRET]).await;
}

#[tokio::test]
async fn the_finest_log_has_no_secret() {
    let operator = Operator::new();
    let folder = Folder::new();
    let creds = folder.file("ada.creds", &operator.creds);
    let broker = Broker::start().await;
    let log = ["--nats", broker.url(), "--log", "trace"];
    let in_url = broker.url().replace("//", &format!("//ada:{SECRET}@"));
    let by_token = [("NATS_TOKEN", SECRET)];
    works(&log, &by_token, &[SECRET]).await;
    works(
        &[&log[..], &["--creds", &creds]].concat(),
        &[],
        &operator.secrets(),
    )
    .await;
    works(&["--log", "trace", "--nats", &in_url], &[], &[SECRET]).await;
}

#[tokio::test]
async fn wrong_usage_is_told_by_the_exit_code_of_a_caller_too() {
    for (name, args, says) in [
        (
            "greeter",
            &["--run-client", "--user", "ada"][..],
            "error: `--user` names a user",
        ),
        (
            "greeter",
            &["--run-client", "--log", "loud"],
            "error: `loud` is not a log level",
        ),
        (
            "greeter",
            &["--run-client", "call", "hello"],
            "error: this program has no `call` here",
        ),
        (
            "queue_groups",
            &["--log", "loud"],
            "error: `loud` is not a log level",
        ),
        (
            "queue_groups",
            &["call", "x"],
            "error: this program has no `call` here",
        ),
        (
            "queue_groups",
            &["--user", "ada"],
            "error: `--user` names a user",
        ),
    ] {
        let failed = output(example(name).args(args)).await;
        let stderr = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(2), "{name} {args:?}: {stderr}");
        assert!(stderr.starts_with(says), "{name} {args:?}: {stderr}");
    }
}

#[tokio::test]
async fn a_list_whose_first_server_is_absent() {
    let broker = Broker::start().await;
    let list = format!("nats://127.0.0.1:1,{}", broker.url());
    works(&["--nats", &list], &[], &[]).await;
    works(&[], &[("NATS_URL", &list)], &[]).await;
}

#[tokio::test]
async fn contexts_of_the_nats_command() {
    let broker = Broker::start().await;
    let folder = Folder::new();
    let url = broker.url();
    let context = |json: &str| json.replace("URL", url);
    let file = folder.file("nats/context/prod.json", &context(r#"{"url":"URL"}"#));
    folder.file(
        "nats/context/elsewhere.json",
        r#"{"url":"nats://127.0.0.1:1"}"#,
    );
    folder.file(
        "nats/context/torn.json",
        &format!("{{\"password\":{SECRET}"),
    );
    let home = ("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
    works(&["--context", "prod"], &[home], &[SECRET]).await;
    works(&[], &[home, ("NATS_CONTEXT", "prod")], &[SECRET]).await;
    works(&["--context", &file], &[], &[SECRET]).await;
    works(
        &["--context", "elsewhere", "--nats", url],
        &[home],
        &[SECRET],
    )
    .await;
    works(
        &["--context", "elsewhere"],
        &[home, ("NATS_URL", url)],
        &[SECRET],
    )
    .await;
    fails(
        &["--context", "elsewhere"],
        &[home],
        1,
        "no NATS server at nats://127.0.0.1:1",
        &[SECRET],
    )
    .await;
    fails(
        &["--context", "elsewhere"],
        &[home],
        1,
        "(context `elsewhere`)",
        &[SECRET],
    )
    .await;
    fails(
        &["--context", "nobody"],
        &[home],
        2,
        "there are `elsewhere`, `prod`, `torn`",
        &[SECRET],
    )
    .await;
    fails(
        &["--context", "torn"],
        &[home],
        2,
        "it is not a context in JSON",
        &[SECRET],
    )
    .await;
}

#[tokio::test]
async fn a_context_with_credentials() {
    let operator = Operator::new();
    let Some(broker) = Broker::start_real(&operator.server_config).await else {
        return;
    };
    let folder = Folder::new();
    let secrets = operator.secrets();
    let creds = folder.file("ada.creds", &operator.creds);
    let context = format!(r#"{{"url":"{}","creds":"{creds}"}}"#, broker.url());
    folder.file("nats/context/prod.json", &context);
    let home = ("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
    works(&["--context", "prod"], &[home], &secrets).await;
    // The banner's commands work where its program does.
    let service = run(echo(&["--context", "prod"], &[home])).await;
    assert!(
        service.banner.contains("--context prod call default"),
        "{}",
        service.banner
    );
}

#[tokio::test]
async fn command_lines_of_go_micro_run_as_they_are() {
    let broker = Broker::start().await;
    let address = broker.url().trim_start_matches("nats://");
    for kind in ["transport", "broker", "registry"] {
        let flags = [
            format!("--{kind}=nats"),
            format!("--{kind}_address={address}"),
        ];
        works(&[&flags[0], &flags[1]], &[], &[]).await;
        let variable = format!("MICRO_{}", kind.to_uppercase());
        let addressed = format!("{variable}_ADDRESS");
        works(&[], &[(&variable, "nats"), (&addressed, address)], &[]).await;
        let other = format!("--{kind}=consul");
        let says = format!("error: `--{kind}` is `consul`, and the {kind} is NATS here, always");
        fails(&[&other], &[], 2, &says, &[]).await;
        let says = format!("error: {variable} is `consul`, and the {kind} is NATS here, always");
        fails(&[], &[(&variable, "consul")], 2, &says, &[]).await;
    }
}

#[tokio::test]
async fn help_lists_every_flag_and_variable_and_none_of_the_hidden_ones() {
    let variables = [("NATS_PASSWORD", SECRET), ("NATS_TOKEN", SECRET)];
    let help = output(&mut echo(&["--help"], &variables)).await;
    let help = text(&help.stdout);
    for (flag, variable) in [
        ("--nats <URL", "NATS_URL"),
        ("--context <", "NATS_CONTEXT"),
        ("--creds <", "NATS_CREDS"),
        ("--nkey <", "NATS_NKEY"),
        ("--user <", "NATS_USER"),
        ("--password <", "NATS_PASSWORD"),
        ("--token <", "NATS_TOKEN"),
        ("--tls-ca <", "NATS_CA"),
        ("--tls-cert <", "NATS_CERT"),
        ("--tls-key <", "NATS_KEY"),
        ("--tls-first", "NATS_TLS_FIRST"),
        ("--inbox-prefix <", "NATS_INBOX_PREFIX"),
        ("--retry-connect", "NATS_RETRY_CONNECT"),
        ("--log <", "MICRO_LOG"),
    ] {
        let variable = format!("[env: {variable}]");
        assert!(help.contains(flag), "{flag} is not in\n{help}");
        assert!(help.contains(&variable), "{variable} is not in\n{help}");
    }
    for hidden in [
        "--transport",
        "--broker",
        "--registry",
        "_address",
        "MICRO_T",
        "MICRO_B",
        "MICRO_R",
        SECRET,
    ] {
        assert!(!help.contains(hidden), "{hidden} is in\n{help}");
    }
}

#[cfg(not(feature = "websockets"))]
#[tokio::test]
async fn a_websocket_names_the_feature_it_needs() {
    let url = format!("wss://ada:{SECRET}@127.0.0.1");
    let says = "`wss://127.0.0.1` needs the feature `websockets` of `micro-rs`";
    fails(&["--nats", &url], &[], 2, says, &[SECRET]).await;
}
