//! A builder, checked and resolved: what is left is to run it.

use std::fmt::Display;
use std::time::Duration;

use micro_names::{Subject, Wildcards};

use super::QueueGroup;
use super::builder::{EndpointOptions, Group, Member, ServiceBuilder};
use super::error::StartError;
use crate::discovery::{EndpointInfo, Metadata};
use crate::endpoint::{DEFAULT_CONCURRENCY, Definition};
use crate::handler::Handler;

/// A service that can be started.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) metadata: Metadata,
    pub(super) drain_timeout: Duration,
    pub(super) endpoints: Vec<PlannedEndpoint>,
}

/// An endpoint that can be started.
pub(super) struct PlannedEndpoint {
    pub(super) definition: Definition,
    pub(super) placeholders: Vec<(String, usize)>,
    pub(super) handler: Box<dyn Handler>,
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
            .map(|endpoint| EndpointInfo::of(&endpoint.definition))
            .collect())
    }
}

/// Checks everything, and reports all that is wrong.
pub(super) fn plan(builder: ServiceBuilder) -> Result<Plan, StartError> {
    let mut planner = Planner {
        timeout: builder.timeout,
        concurrency: builder.concurrency,
        endpoints: Vec::new(),
        problems: Vec::new(),
    };
    planner.check("service", micro_names::check_name("name", &builder.name));
    planner.check("service", micro_names::check_version(&builder.version));
    planner.group(builder.root, "", &QueueGroup::Inherit);
    if planner.problems.is_empty() {
        Ok(Plan {
            name: builder.name,
            version: builder.version,
            description: builder.description,
            metadata: builder.metadata,
            drain_timeout: builder.drain_timeout,
            endpoints: planner.endpoints,
        })
    } else {
        Err(StartError::Invalid {
            service: builder.name,
            problems: planner.problems,
        })
    }
}

struct Planner {
    timeout: Option<Duration>,
    concurrency: Option<usize>,
    endpoints: Vec<PlannedEndpoint>,
    problems: Vec<String>,
}

impl Planner {
    fn check(&mut self, place: impl Display, result: Result<(), micro_names::Problem>) {
        if let Err(problem) = result {
            self.problem(place, problem);
        }
    }

    fn problem(&mut self, place: impl Display, problem: impl Display) {
        self.problems.push(format!("{place}: {problem}"));
    }

    fn group(&mut self, group: Group, above: &str, queue_above: &QueueGroup) {
        if !group.prefix.is_empty() {
            let checked = micro_names::check_group(&group.prefix, Wildcards::Allowed);
            self.check(format_args!("group `{}`", group.prefix), checked);
        }
        self.check_queue_group(format_args!("group `{}`", group.prefix), &group.queue);
        let prefix = micro_names::join([above, &group.prefix]);
        let queue_group = group.queue.below(queue_above);
        for member in group.members {
            match member {
                Member::Endpoint(endpoint) => self.endpoint(endpoint, &prefix, &queue_group),
                Member::Group(group) => self.group(group, &prefix, &queue_group),
            }
        }
    }

    fn check_queue_group(&mut self, place: impl Display, group: &QueueGroup) {
        if let QueueGroup::Named(name) = group {
            self.check(place, micro_names::check_queue_group(name));
        }
    }

    fn endpoint(&mut self, options: EndpointOptions, prefix: &str, queue_above: &QueueGroup) {
        let name = options
            .name
            .unwrap_or_else(|| name_of_subject(&options.subject));
        let place = format!("endpoint `{name}`");
        self.check(&place, micro_names::check_name("name", &name));
        self.check_queue_group(&place, &options.queue_group);
        if options.subject.is_empty() {
            self.problem(&place, "`subject` cannot be empty");
        }
        if options.concurrency.or(self.concurrency) == Some(0) {
            self.problem(&place, "`concurrency` must be at least 1");
        }
        let full = micro_names::join([prefix, &options.subject]);
        let subject = match Subject::parse(&full, Wildcards::Allowed) {
            Ok(subject) => subject,
            Err(problem) => return self.problem(&place, problem),
        };
        let mut metadata = options.metadata;
        if !options.description.is_empty() {
            metadata
                .entry("description".to_owned())
                .or_insert(options.description);
        }
        let queue_group = options.queue_group.below(queue_above);
        self.endpoints.push(PlannedEndpoint {
            placeholders: subject
                .placeholders()
                .map(|(name, index)| (name.to_owned(), index))
                .collect(),
            definition: Definition {
                name,
                subject: subject.wire(),
                queue_group: queue_group.resolved().map(str::to_owned),
                metadata,
                example: options.example,
                timeout: options.timeout.or(self.timeout),
                concurrency: options
                    .concurrency
                    .or(self.concurrency)
                    .unwrap_or(DEFAULT_CONCURRENCY),
            },
            handler: options.handler,
        });
    }
}

/// The name of an endpoint that was given a subject only: `svc.add` is `svc-add`, `{user}` is
/// `user`, `*` is `any`, `>` is `all`.
fn name_of_subject(subject: &str) -> String {
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
