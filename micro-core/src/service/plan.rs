//! A builder, checked and resolved: what is left is to run it.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use micro_names::{Problem, Shown, Subject, Wildcards};

use super::builder::ServiceBuilder;
use super::error::{Cause, StartError};
use super::group::{EndpointOptions, Group, Member};
use super::observers::Observers;
use super::{QueueGroup, SubscriberOptions, sharing};
use crate::context::Metadata;
use crate::endpoint::{
    DEFAULT_CONCURRENCY, Definition, Endpoint, EndpointInfo, EventKey, EventOrder, Role,
    StatsHandler, Ticket,
};
use crate::handler::Handler;

/// A service that can be started.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) metadata: Metadata,
    pub(super) observers: Observers,
    pub(super) drain_timeout: Duration,
    pub(super) endpoints: Vec<PlannedEndpoint>,
    pub(super) inherited: Inherited,
}

/// What endpoints have from their service, those that are added later too.
#[derive(Clone, Debug)]
pub(super) struct Inherited {
    /// The name of the service: its subscribers' queue groups begin with it.
    service: String,
    prefix: String,
    event_prefix: Option<String>,
    queue_group: QueueGroup,
    timeout: Option<Duration>,
    concurrency: Option<usize>,
    stats_handler: Option<StatsHandler>,
    /// Of a function.
    pub(super) ticket: Option<Arc<Ticket>>,
}

/// An endpoint that can be started.
pub(super) struct PlannedEndpoint {
    pub(super) definition: Definition,
    pub(super) placeholders: Vec<(String, usize)>,
    pub(super) handler: Box<dyn Handler>,
    pub(super) ticket: Option<Arc<Ticket>>,
}

impl std::fmt::Debug for PlannedEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlannedEndpoint")
            .field("definition", &self.definition)
            .finish_non_exhaustive()
    }
}

impl ServiceBuilder {
    /// What INFO would list, for a program that does not start the service.
    pub(crate) fn endpoint_infos(self) -> Result<Vec<EndpointInfo>, StartError> {
        let plan = plan(self)?;
        Ok(plan
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.definition.role == Role::Request)
            .map(|endpoint| EndpointInfo::of(&endpoint.definition))
            .collect())
    }
}

/// Checks everything, and reports all that is wrong.
pub(super) fn plan(builder: ServiceBuilder) -> Result<Plan, StartError> {
    let inherited = Inherited {
        service: builder.name.clone(),
        prefix: builder.root.prefix.clone(),
        event_prefix: builder.root.event_prefix.clone(),
        queue_group: builder.root.queue.clone(),
        timeout: builder.timeout,
        concurrency: builder.concurrency,
        stats_handler: builder.stats_handler,
        ticket: builder.ticket,
    };
    let mut planner = Planner::new(&inherited);
    planner.check("service", micro_names::check_name("name", &builder.name));
    planner.check("service", micro_names::check_version(&builder.version));
    planner.check_metadata("service", &builder.metadata);
    planner.check_timeout("service", builder.timeout);
    planner.check_concurrency("service", builder.concurrency);
    planner.group(builder.root, &Above::default());
    match planner.finish(&[]) {
        Ok(endpoints) => Ok(Plan {
            name: builder.name,
            version: builder.version,
            description: builder.description,
            metadata: builder.metadata,
            observers: builder.observers,
            drain_timeout: builder.drain_timeout,
            endpoints,
            inherited,
        }),
        Err(cause) => Err(StartError::of(&builder.name, cause)),
    }
}

/// Checks endpoints that are added to a running service, beside those that are `there`. `fill` gets the
/// group of the whole service.
pub(super) fn plan_more(
    inherited: &Inherited,
    there: &[Arc<Endpoint>],
    fill: impl FnOnce(Group) -> Group,
) -> Result<Vec<PlannedEndpoint>, Cause> {
    let mut root = Group::new(inherited.prefix.clone()).queue_group(inherited.queue_group.clone());
    root.event_prefix.clone_from(&inherited.event_prefix);
    let mut planner = Planner::new(inherited);
    planner.group(fill(root), &Above::default());
    planner.finish(there)
}

/// Checks the same once more, when others may have been added meanwhile.
pub(super) fn check_beside(there: &[Arc<Endpoint>], more: &[Arc<Endpoint>]) -> Result<(), Cause> {
    let definitions = more.iter().map(|endpoint| &endpoint.definition);
    let problems = sharing::problems(there.iter().map(|e| &e.definition), definitions);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Cause::Invalid(problems))
    }
}

/// The largest metadata of a service or an endpoint, keys and values together, in bytes (ADR-33).
const METADATA_MAX_BYTES: usize = 128 * 1024;

/// What a group or an endpoint has from the groups it is in.
#[derive(Default)]
struct Above {
    prefix: String,
    /// Of subscribers.
    event_prefix: String,
    queue_group: QueueGroup,
    /// A part of the prefix was reported: no second problem is made of it.
    is_wrong: bool,
}

struct Planner<'a> {
    inherited: &'a Inherited,
    endpoints: Vec<PlannedEndpoint>,
    problems: Vec<String>,
}

