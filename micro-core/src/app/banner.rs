//! What a person sees when services have started.

use std::fmt::Write as _;

use super::nats::Origin;
use super::settings::Repeated;
use crate::discovery::Info;
use crate::service::RunningService;

/// The banner: service, instance, where NATS is, the endpoints and the subscribers, and what to try
/// next.
pub(super) fn render(services: &[RunningService], origin: &Origin, program: &str) -> String {
    let mut text = String::new();
    for service in services {
        let (name, version, id) = (service.name(), service.version(), service.id());
        let _ = writeln!(text, "{name} {version}, instance {id}");
    }
    let _ = writeln!(text, "NATS: {origin}\n");
    let infos: Vec<_> = services.iter().map(RunningService::info).collect();
    endpoints(&mut text, &infos);
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
        return try_publishing(text, services, origin);
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

/// The same of services that only listen: the example is one of NATS's own command.
fn try_publishing(text: &mut String, services: &[RunningService], origin: &Origin) {
    let Some((service, subscriber)) = services.iter().find_map(|service| {
        let first = service.info().subscribers().into_iter().next()?;
        Some((service, first))
    }) else {
        return;
    };
    let Repeated {
        theirs, left_out, ..
    } = origin.for_others();
    let subject = subscriber.subject.replace(['*', '>'], "x");
    let body = service
        .example_event_for(&subscriber.name)
        .unwrap_or_else(|| "hello!".to_owned());
    let body = body.replace('\'', r"'\''");
    let _ = writeln!(text, "\nTry it from another terminal:");
    let _ = writeln!(text, "  nats{theirs} pub {subject} '{body}'");
    let _ = writeln!(text, "  nats{theirs} micro info {}", service.name());
    if !left_out.is_empty() {
        let _ = writeln!(text, "  Both lack what is secret: {}", left_out.join(", "));
    }
}

/// What the services answer, and what they listen to, in columns that go through all of it.
fn endpoints(text: &mut String, infos: &[Info]) {
    let lines: Vec<_> = infos.iter().flat_map(lines).collect();
    let width = |of: fn(&(String, String, String)) -> usize| lines.iter().map(of).max();
    let names = width(|(name, ..)| name.chars().count()).unwrap_or(0);
    let subjects = width(|(_, subject, _)| subject.chars().count()).unwrap_or(0);
    for (name, subject, group) in &lines {
        let _ = writeln!(text, "  {name:names$}  {subject:subjects$}  {group}");
    }
}

/// Name, subject, and who gets what comes there.
fn lines(info: &Info) -> impl Iterator<Item = (String, String, String)> {
    let served = info.endpoints.iter().map(|endpoint| {
        let group = match endpoint.queue_group.as_str() {
            "" => "every instance answers".to_owned(),
            group => format!("queue group {group}"),
        };
        (endpoint.name.clone(), endpoint.subject.clone(), group)
    });
    let heard = info.subscribers().into_iter().map(|subscriber| {
        let group = match subscriber.queue_group.as_str() {
            "" => "events, every instance gets each".to_owned(),
            group => format!("events, queue group {group}"),
        };
        (subscriber.name, subscriber.subject, group)
    });
    served.chain(heard)
}
