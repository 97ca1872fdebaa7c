//! Mistakes that show when a program starts: in the words of the errors themselves.

use micro::RegistryError;

use super::{Section, block};

pub(super) fn sections() -> Vec<Section> {
    let billing = "billing".to_owned();
    vec![
        section(
            3,
            "Nothing is registered",
            MAIN,
            &RegistryError::Empty,
            "At run time: what a program does not use is not linked into it, and cannot register \
             anything.",
            &format!("use billing as _;\n\n{MAIN}"),
        ),
        section(
            6,
            "Two services of one name",
            &[
                service("Invoices", "billing"),
                service("Payments", "billing"),
            ]
            .join("\n"),
            &RegistryError::Duplicate {
                name: billing.clone(),
                first: "`program::Invoices` (src/lib.rs:4)".to_owned(),
                second: "`program::Payments` (src/lib.rs:13)".to_owned(),
            },
            "At run time: which of them would a request be for?",
            &[
                service("Invoices", "invoices"),
                service("Payments", "payments"),
            ]
            .join("\n"),
        ),
        section(
            7,
            "A service that is not there",
            EXPECT,
            &RegistryError::Missing {
                name: billing,
                registered: "`numbers`, `orders`".to_owned(),
            },
            "At run time: `expect` finds at the start what a caller would find by a timeout. Link \
             the library that has the service.",
            &format!("use billing as _;\n\n{EXPECT}"),
        ),
    ]
}

fn section(
    number: u32,
    title: &str,
    wrong: &str,
    error: &RegistryError,
    reason: &str,
    right: &str,
) -> Section {
    let (wrong, right) = (block("rust", wrong), block("rust", right));
    let printed = block("text", &error.to_string());
    let text = format!("\n{wrong}\n{printed}\n{}\n\n{right}", wrapped(reason));
    Section {
        family: 'I',
        number: Some(number),
        title: title.to_owned(),
        text,
    }
}

const MAIN: &str = "\
#[micro::main]
async fn main() -> micro::Result<()> {
    micro::run_all().await
}
";

const EXPECT: &str = "\
#[micro::main]
async fn main() -> micro::Result<()> {
    let registry = micro::Registry::collect()?.expect([\"billing\"])?;
    App::from_args().registered(registry).await?.run().await
}
";

fn service(ty: &str, name: &str) -> String {
    format!(
        "\
#[derive(Default)]
struct {ty};

#[service(name = \"{name}\", register)]
impl {ty} {{
    #[endpoint(group = \"{name}\")]
    async fn count(&self) -> u64 {{ 7 }}
}}
"
    )
}

/// Lines of at most 100 letters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < 100 => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
