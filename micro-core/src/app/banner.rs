//! What a person sees when services have started.

use std::fmt::Write as _;
use std::path::Path;

use super::nats::Origin;
use crate::discovery::{EndpointInfo, Info};

/// How this program was started, as a person would type it again.
pub(super) fn program() -> String {
    let Some(path) = std::env::args_os().next() else {
        return "service".to_owned();
    };
    command_for(Path::new(&path))
}

fn command_for(path: &Path) -> String {
    let name = path
        .file_stem()
        .map_or_else(|| "service".into(), |name| name.to_string_lossy());
    let mut folders = path
        .ancestors()
        .skip(1)
        .map_while(|folder| folder.file_name())
        .map(|folder| folder.to_string_lossy());
    let folder = folders.next().unwrap_or_default();
    let profile = |profile: &str| match profile {
        "debug" => Some(""),
        "release" => Some("--release "),
        _ => None,
    };
    if folder == "examples"
        && let Some(release) = folders.next().and_then(|folder| profile(&folder))
    {
        return format!("cargo run {release}--example {name} --");
    }
    if let Some(release) = profile(&folder) {
        return format!("cargo run {release}--bin {name} --");
    }
    path.display().to_string()
}

/// The banner: service, instance, where NATS is, the endpoints, and what to try next.
pub(super) fn render(services: &[Info], origin: &Origin, program: &str) -> String {
    let mut text = String::new();
    for service in services {
        let _ = writeln!(
            text,
            "{} {}, instance {}",
            service.name, service.version, service.id
        );
    }
    let _ = writeln!(text, "NATS: {origin}\n");
    for service in services {
        endpoints(&mut text, &service.endpoints);
    }
    if let Some((service, endpoint)) = example(services) {
        let _ = writeln!(text, "\nTry it from another terminal:");
        let url = match origin.url_for_others() {
            Some(url) => format!(" --nats {url}"),
            None => String::new(),
        };
        let target = if endpoint.subject.contains(['*', '>']) {
            endpoint.subject.replace(['*', '>'], "x")
        } else {
            endpoint.name.clone()
        };
        let _ = writeln!(text, "  {program}{url} call {target} '{{}}'");
        let server = match origin.url_for_others() {
            Some(url) => format!(" --server {url}"),
            None => String::new(),
        };
        let _ = writeln!(text, "  nats{server} micro info {}", service.name);
    }
    let _ = writeln!(
        text,
        "\nCtrl-C stops it; requests under way are answered first."
    );
    text
}

fn endpoints(text: &mut String, endpoints: &[EndpointInfo]) {
    let width = |of: fn(&EndpointInfo) -> &str| {
        endpoints
            .iter()
            .map(|endpoint| of(endpoint).chars().count())
            .max()
            .unwrap_or(0)
    };
    let names = width(|endpoint| &endpoint.name);
    let subjects = width(|endpoint| &endpoint.subject);
    for endpoint in endpoints {
        let group = match endpoint.queue_group.as_str() {
            "" => "every instance answers".to_owned(),
            group => format!("queue group {group}"),
        };
        let _ = writeln!(
            text,
            "  {:names$}  {:subjects$}  {group}",
            endpoint.name, endpoint.subject
        );
    }
}

/// What to try: the first endpoint.
fn example(services: &[Info]) -> Option<(&Info, &EndpointInfo)> {
    services.iter().find_map(|service| {
        service
            .endpoints
            .first()
            .map(|endpoint| (service, endpoint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_as_it_was_started() {
        let command = |path: &str| command_for(Path::new(path));
        assert_eq!(
            command("target/debug/examples/numbers"),
            "cargo run --example numbers --"
        );
        assert_eq!(
            command("/x/target/release/greeter"),
            "cargo run --release --bin greeter --"
        );
        assert_eq!(command("/usr/bin/greeter"), "/usr/bin/greeter");
    }
}
