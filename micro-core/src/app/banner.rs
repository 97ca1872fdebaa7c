//! What a person sees when services have started.

use std::fmt::Write as _;

use super::nats::Origin;
use super::settings::Repeated;
use crate::endpoint::EndpointInfo;
use crate::service::RunningService;

/// The banner: service, instance, where NATS is, the endpoints, and what to try next.
pub(super) fn render(services: &[RunningService], origin: &Origin, program: &str) -> String {
    let mut text = String::new();
    for service in services {
        let (name, version, id) = (service.name(), service.version(), service.id());
        let _ = writeln!(text, "{name} {version}, instance {id}");
    }
    let _ = writeln!(text, "NATS: {origin}\n");
    for service in services {
        endpoints(&mut text, &service.info().endpoints);
    }
    try_next(&mut text, services, origin, program);
    if services.iter().any(RunningService::is_function) {
        let _ = write!(text, "\nServes one request, and ends.");
    }
    let _ = writeln!(
        text,
        "\nCtrl-C stops it; requests under way are answered first."
    );
    text
}

/// Commands to copy: a call of the first endpoint, and a look at the service.
fn try_next(text: &mut String, services: &[RunningService], origin: &Origin, program: &str) {
    let Some((service, endpoint)) = services.iter().find_map(|service| {
        let first = service.info().endpoints.into_iter().next()?;
        Some((service, first))
    }) else {
        return;
    };
    let Repeated {
        ours,
        theirs,
        left_out,
    } = origin.for_others();
    let target = if endpoint.subject.contains(['*', '>']) {
        endpoint.subject.replace(['*', '>'], "x")
    } else {
        endpoint.name.clone()
    };
    let body = match service.example_for(&endpoint.name) {
        Some(body) if body.is_empty() => String::new(),
        Some(body) => format!(" '{}'", body.replace('\'', r"'\''")),
        None => " 'hello!'".to_owned(),
    };
    let _ = writeln!(text, "\nTry it from another terminal:");
    let _ = writeln!(text, "  {program}{ours} call {target}{body}");
    let _ = writeln!(text, "  nats{theirs} micro info {}", service.name());
    if !left_out.is_empty() {
        let _ = writeln!(text, "  Both lack what is secret: {}", left_out.join(", "));
    }
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