impl<'a> Planner<'a> {
    fn new(inherited: &'a Inherited) -> Self {
        Self {
            inherited,
            endpoints: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn finish(mut self, there: &[Arc<Endpoint>]) -> Result<Vec<PlannedEndpoint>, Cause> {
        let there = there.iter().map(|endpoint| &endpoint.definition);
        let planned = self.endpoints.iter().map(|planned| &planned.definition);
        self.problems.extend(sharing::problems(there, planned));
        if self.problems.is_empty() {
            Ok(self.endpoints)
        } else {
            Err(Cause::Invalid(self.problems))
        }
    }

    fn check_metadata(&mut self, place: impl Display, metadata: &Metadata) {
        let reserved = |key: &&String| micro_names::is_reserved_metadata_key(key);
        for key in metadata.keys().filter(|key| !reserved(key)) {
            self.check(&place, micro_names::check_metadata_key(key));
        }
        let bytes: usize = metadata
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        if bytes > METADATA_MAX_BYTES {
            self.problem(
                place,
                format_args!(
                    "the metadata has {bytes} bytes, at most {METADATA_MAX_BYTES} are allowed"
                ),
            );
        }
    }

    fn check_timeout(&mut self, place: impl Display, timeout: Option<Duration>) {
        if let Some(timeout) = timeout {
            self.check(place, micro_names::check_duration("timeout", timeout));
        }
    }

    fn check_concurrency(&mut self, place: impl Display, requests: Option<usize>) {
        if requests == Some(0) {
            self.problem(place, "`concurrency` must be at least 1");
        }
    }

    fn check(&mut self, place: impl Display, result: Result<(), Problem>) {
        if let Err(problem) = result {
            self.problem(place, problem);
        }
    }

    fn problem(&mut self, place: impl Display, problem: impl Display) {
        self.problems.push(format!("{place}: {problem}"));
    }

    fn group(&mut self, group: Group, above: &Above) {
        let place = match group.prefix.as_str() {
            "" => "service".to_owned(),
            prefix => format!("group `{}`", Shown(prefix)),
        };
        let checked = micro_names::check_group(&group.prefix, Wildcards::Allowed);
        let here = Above {
            prefix: micro_names::join([above.prefix.as_str(), &group.prefix]),
            event_prefix: micro_names::join([
                above.event_prefix.as_str(),
                group.event_prefix.as_ref().unwrap_or(&group.prefix),
            ]),
            queue_group: group.queue.below(&above.queue_group),
            is_wrong: above.is_wrong || checked.is_err(),
        };
        self.check(&place, checked);
        self.check_queue_group(&place, &group.queue);
        for member in group.members {
            match member {
                Member::Endpoint(endpoint) => {
                    self.endpoint(endpoint, Role::Request, EventOrder::Any, &here);
                }
                Member::Subscriber(subscriber) => {
                    let SubscriberOptions { endpoint, order } = subscriber;
                    self.endpoint(endpoint, Role::Event, order, &here);
                }
                Member::Group(group) => self.group(group, &here),
            }
        }
    }

    fn check_order(
        &mut self,
        place: impl Display,
        order: &EventOrder,
        concurrency: Option<usize>,
        subject: &Wire,
    ) {
        match order {
            EventOrder::OneAtATime if concurrency.is_some_and(|events| events > 1) => {
                self.problem(
                    place,
                    "`concurrency` must be 1 where events are handled one at a time",
                );
            }
            EventOrder::Any | EventOrder::OneAtATime => {}
            EventOrder::PerKey(EventKey::Header(name)) => {
                self.check(place, micro_names::check_header_name(name));
            }
            EventOrder::PerKey(EventKey::Placeholder(name)) => {
                let mut placeholders = subject.placeholders.iter();
                if !placeholders.any(|(known, _)| known == name) {
                    let (name, subject) = (Shown(name), Shown(&subject.subject));
                    self.problem(
                        place,
                        format_args!(
                            "the order is one of each `{name}`, and the subject `{subject}` has no placeholder of this name: write it into the subject, or take a header as the key"
                        ),
                    );
                }
            }
        }
    }

    fn check_queue_group(&mut self, place: impl Display, group: &QueueGroup) {
        if let QueueGroup::Named(name) = group {
            self.check(place, micro_names::check_queue_group(name));
        }
    }

    /// The queue group of a subscriber for which none is named: no other of its service is in it, since
    /// no name has a dot; nor of a copy of the service that a prefix keeps apart.
    fn of_its_own(&mut self, place: impl Display, name: &str, said: QueueGroup) -> QueueGroup {
        if said != QueueGroup::Inherit {
            return said;
        }
        let service = &self.inherited.service;
        let prefix = self.inherited.event_prefix.as_deref();
        let own = micro_names::join([prefix.unwrap_or_default(), service, name]);
        // What is wrong with a name has been reported.
        if [service, name]
            .into_iter()
            .all(|name| micro_names::check_name("name", name).is_ok())
        {
            let checked = micro_names::check_queue_group(&own);
            let help = "name one, or shorten the names that it is made of";
            self.check(place, checked.map_err(|problem| problem.help(help)));
        }
        QueueGroup::from(own)
    }

    fn endpoint(&mut self, options: EndpointOptions, role: Role, order: EventOrder, above: &Above) {
        // First by itself, as the macros have it: joined, an empty one could not be told, and a fault
        // would be shown with a prefix that has nothing to do with it.
        let own = Wire::of(&options.subject);
        let name_is_given = options.name.is_some();
        let name = options
            .name
            .unwrap_or_else(|| name_of_subject(&options.subject));
        // Written only where there is a problem to tell.
        let place = format_args!("{role} `{}`", Shown(&name));
        // A name made of a wrong subject is no second fault.
        if name_is_given || own.is_ok() {
            let checked = micro_names::check_name("name", &name);
            let checked = checked.map_err(|problem| match problem.help {
                None if !name_is_given => {
                    problem.help(format!("give the {role} a name of its own"))
                }
                _ => problem,
            });
            self.check(place, checked);
        }
        self.check_queue_group(place, &options.queue_group);
        self.check_timeout(place, options.timeout);
        self.check_concurrency(place, options.concurrency);
        let mut metadata = options.metadata;
        if !options.description.is_empty() {
            metadata
                .entry("description".to_owned())
                .or_insert(options.description);
        }
        self.check_metadata(place, &metadata);
        let prefix = match role {
            Role::Request => &above.prefix,
            Role::Event => &above.event_prefix,
        };
        let subject = match own {
            Ok(_) if above.is_wrong => return,
            Ok(own) if prefix.is_empty() => Ok(own),
            own => own.and_then(|_| {
                let full = micro_names::join([prefix.as_str(), &options.subject]);
                Wire::of(&full)
            }),
        };
        let subject = match subject {
            Ok(subject) => subject,
            Err(problem) => return self.problem(place, problem),
        };
        self.check_order(place, &order, options.concurrency, &subject);
        let inherited = self.inherited;
        let queue_group = match role {
            Role::Request => options.queue_group.below(&above.queue_group),
            Role::Event => self.of_its_own(place, &name, options.queue_group),
        };
        let queue_group = queue_group.resolved();
        let concurrency = options.concurrency.or(inherited.concurrency);
        self.endpoints.push(PlannedEndpoint {
            placeholders: subject.placeholders,
            definition: Definition {
                role,
                name,
                subject: subject.subject,
                queue_group: queue_group.map(str::to_owned),
                metadata,
                example: options.example,
                timeout: match role {
                    Role::Request => options.timeout.or(inherited.timeout),
                    // It is how long callers wait, and here nobody does.
                    Role::Event => options.timeout,
                },
                concurrency: match order {
                    EventOrder::OneAtATime => 1,
                    _ => concurrency.unwrap_or(DEFAULT_CONCURRENCY),
                },
                pending: options.pending,
                order,
                stats_handler: match role {
                    Role::Request => options
                        .stats_handler
                        .or_else(|| inherited.stats_handler.clone()),
                    // The JSON of subscribers has no place for data.
                    Role::Event => None,
                },
            },
            handler: options.handler,
            ticket: inherited.ticket.clone(),
        });
    }
}

/// What is needed of a subject.
struct Wire {
    subject: String,
    placeholders: Vec<(String, usize)>,
}

impl Wire {
    fn of(value: &str) -> Result<Self, Problem> {
        // Nearly all are, and a service may have a thousand endpoints.
        if Subject::is_plain(value) {
            return Ok(Self {
                subject: value.to_owned(),
                placeholders: Vec::new(),
            });
        }
        let subject = Subject::parse(value, Wildcards::Allowed)?;
        let placeholders = subject.placeholders();
        Ok(Self {
            placeholders: placeholders
                .map(|(name, index)| (name.to_owned(), index))
                .collect(),
            subject: subject.wire(),
        })
    }
}

/// The name of an endpoint that was given a subject only: `svc.add` is `svc-add`, `{user}` is
/// `user`, `*` is `any`, `>` is `all`.
fn name_of_subject(subject: &str) -> String {
    if !subject.contains(['*', '>', '{', '}']) {
        return subject.replace('.', "-");
    }
    let tokens: Vec<&str> = subject
        .split('.')
        .map(|token| match token {
            "*" => "any",
            ">" => "all",
            token => token.trim_start_matches('{').trim_end_matches('}'),
        })
        .collect();
    tokens.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Request;

    #[test]
    fn the_stats_handler_of_a_service_is_for_its_endpoints() {
        let service = ServiceBuilder::new("both", "1.0.0")
            .stats_handler(|_| "data")
            .endpoint("asked", async |_: Request| "yes")
            .subscriber("told", async |_: Request| {});
        let plan = plan(service).unwrap();
        for planned in plan.endpoints {
            let Definition {
                role,
                stats_handler,
                ..
            } = planned.definition;
            assert_eq!(stats_handler.is_some(), role == Role::Request);
        }
    }
}
