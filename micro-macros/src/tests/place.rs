//! Where the attributes stand (misuse table A).

use super::{case, dense, expanded, render};
use crate::model::Purpose;

#[test]
fn service_goes_on_impl_blocks() {
    case(
        "#[service] pub(crate) enum Numbers {}",
        &[
            "1:23 `#[service]` goes on an inherent `impl` block, found an enum\n\
           help: move it to `impl Numbers { .. }`",
        ],
    );
    for (item, column, what) in [
        ("fn f() {}", 12, "a function"),
        ("pub async fn f() {}", 22, "a function"),
        ("const fn f() {}", 18, "a function"),
        ("mod m {}", 12, "a module"),
        ("const A: u8 = 1;", 12, "a constant"),
        ("static A: u8 = 1;", 12, "a static"),
        ("type A = u8;", 12, "a type alias"),
        ("use a::b;", 12, "a `use`"),
        ("extern \"C\" {}", 12, "an `extern` block"),
        ("macro_rules! a { () => {} }", 12, "something else"),
    ] {
        let message =
            format!("1:{column} `#[service]` goes on an inherent `impl` block, found {what}");
        let source = format!("#[service] {item}");
        let found = super::errors(&source);
        if what == "an `extern` block" {
            assert_eq!(found.len(), 1);
        } else {
            assert_eq!(found, [message]);
        }
        assert!(dense(&expanded(&source)).ends_with(&dense(item)));
    }
}

#[test]
fn service_needs_a_named_type() {
    for (ty, shown) in [
        ("dyn Calc", "dyn Calc"),
        ("&T", "&T"),
        ("[T]", "[T]"),
        ("(A, B)", "(A, B)"),
    ] {
        case(
            &format!("#[service] impl {ty} {{ #[endpoint] async fn add() {{}} }}"),
            &[&format!(
                "1:17 `#[service]` needs a named type, found `{shown}`"
            )],
        );
    }
}

#[test]
fn service_cannot_borrow() {
    let message = |place| {
        format!(
            "{place} a service cannot borrow\nhelp: keep owned values or an `Arc` in it\n\
             note: it lives as long as the program"
        )
    };
    let method = "{ #[endpoint] async fn add(&self) {} }";
    case(
        &format!("#[service] impl Numbers<'_> {method}"),
        &[&message("1:25")],
    );
    case(&format!("#[service] impl Numbers<'static> {method}"), &[]);
}

#[test]
fn service_comes_once() {
    let output =
        expanded("#[service] #[micro::service] impl Numbers { #[endpoint] async fn a() {} }");
    assert!(!output.contains("# [micro :: service]"), "{output}");
    case(
        "#[service] #[other::service] impl Numbers { #[endpoint] async fn a() {} }",
        &[],
    );
}

#[test]
fn endpoint_needs_a_service() {
    let output = crate::service::method(
        Purpose::Endpoint,
        &"subject = \"a\"".parse().expect("tokens"),
        "async fn add(#[header(\"X\")] a: u8) -> u8 { a }"
            .parse()
            .expect("tokens"),
    );
    let output = output.to_string();
    assert!(output.contains(
        "`#[endpoint]` only works inside an `impl` block annotated with `#[service]`\\n\
         help: add `#[service(..)]` to the surrounding `impl` block"
    ));
    assert!(
        output.ends_with("async fn add (a : u8) -> u8 { a }"),
        "{output}"
    );
}

#[test]
fn a_subscriber_needs_a_service() {
    let output = crate::service::method(
        Purpose::Subscriber,
        &"\"a\"".parse().expect("tokens"),
        "async fn heard(#[header(\"X\")] a: u8) { a; }"
            .parse()
            .expect("tokens"),
    );
    let output = output.to_string();
    assert!(output.contains(
        "`#[subscribe]` only works inside an `impl` block annotated with `#[service]`\\n\
         help: add `#[service(..)]` to the surrounding `impl` block"
    ));
    assert!(
        output.ends_with("async fn heard (a : u8) { a ; }"),
        "{output}"
    );
}

#[test]
fn anchors_expand_to_nothing() {
    for purpose in Purpose::ALL {
        let args = "__micro_anchor".parse().expect("tokens");
        let item = "const _: () = ();".parse().expect("tokens");
        assert!(crate::service::method(purpose, &args, item).is_empty());
    }
}

