//! A service put together by hand: what the macros expand to, and what serves where the endpoints
//! are known at run time only.

use std::sync::Arc;
use std::time::Duration;

use super::{QueueGroup, Service};
use crate::discovery::Metadata;
use crate::endpoint::Example;
use crate::handler::{Handler, HandlerFuture, Request};

/// How long a stop waits for handlers in flight, unless told otherwise.
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A service before it runs.
///
/// Nothing is checked until `start`, which reports everything that is wrong at once.
///
/// ```no_run
/// # use micro_core as micro;
/// # async fn example() -> Result<(), micro::Error> {
/// use micro::{Connection, Request, ServiceBuilder};
///
/// let connection = Connection::connect("nats://127.0.0.1:4222").await?;
/// let service = ServiceBuilder::new("EchoService", "1.0.0")
///     .description("answers what it is sent")
///     .endpoint("svc.echo", async |request: Request| request.payload().clone())
///     .group("numbers", |numbers| {
///         numbers
///             .queue_group("workers")
///             .endpoint("count", async |request: Request| request.payload().len().to_string())
///     })
///     .start(&connection)
///     .await?;
/// println!("{} answers", service.id());
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a service does not run until it is started"]
pub struct ServiceBuilder {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) metadata: Metadata,
    pub(super) timeout: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) drain_timeout: Duration,
    pub(super) root: Group,
}

impl ServiceBuilder {
    /// A service without endpoints.
    ///
    /// The name is `[A-Za-z0-9_-]+`, the version a semantic one such as `1.0.0` (ADR-32).
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            description: String::new(),
            metadata: Metadata::new(),
            timeout: None,
            concurrency: None,
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            root: Group::new(String::new()),
        }
    }

    /// The service of an annotated type, for what its attributes cannot say.
    pub fn of<S: Service>(service: S) -> Self {
        let def = S::INFO;
        let mut builder = Self::new(def.name, def.version).description(def.description);
        builder.metadata = metadata(def.metadata);
        builder.timeout = def.timeout;
        builder.concurrency = def.concurrency;
        def.group.clone_into(&mut builder.root.prefix);
        builder.root.queue = def.queue_group;
        let service = Arc::new(service);
        for endpoint in S::ENDPOINTS {
            let def = &endpoint.def;
            let handler = Method {
                service: Arc::clone(&service),
                call: endpoint.call,
            };
            builder.root = builder.root.endpoint_with(def.subject, handler, |options| {
                let mut options = options.name(def.name).queue_group(def.queue_group.clone());
                options.metadata = metadata(def.metadata);
                options.timeout = def.timeout;
                options.concurrency = def.concurrency;
                options.example = Some(Example::Made(def.example));
                options.description(def.description)
            });
        }
        builder
    }

    /// What the service is for, for people who look at INFO.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds one entry to the metadata.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The queue group of all endpoints that name no other; `q` by default.
    pub fn queue_group(mut self, group: impl Into<QueueGroup>) -> Self {
        self.root = self.root.queue_group(group);
        self
    }

    /// No queue group: every instance answers every request.
    pub fn no_queue_group(self) -> Self {
        self.queue_group(QueueGroup::Disabled)
    }

    /// How long handlers may take, unless an endpoint says otherwise; no bound by default. What
    /// takes longer is dropped, and its caller gets code 504.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many requests each endpoint works on at once, unless it says otherwise; 64 by default.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// How long a stop waits for handlers in flight; 30 s by default.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// A prefix for all subjects, before those that are there already: to run a second copy of a
    /// service apart from the first.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.root.prefix = micro_names::join([prefix, &self.root.prefix]);
        self
    }

    /// The one endpoint of a service that has only one: it is named `default`, as Go's `micro` has
    /// it.
    pub fn base_endpoint(self, subject: &str, handler: impl Handler) -> Self {
        self.endpoint_with(subject, handler, |endpoint| endpoint.name("default"))
    }

    /// An endpoint. Its name is its subject with `-` for `.`.
    pub fn endpoint(mut self, subject: &str, handler: impl Handler) -> Self {
        self.root = self.root.endpoint(subject, handler);
        self
    }

    /// An endpoint with options.
    pub fn endpoint_with(
        mut self,
        subject: &str,
        handler: impl Handler,
        options: impl FnOnce(EndpointOptions) -> EndpointOptions,
    ) -> Self {
        self.root = self.root.endpoint_with(subject, handler, options);
        self
    }

    /// Endpoints that share a prefix of their subjects, and perhaps a queue group.
    pub fn group(mut self, prefix: &str, fill: impl FnOnce(Group) -> Group) -> Self {
        self.root = self.root.group(prefix, fill);
        self
    }

    /// The name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, as it was given.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn description_text(&self) -> &str {
        &self.description
    }
}

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Endpoints that share a prefix of their subjects.
///
/// A group without a prefix (`""`) adds nothing to its subjects, and can still set a queue group.
#[derive(Debug)]
pub struct Group {
    pub(super) prefix: String,
    pub(super) queue: QueueGroup,
    pub(super) members: Vec<Member>,
}

