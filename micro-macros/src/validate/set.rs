//! The endpoints of a service together: no two may be reached by one request, and none may have
//! a name the client needs. And its subscribers: no two may have one event to share.

use micro_names::{Problem, Subject, Wildcards};
use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::model::{EndpointModel, Purpose, Queue, ServiceModel};
use crate::tokens::plain_name;

/// Functions of every generated client.
const CLIENT_FUNCTIONS: [&str; 2] = ["new", "with"];

pub(crate) fn check(service: &ServiceModel, errors: &mut Errors) {
    for (index, endpoint) in service.endpoints.iter().enumerate() {
        let earlier = service.endpoints.iter().take(index);
        // With a `#[cfg]` on both, one may well be there exactly when the other is not.
        let mut earlier = earlier.filter(|first| first.cfgs.is_empty() || endpoint.cfgs.is_empty());
        earlier.find(|first| collide(service, first, endpoint, errors));
        check_whole(service, endpoint, errors);
        if service.client.is_some() {
            check_method_name(endpoint, errors);
        }
    }
    for (index, subscriber) in service.subscribers.iter().enumerate() {
        let earlier = service.subscribers.iter().take(index);
        let earlier = service.endpoints.iter().chain(earlier);
        let mut earlier =
            earlier.filter(|first| first.cfgs.is_empty() || subscriber.cfgs.is_empty());
        earlier.find(|first| share(service, first, subscriber, errors));
    }
    if let Some(client) = &service.client
        && client.name == service.type_name
    {
        errors.push(
            &client.name,
            &Problem::new("the client cannot have the name of the service type"),
        );
    }
}

fn collide(
    service: &ServiceModel,
    first: &EndpointModel,
    second: &EndpointModel,
    errors: &mut Errors,
) -> bool {
    let (Some(first_pattern), Some(second_pattern)) =
        (&first.address.pattern, &second.address.pattern)
    else {
        return false;
    };
    let meet = first_pattern.overlaps(second_pattern);
    let name = &second.address.name.value;
    let is_namesake =
        first.address.name.value == *name && first.address.group == second.address.group;
    if !meet && !is_namesake {
        return false;
    }
    let first_subject = first.address.full(&service.group);
    let subject = second.address.full(&service.group);
    let server = plain_name(&first.method);
    if first_pattern.wire() == second_pattern.wire() {
        let problem = Problem::new(format!(
            "subject `{subject}` is already served by `{server}`"
        ))
        .help("give one of them another `subject`, `group` or `name`");
        let reference = format!("`{first_subject}` is first used here");
        report(first, second, &problem, &reference, errors);
        return true;
    }
    if meet {
        let problem = Problem::new(format!(
            "subject `{subject}` overlaps `{first_subject}`, which is served by `{server}`"
        ))
        .help("give one of them another `subject`, `group` or `name`")
        .note("a request that matches both would be answered twice");
        let reference = format!("`{first_subject}` is used here");
        report(first, second, &problem, &reference, errors);
        return true;
    }
    let group = micro_names::join([service.group.as_str(), &second.address.group]);
    let place = if group.is_empty() {
        String::new()
    } else {
        format!(" in group `{group}`")
    };
    let problem = Problem::new(format!("endpoint name `{name}` is already used{place}"))
        .note("INFO and STATS tell endpoints apart by name");
    errors.push_with_reference(
        &second.address.name.place,
        &problem,
        &first.address.name.place,
        &format!("`{name}` is first used here"),
    );
    true
}

/// Of those in one queue group a server gives a message to one, whatever their subjects are.
fn share(
    service: &ServiceModel,
    first: &EndpointModel,
    second: &EndpointModel,
    errors: &mut Errors,
) -> bool {
    let is_endpoint = first.purpose == Purpose::Endpoint;
    let name = &second.address.name.value;
    if !is_endpoint && first.address.name.value == *name {
        tell_of_namesake(first, second, errors);
        return true;
    }
    // The group of a subscriber that names none is its own.
    let Queue::Named(group) = &second.settings.queue_group else {
        return false;
    };
    let first_group = match (&first.settings.queue_group, &service.settings.queue_group) {
        (Queue::Inherit, of_service) if is_endpoint => of_service,
        (own, _) => own,
    };
    if !matches!(first_group, Queue::Named(name) if name == group) {
        return false;
    }
    let (Some(first_pattern), Some(pattern)) = (whole(service, first), &second.address.pattern)
    else {
        return false;
    };
    if !first_pattern.overlaps(pattern) {
        return false;
    }
    let method = plain_name(&first.method);
    let subject = &second.address.subject;
    let (first_subject, does) = if is_endpoint {
        (first.address.full(&service.group), "serves")
    } else {
        (first.address.subject.clone(), "listens to")
    };
    let problem = if first_pattern.wire() == pattern.wire() {
        Problem::new(format!("`{method}` already {does} `{subject}`"))
    } else {
        Problem::new(format!(
            "subject `{subject}` overlaps `{first_subject}`, which `{method}` {does}"
        ))
    };
    let problem = problem
        .help("give one of them another `queue_group`; without one a subscriber has its own")
        .note(format!(
            "both are in the queue group `{group}`: what is for both would go to one of them"
        ));
    let reference = format!("`{first_subject}` is used here");
    report(first, second, &problem, &reference, errors);
    true
}

/// The whole subject of an endpoint, or that of a subscriber, of which the service's group is no part.
fn whole(service: &ServiceModel, member: &EndpointModel) -> Option<Subject> {
    let pattern = member.address.pattern.clone()?;
    match member.purpose {
        Purpose::Endpoint => {
            Subject::parse(&member.address.full(&service.group), Wildcards::Named).ok()
        }
        Purpose::Subscriber => Some(pattern),
    }
}

fn tell_of_namesake(first: &EndpointModel, second: &EndpointModel, errors: &mut Errors) {
    let name = &second.address.name.value;
    let problem = Problem::new(format!("subscriber name `{name}` is already used"))
        .note("INFO and STATS tell subscribers apart by name");
    errors.push_with_reference(
        &second.address.name.place,
        &problem,
        &first.address.name.place,
        &format!("`{name}` is first used here"),
    );
}

/// The parts are right by themselves; with the service's group the whole may be too long.
fn check_whole(service: &ServiceModel, endpoint: &EndpointModel, errors: &mut Errors) {
    let full = endpoint.address.full(&service.group);
    if endpoint.address.pattern.is_some()
        && let Err(problem) = Subject::parse(&full, Wildcards::Named)
    {
        errors.push(&endpoint.address.place, &problem);
    }
}

fn report(
    first: &EndpointModel,
    second: &EndpointModel,
    problem: &Problem,
    reference: &str,
    errors: &mut Errors,
) {
    let place: &TokenStream = &second.address.place;
    errors.push_with_reference(place, problem, &first.address.place, reference);
}

fn check_method_name(endpoint: &EndpointModel, errors: &mut Errors) {
    let name = plain_name(&endpoint.method);
    if !CLIENT_FUNCTIONS.contains(&name.as_str()) {
        return;
    }
    let problem = Problem::new(format!("`{name}` is used by the generated client")).help(format!(
        "rename the method and keep the wire name with `name = \"{}\"`, or write `client = false`",
        endpoint.address.name.value
    ));
    errors.push(&endpoint.method, &problem);
}