#[test]
fn endpoint_comes_once_and_on_methods() {
    case(
        "#[service]\nimpl Numbers {\n#[endpoint] make! {} }",
        &["3:1 `#[endpoint]` goes on an `async fn`, found a macro call"],
    );
    case(
        "#[service]\nimpl Numbers { #[cfg_attr(all(), doc = \"x\")] #[endpoint] async fn a() {} }",
        &[],
    );
}

#[test]
fn a_service_has_endpoints() {
    case(
        "#[service] impl Numbers { #[cfg(any())] #[endpoint] async fn a() {} }",
        &[],
    );
}

#[test]
fn parameter_attributes_need_an_endpoint() {
    case(
        "#[service]\nimpl Numbers { #[endpoint] async fn a(&self) {}\n\
         fn b(#[header(\"X\")] x: u8, #[extract] y: u8) {} }",
        &[
            "3:6 `#[header]` only works on parameters of an `#[endpoint]` or a `#[subscribe]` method",
            "3:28 `#[extract]` only works on parameters of an `#[endpoint]` or a `#[subscribe]` method",
        ],
    );
}

#[test]
fn everything_is_reported_at_once() {
    let found = super::errors(
        "#[service(nmae = \"x\", version = \"1\")]\nimpl Numbers {\n\
         #[endpoint(subject = \"a..b\")] fn add(&self, name: &str) {}\n\
         #[endpoint] async fn sub(&mut self, #[heder] x: u8) -> &str { \"\" } }",
    );
    let places: Vec<_> = found.iter().map(|error| error.split(' ').next()).collect();
    assert_eq!(
        places,
        [
            "1:11", "1:33", "3:22", "3:31", "3:51", "4:26", "4:39", "4:56"
        ]
        .map(Some),
        "{found:#?}"
    );
}

/// rustc reads the block before us, and has said what is wrong: one more error would be the same
/// mistake a second time.
#[test]
fn a_member_that_does_not_parse_is_left_to_rustc() {
    for broken in [
        "#[endpoint] async fn (a) {}",
        "#[endpoint] async fn bad(&self, pair Pair) -> u8 { 1 }",
        "#[endpoint] async fn bad(&self, pair) -> u8 { 1 }",
        "#[endpoint] async fn bad(&self, a: u8,, b: u8) {}",
        "#[endpoint] async fn bad(&self) -> u8",
        "#[endpoint] async fn bad(&self) u8 { 1 }",
        "#[endpoint] fn async bad(&self) -> u8 { 1 }",
        "#[endpoint] async bad(&self) -> u8 { 1 }",
        "#[endpoint] async fn bad(&self) -> Foo<{ 1 }",
        "#[endpoint] async fn r#bad(pair: Pair, &self) {}",
        "const A: u8 =",
        "pub",
        "x",
    ] {
        let source = format!(
            "#[service] impl Numbers {{ #[endpoint] async fn a() {{}} {broken} \
             #[endpoint] async fn b() {{}} pub fn helper() {{}} }}"
        );
        let (args, item) = super::split(&source);
        let (model, errors) = crate::service::analyze(args, &item);
        assert!(errors.is_none(), "{source}: {:?}", render(errors));
        let names = model.map(|model| {
            let endpoints = model.endpoints.iter();
            let names: Vec<_> = endpoints.map(|one| one.method.to_string()).collect();
            names.join(" ")
        });
        assert_eq!(names.as_deref(), Some("a b"), "{source}");
        let output = super::service(super::split(&source).0, super::split(&source).1);
        assert!(
            output.to_string().contains("fn helper"),
            "{source}\n{output}"
        );
    }
}

#[test]
fn a_block_of_which_nothing_can_be_read_says_so() {
    let source = "#[service] impl Numbers { #[endpoint] async fn (a) {} fn helper() {} }";
    assert_eq!(super::errors(source), ["1:48 expected identifier"]);
}

/// What rustc says of these is enough.
#[test]
fn words_that_do_not_belong_to_an_impl_block() {
    for header in [
        "pub impl Numbers",
        "impl const Numbers",
        "default impl Numbers",
    ] {
        let source = format!("#[service] {header} {{ #[endpoint] async fn a() {{}} }}");
        assert_eq!(super::errors(&source), Vec::<String>::new(), "{source}");
    }
}
