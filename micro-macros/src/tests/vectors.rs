//! What the runtime says of a wrong value the macros say too, word for word: the vectors are those
//! of `micro-core`.

use super::{errors, expanded};

const VECTORS: &[(&str, &str, &str)] = &include!("../../../micro-names/vectors.rs");

/// The services that have a value in each place where it can stand.
fn sources(key: &str, value: &str) -> Vec<String> {
    let of_service = |argument: &str| {
        format!("#[service({argument})] impl Numbers {{ #[endpoint] async fn add(&self) {{}} }}")
    };
    // Placeholders want their parameters.
    let id = if value.contains("{id}") {
        ", id: u8"
    } else {
        ""
    };
    let of_endpoint = |argument: &str| {
        format!(
            "#[service] impl Numbers {{ #[endpoint({argument})] async fn add(&self{id}) {{}} }}"
        )
    };
    match key {
        "name" => vec![of_service(&format!("name = {value:?}"))],
        "endpoint name" => vec![of_endpoint(&format!("name = {value:?}"))],
        "version" => vec![of_service(&format!("version = {value:?}"))],
        "group" | "subject" => vec![of_endpoint(&format!("{key} = {value:?}"))],
        "queue_group" | "timeout" => {
            let argument = format!("{key} = {value:?}");
            vec![of_service(&argument), of_endpoint(&argument)]
        }
        "concurrency" => {
            let argument = format!("{key} = {value}");
            vec![of_service(&argument), of_endpoint(&argument)]
        }
        "metadata" => {
            let argument = format!("metadata({value:?} = \"v\")");
            vec![of_service(&argument), of_endpoint(&argument)]
        }
        "header" => vec![format!(
            "#[service] impl Numbers {{ #[endpoint] async fn add(&self, #[header({value:?})] x: u8) {{}} }}"
        )],
        _ => panic!("nothing is known of `{key}`"),
    }
}

#[test]
fn a_wrong_value_is_told_in_the_words_of_the_runtime() {
    for (key, value, message) in VECTORS {
        for source in sources(key, value) {
            let found = errors(&source);
            let found: Vec<&str> = found
                .iter()
                .map(|error| error.split_once(' ').map_or("", |(_, text)| text))
                .collect();
            let expected: &[&str] = if message.is_empty() { &[] } else { &[message] };
            assert_eq!(found, expected, "{source}");
            assert_eq!(
                expanded(&source).matches("compile_error").count(),
                expected.len(),
                "{source}"
            );
        }
    }
}