/// What a group holds, in the order in which it was added.
#[derive(Debug)]
pub(super) enum Member {
    Endpoint(EndpointOptions),
    Group(Group),
}

impl Group {
    fn new(prefix: String) -> Self {
        Self {
            prefix,
            queue: QueueGroup::Inherit,
            members: Vec::new(),
        }
    }

    /// The queue group of its endpoints that name no other.
    #[must_use]
    pub fn queue_group(mut self, group: impl Into<QueueGroup>) -> Self {
        self.queue = group.into();
        self
    }

    /// No queue group: every instance answers every request.
    #[must_use]
    pub fn no_queue_group(self) -> Self {
        self.queue_group(QueueGroup::Disabled)
    }

    /// An endpoint. Its name is its subject with `-` for `.`.
    #[must_use]
    pub fn endpoint(self, subject: &str, handler: impl Handler) -> Self {
        self.endpoint_with(subject, handler, |endpoint| endpoint)
    }

    /// An endpoint with options.
    #[must_use]
    pub fn endpoint_with(
        mut self,
        subject: &str,
        handler: impl Handler,
        options: impl FnOnce(EndpointOptions) -> EndpointOptions,
    ) -> Self {
        let endpoint = options(EndpointOptions::new(subject, Box::new(handler)));
        self.members.push(Member::Endpoint(endpoint));
        self
    }

    /// A group within this one.
    #[must_use]
    pub fn group(mut self, prefix: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        self.members
            .push(Member::Group(fill(Self::new(prefix.to_owned()))));
        self
    }
}

/// What can be said of an endpoint beside its subject and its handler.
#[must_use = "return the options from the closure"]
pub struct EndpointOptions {
    pub(super) name: Option<String>,
    pub(super) subject: String,
    pub(super) queue_group: QueueGroup,
    pub(super) description: String,
    pub(super) metadata: Metadata,
    pub(super) timeout: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) example: Option<Example>,
    pub(super) handler: Box<dyn Handler>,
}

impl EndpointOptions {
    fn new(subject: &str, handler: Box<dyn Handler>) -> Self {
        Self {
            name: None,
            subject: subject.to_owned(),
            queue_group: QueueGroup::Inherit,
            description: String::new(),
            metadata: Metadata::new(),
            timeout: None,
            concurrency: None,
            example: None,
            handler,
        }
    }

    /// The name in INFO and STATS, `[A-Za-z0-9_-]+`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The queue group of this endpoint.
    pub fn queue_group(mut self, group: impl Into<QueueGroup>) -> Self {
        self.queue_group = group.into();
        self
    }

    /// No queue group: every instance answers every request.
    pub fn no_queue_group(self) -> Self {
        self.queue_group(QueueGroup::Disabled)
    }

    /// What the endpoint does: `description` in its metadata.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds one entry to the metadata.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// How long the handler may take. What takes longer is dropped, and its caller gets code 504.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many requests the endpoint works on at once; sixteen times as many may wait, and what
    /// comes on top is answered with code 503 at once.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = Some(requests);
        self
    }

    /// A body that can be sent, shown to people when the service starts. Annotated endpoints have
    /// one made from their type.
    pub fn example(mut self, body: impl Into<String>) -> Self {
        self.example = Some(Example::Given(body.into()));
        self
    }
}

impl std::fmt::Debug for EndpointOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointOptions")
            .field("name", &self.name)
            .field("subject", &self.subject)
            .field("queue_group", &self.queue_group)
            .finish_non_exhaustive()
    }
}

/// A method of a service as a handler.
struct Method<S> {
    service: Arc<S>,
    call: fn(Arc<S>, Request) -> HandlerFuture,
}

impl<S: Service> Handler for Method<S> {
    fn call(&self, request: Request) -> HandlerFuture {
        (self.call)(Arc::clone(&self.service), request)
    }
}
