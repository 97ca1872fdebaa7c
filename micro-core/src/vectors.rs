//! What the macros say of a wrong value the runtime says too, word for word: the vectors are those
//! of `micro-macros`.

use crate::Headers;
use crate::app::duration;
use crate::handler::Request;
use crate::service::{ServiceBuilder, StartError};

const VECTORS: &[(&str, &str, &str)] = &include!("../../micro-names/vectors.rs");

async fn nothing(_: Request) {}

fn service() -> ServiceBuilder {
    ServiceBuilder::new("numbers", "1.0.0")
}

/// The services that have a value in each place where it can stand.
fn builders(key: &str, value: &str) -> Vec<ServiceBuilder> {
    let owned = value.to_owned();
    match key {
        "name" => vec![ServiceBuilder::new(value, "1.0.0")],
        "version" => vec![ServiceBuilder::new("numbers", value)],
        "endpoint name" => vec![service().endpoint_with("add", nothing, |add| add.name(value))],
        "subject" => vec![service().endpoint_with(value, nothing, |add| add.name("add"))],
        "group" => vec![
            service().group(value, |group| group.endpoint("add", nothing)),
            service().group(value, |group| {
                group.group("inner", |inner| inner.endpoint("add", nothing))
            }),
        ],
        "queue_group" => vec![
            service().queue_group(owned.clone()),
            service().endpoint_with("add", nothing, |add| add.queue_group(owned.clone())),
            service().group("g", |group| group.queue_group(owned)),
        ],
        "metadata" => vec![
            service().metadata(value, "v"),
            service().endpoint_with("add", nothing, |add| add.metadata(value, "v")),
        ],
        "concurrency" => {
            let requests = value.parse().unwrap();
            vec![
                service().concurrency(requests).endpoint("add", nothing),
                service().endpoint_with("add", nothing, |add| add.concurrency(requests)),
            ]
        }
        // A builder takes it as a number: of the rules only that about zero is left.
        "timeout" => {
            let timeout = match value {
                "0s" => std::time::Duration::ZERO,
                _ => match duration(value) {
                    Ok(timeout) => timeout,
                    Err(_) => return Vec::new(),
                },
            };
            vec![
                service().timeout(timeout).endpoint("add", nothing),
                service().endpoint_with("add", nothing, |add| add.timeout(timeout)),
            ]
        }
        "header" => Vec::new(),
        _ => panic!("nothing is known of `{key}`"),
    }
}

#[test]
fn a_wrong_value_is_told_in_the_words_of_the_macros() {
    for (key, value, message) in VECTORS {
        for builder in builders(key, value) {
            let problems = match builder.endpoint_infos() {
                Ok(_) => Vec::new(),
                Err(StartError::Invalid { problems, .. }) => problems,
                Err(error) => panic!("{error}"),
            };
            // Each begins with the place it is about.
            let problems: Vec<&str> = problems
                .iter()
                .map(|problem| problem.split_once(": ").map_or("", |(_, text)| text))
                .collect();
            let expected: &[&str] = if message.is_empty() { &[] } else { &[message] };
            assert_eq!(problems, expected, "{key} {value:?}");
        }
        let said = match *key {
            "timeout" => duration(value).err(),
            "header" => {
                let refused = Headers::new().insert(value, "v").err();
                refused.map(|error| error.to_string())
            }
            _ => continue,
        };
        assert_eq!(said.unwrap_or_default(), *message, "{key} {value:?}");
    }
}
