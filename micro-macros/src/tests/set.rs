//! The endpoints of a service together (misuse table D).

use super::case;

#[test]
fn subjects_and_names() {
    case(
        r#"#[service(group = "numbers")]
impl Numbers {
#[endpoint] async fn add(&self) {}
#[endpoint(name = "add")] async fn sum(&self) {}
#[endpoint(subject = "add")] async fn plus(&self) {} }"#,
        &[
            "4:19 subject `numbers.add` is already served by `add`\n\
help: give one of them another `subject`, `group` or `name`",
            "3:22 `numbers.add` is first used here",
            "5:22 subject `numbers.add` is already served by `add`\n\
help: give one of them another `subject`, `group` or `name`",
            "3:22 `numbers.add` is first used here",
        ],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint] async fn add(&self) {}
#[endpoint(name = "add", subject = "sum")] async fn sum(&self) {} }"#,
        &[
            "4:19 endpoint name `add` is already used\n\
note: INFO and STATS tell endpoints apart by name",
            "3:22 `add` is first used here",
        ],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint] async fn add(&self) {}
#[endpoint(name = "add", group = "b")] async fn sum(&self) {} }"#,
        &[],
    );
    case(
        r#"#[service]
impl Numbers {
#[cfg(a)] #[endpoint(subject = "x")] async fn a(&self) {}
#[cfg(not(a))] #[endpoint(subject = "x")] async fn b(&self) {} }"#,
        &[],
    );
    case(
        r#"#[service]
impl Numbers {
#[endpoint] async fn r#type(&self) {}
#[endpoint(name = "type")] async fn b(&self) {} }"#,
        &[
            "4:19 subject `type` is already served by `type`\n\
help: give one of them another `subject`, `group` or `name`",
            "3:22 `type` is first used here",
        ],
    );
}

#[test]
fn client_names() {
    case(
        r#"#[service]
impl Numbers { #[endpoint] async fn new(&self) {}
#[endpoint(name = "x")] async fn with(&self) {} }"#,
        &[
            "2:37 `new` is used by the generated client\n\
help: rename the method and keep the wire name with `name = \"new\"`, or write \
`client = false`",
            "3:34 `with` is used by the generated client\n\
help: rename the method and keep the wire name with `name = \"x\"`, or write `client \
= false`",
        ],
    );
    case(
        "#[service(client = false)]
impl Numbers { #[endpoint] async fn new(&self) {} }",
        &[],
    );
    case(
        "#[service(register = Numbers::new)]
impl<T> Numbers<T> { #[endpoint] async fn a(&self) {} }",
        &["1:22 a generic service cannot register itself\n\
help: add it to the program with `App::service`\n\
note: which types to register it for is not known here"],
    );
}

#[test]
fn the_whole_subject_fits() {
    let (group, subject) = ("g".repeat(2_000), "s".repeat(2_000));
    case(
        &format!(
            "#[service(group = \"{group}\")]\nimpl Numbers {{ #[endpoint(subject = \"{subject}\")]\n\
             async fn add(&self) {{}} }}"
        ),
        &["2:37 `subject` has 4001 bytes, at most 3072 are allowed\n\
           note: nats-server ends a connection whose lines are too long"],
    );
}
