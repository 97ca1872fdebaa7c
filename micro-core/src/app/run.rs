//! A program: connect, start, say so, wait, stop.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, select_all};
use tokio::sync::watch;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::args::{self, AppArgs, Command};
use super::error::AppError;
use super::nats::{Nats, Origin, Search};
use super::registry::Registry;
use super::signals::{Signal, Signals};
use super::{banner, call, program};
use crate::error::{Error, remember_places};
use crate::log::SERVICE;
use crate::service::{RunningService, Service, ServiceBuilder, StopReport};
use crate::wire::{ConnectOptions, Connection};

/// What is logged unless told otherwise.
const DEFAULT_LOG: &str = "info";

/// The client, whose own lines are for who asks for them by its name. It reports each reconnect at
/// `info`, and so do we. Each attempt to connect that fails is an error to it, and there may be many:
/// we say once why they fail.
const CLIENT: &str = "async_nats";
const CLIENT_CONNECTOR: &str = "async_nats::connector";

/// A program that runs services.
///
/// ```no_run
/// # use micro_core as micro;
/// # use micro::{App, Service, Error};
/// # async fn example(numbers: impl Service) -> Result<(), Error> {
/// App::from_args().service(numbers).run().await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a program does nothing until it is run"]
pub struct App {
    args: Source,
    connection: Option<Connection>,
    /// What holds where flags, variables and contexts say nothing.
    options: ConnectOptions,
    log: Option<String>,
    services: Vec<ServiceBuilder>,
    /// Whether one request is served.
    once: bool,
    hooks: Vec<StartHook>,
}

/// What is called when everything runs.
struct StartHook(Box<dyn FnOnce(&RunningApp) -> HookFuture + Send>);

type HookFuture = BoxFuture<'static, Result<(), Error>>;

impl fmt::Debug for StartHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StartHook")
    }
}

/// Where the arguments are.
#[derive(Debug)]
enum Source {
    /// With the process: read when the services are known, so that `--help` can name them.
    Process,
    Given(AppArgs),
}

impl App {
    /// A program with the usual arguments: see `--help`.
    pub fn from_args() -> Self {
        Self::of(Source::Process)
    }

    /// A program with arguments that were read already, beside ones of its own: see [`AppArgs`].
    pub fn with_args(args: AppArgs) -> Self {
        Self::of(Source::Given(args))
    }

    /// A program without arguments, on a connection of its own.
    pub fn with_client(connection: impl Into<Connection>) -> Self {
        let mut app = Self::of(Source::Given(AppArgs::default()));
        app.connection = Some(connection.into());
        app
    }

    fn of(args: Source) -> Self {
        Self {
            args,
            connection: None,
            options: ConnectOptions::new(),
            log: None,
            services: Vec::new(),
            once: false,
            hooks: Vec::new(),
        }
    }

    /// Where NATS is, if neither a flag nor a variable nor a context says it: URLs separated by
    /// commas, or `dev` for a server inside this process.
    pub fn nats(mut self, urls: impl Into<String>) -> Self {
        self.options = self.options.urls(urls);
        self
    }

    /// How to connect, as far as flags, variables and a context do not say it: see
    /// [`ConnectOptions`]. It replaces what was set before.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # use micro::{App, ConnectOptions};
    /// # async fn example(numbers: impl micro::Service) -> micro::Result<()> {
    /// let options = ConnectOptions::new()
    ///     .urls("tls://nats.example.com")
    ///     .creds("/run/secrets/numbers.creds");
    /// App::from_args().connect_options(options).service(numbers).run().await
    /// # }
    /// ```
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// What [`run`](Self::run) logs, if neither `--log` nor MICRO_LOG says it: a level, or a list
    /// such as `info,my_crate=debug`.
    pub fn log(mut self, level: impl Into<String>) -> Self {
        self.log = Some(level.into());
        self
    }

    /// Adds a service.
    pub fn service<S: Service>(self, service: S) -> Self {
        self.builder(ServiceBuilder::of(service))
    }

    /// Adds a service, with changes to what its attributes say: for values that are known at run
    /// time only.
    pub fn service_with<S: Service>(
        self,
        service: S,
        options: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
    ) -> Self {
        self.builder(options(ServiceBuilder::of(service)))
    }

    /// Adds a service that was put together by hand.
    pub fn builder(mut self, service: ServiceBuilder) -> Self {
        self.services.push(service);
        self
    }

    /// Makes the program a function: it serves one request, the first over all endpoints of its
    /// services, and ends with exit code 0 when the reply has left. Other requests are not lost: see
    /// [`ServiceBuilder::once`].
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # use micro::{App, Service, Error};
    /// # async fn example(resize: impl Service) -> Result<(), Error> {
    /// App::from_args().service(resize).once().run().await
    /// # }
    /// ```
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Adds the services that registered themselves.
    ///
    /// # Errors
    ///
    /// When a constructor fails.
    pub async fn registered(mut self, registry: Registry) -> Result<Self, Error> {
        self.services.extend(registry.build().await?);
        Ok(self)
    }

    /// Calls `hook` once all services run, and waits for it before the program says so: to add
    /// endpoints, or to keep handles of the services for later.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// # use micro::{App, Service, Error};
    /// # async fn example(numbers: impl Service) -> Result<(), Error> {
    /// App::from_args()
    ///     .service(numbers)
    ///     .on_start(|app| {
    ///         let services = app.services().to_vec();
    ///         async move {
    ///             for service in services {
    ///                 let version = service.version().to_owned();
    ///                 let answer = move |_| std::future::ready(version.clone());
    ///                 service.add_endpoint("version", answer).await?;
    ///             }
    ///             Ok(())
    ///         }
    ///     })
    ///     .run()
    ///     .await
    /// # }
    /// ```
    ///
    /// An error of the hook is one of the start: the services are stopped. The services are called
    /// while it waits; a signal drops it, and stops them as at any other time.
    pub fn on_start<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(&RunningApp) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let hook = |app: &RunningApp| hook(app).boxed();
        self.hooks.push(StartHook(Box::new(hook)));
        self
    }

    /// Runs until SIGINT or SIGTERM, then stops without losing a request.
    ///
    /// This is for `main`: it reads the arguments, sets up logging unless that was done, prints
    /// what runs, and listens to signals. Wrong usage ends the process with code 2, as `--help`
    /// and `--version` end it with 0. A second signal, and one before anything is served, ends it at
    /// once, with 128 and the signal's number.
    ///
    /// # Errors
    ///
    /// When there is no connection, a service does not start, the `call` subcommand has no answer,
    /// or handlers had to be abandoned, of requests or of events: with them, events that still waited.
    /// Returned from `main`, that is exit code 1.
    pub async fn run(self) -> Result<(), Error> {
        match self.running().await {
            Err(error) if error.is_usage() => {
                let code = error.exit_code();
                let _ = writeln!(std::io::stderr(), "error: {error}");
                std::process::exit(code.into());
            }
            result => Ok(result?),
        }
    }

    /// All the states of a program are large, and would be part of whatever awaits this; and of
    /// unknown type here, its code is compiled with this crate and not once more with the user's.
    #[inline(never)]
    fn running(self) -> BoxFuture<'static, Result<(), AppError>> {
        Box::pin(self.try_run())
    }

    async fn try_run(mut self) -> Result<(), AppError> {
        let args = self.take_args();
        log_to_stderr(self.log_targets(&args)?);
        remember_places();
        if let Some(Command::Call(call)) = args.command() {
            return self.call(&args, call).boxed().await;
        }
        let mut signals = Signals::listen().map_err(AppError::Signals)?;
        let mut app = tokio::select! {
            app = self.open(&args)? => app?,
            // Nothing is served yet, so there is nothing to finish.
            signal = signals.next() => std::process::exit(signal.exit_code),
        };
        let (ask, asked) = watch::channel(false);
        let services = self.take_services();
        let mut life = app.live(services, self.hooks, StopWish(asked)).boxed();
        tokio::select! {
            result = &mut life => return result,
            signal = signals.next() => {
                tracing::info!(target: SERVICE, signal = signal.name, "stopping; a second signal ends it at once");
                ask.send_replace(true);
            }
        }
        tokio::select! {
            result = life => result,
            signal = signals.next() => {
                let Signal { name, exit_code } = signal;
                tracing::warn!(target: SERVICE, signal = name, exit_code, "ending at once");
                std::process::exit(exit_code)
            }
        }
    }

    /// Connects and starts the services, and leaves the rest to you: no banner, no logging, no
    /// signals. What it leaves out is checked all the same: a level of the log that is none is an
    /// error, and so is the `call` subcommand, which is for [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// When there is no connection, or a service does not start; then none runs. With
    /// `#[micro::main]`, wrong usage ends the process with code 2: see [`AppError::exit_code`].
    pub async fn start(self) -> Result<RunningApp, AppError> {
        self.starting().await
    }

    fn starting(mut self) -> BoxFuture<'static, Result<RunningApp, AppError>> {
        Box::pin(async move {
            let args = self.take_args();
            self.check_unused(&args)?;
            let mut app = self.open(&args)?.await?;
            let services = self.take_services();
            app.start(services, self.hooks, &mut StopWish::never())
                .await?;
            Ok(app)
        })
    }

    /// Connects as [`run`](Self::run) would, for a program that only calls: by the same flags,
    /// variables, context and options.
    ///
    /// A development server of its own would have nobody to call, so this starts none: where
    /// nothing is said, or `dev`, a server has to run at 127.0.0.1:4222.
    ///
    /// ```no_run
    /// # use micro_core as micro;
    /// use micro::{App, Caller, Error};
    ///
    /// # async fn example() -> Result<(), Error> {
    /// let caller = Caller::new(App::from_args().connect().await?);
    /// let length: usize = caller.call::<_, _, Error>("text.length", "hello").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When what was said cannot be used, when no server is there, and when it refuses the
    /// connection.
    pub async fn connect(self) -> Result<Connection, AppError> {
        self.connecting().await
    }

    fn connecting(mut self) -> BoxFuture<'static, Result<Connection, AppError>> {
        Box::pin(async move {
            let args = match std::mem::replace(&mut self.args, Source::Process) {
                Source::Given(args) => args,
                Source::Process => args::read_without_service(),
            };
            self.check_unused(&args)?;
            if let Some(connection) = self.connection {
                return Ok(connection);
            }
            let name = match self.services.first() {
                Some(service) => service.name().to_owned(),
                None => program::name(),
            };
            self.search(&args, &name)?.connect_to_running().await
        })
    }

    fn log_targets(&self, args: &AppArgs) -> Result<Targets, AppError> {
        let level = args.log_level()?;
        let level = level.as_deref().or(self.log.as_deref());
        log_targets(level.unwrap_or(DEFAULT_LOG))
    }

    /// Refuses what a program that does not [`run`](Self::run) would ignore.
    fn check_unused(&self, args: &AppArgs) -> Result<(), AppError> {
        self.log_targets(args)?;
        match args.command() {
            None => Ok(()),
            Some(Command::Call(_)) => Err(AppError::Usage(
                "this program has no `call` here: leave it out".to_owned(),
            )),
        }
    }

    fn take_args(&mut self) -> AppArgs {
        let given = match std::mem::replace(&mut self.args, Source::Process) {
            Source::Given(args) => return args,
            Source::Process => self.services.first(),
        };
        match given {
            Some(first) => args::read(first.name(), first.version(), first.description_text()),
            None => args::read("service", "unknown", ""),
        }
    }

    fn take_services(&mut self) -> Vec<ServiceBuilder> {
        let services = std::mem::take(&mut self.services);
        if !self.once {
            return services;
        }
        let ticket = Arc::default();
        let all = services.into_iter();
        all.map(|service| service.once_of_all(Arc::clone(&ticket)))
            .collect()
    }

    /// Where to look for NATS, and what to say there. The server lists it as `name`, unless the
    /// program has another.
    fn search(&self, args: &AppArgs, name: &str) -> Result<Search, AppError> {
        let mut settings = args.settings(&self.options)?;
        settings.options.name.get_or_insert_with(|| name.to_owned());
        Ok(Search::new(settings))
    }

    /// Connects, with nothing served yet. It borrows nothing, for hooks are not shared between
    /// threads.
    fn open(
        &self,
        args: &AppArgs,
    ) -> Result<BoxFuture<'static, Result<RunningApp, AppError>>, AppError> {
        let Some(first) = self.services.first() else {
            return Err(AppError::NoService);
        };
        let search = match &self.connection {
            Some(connection) => Err(Nats::given(connection.clone())),
            None => Ok(self.search(args, first.name())?),
        };
        Ok(Box::pin(async move {
            let nats = match search {
                Ok(search) => search.connect().await?,
                Err(given) => given,
            };
            Ok(RunningApp {
                services: Vec::new(),
                connection: nats.connection,
                origin: nats.origin,
                _dev_server: nats.dev_server,
            })
        }))
    }

    async fn call(self, args: &AppArgs, call: &args::CallArgs) -> Result<(), AppError> {
        let Some(first) = self.services.first() else {
            return Err(AppError::NoService);
        };
        let connection = if let Some(connection) = &self.connection {
            connection.clone()
        } else {
            let search = self.search(args, first.name())?.without_waiting();
            search.connect_to_running().await?
        };
        let mut endpoints = Vec::new();
        for service in self.services {
            endpoints.extend(service.endpoint_infos()?);
        }
        call::call(&connection, &endpoints, call).await
    }
}

/// Runs every service that registered itself, as a program with the usual arguments.
///
/// # Errors
///
/// When there are none, or two of one name; and as [`App::run`].
pub async fn run_all() -> Result<(), Error> {
    let registry = Registry::collect()?;
    App::from_args().registered(registry).await?.run().await
}

/// Whether somebody wants the program to stop.
struct StopWish(watch::Receiver<bool>);

impl StopWish {
    /// For a program that is not stopped from here.
    fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Waits for the wish.
    async fn said(&mut self) {
        if self.0.wait_for(|said| *said).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Services that run, and their connection.
#[derive(Debug)]
pub struct RunningApp {
    services: Vec<RunningService>,
    connection: Connection,
    origin: Origin,
    /// Ends with the program.
    _dev_server: Option<micro_devserver::DevServer>,
}

impl RunningApp {
    /// The services, in the order in which they were added.
    pub fn services(&self) -> &[RunningService] {
        &self.services
    }

    /// The connection they share.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Stops all of them, each without losing a request.
    pub async fn stop(&self) -> Vec<StopReport> {
        self.stop_all().await
    }

    fn stop_all(&self) -> BoxFuture<'_, Vec<StopReport>> {
        Box::pin(async move {
            for service in &self.services {
                service.begin_stop(None);
            }
            let mut reports = Vec::with_capacity(self.services.len());
            for service in &self.services {
                reports.push(service.stopped().await);
            }
            reports
        })
    }

    /// Starts, says so, waits for a wish to stop, and stops.
    async fn live(
        &mut self,
        services: Vec<ServiceBuilder>,
        hooks: Vec<StartHook>,
        mut wish: StopWish,
    ) -> Result<(), AppError> {
        let mut failed = None;
        if self.start(services, hooks, &mut wish).await? {
            self.print_banner();
            failed = tokio::select! {
                failed = self.ended() => failed,
                () = wish.said() => None,
            };
        }
        let reports = self.stop().await;
        if let Some(error) = failed {
            return Err(error);
        }
        let (mut requests, mut events) = (0, 0);
        for abandoned in reports.iter().flat_map(|report| &report.abandoned) {
            requests += abandoned.requests;
            events += abandoned.events;
        }
        if requests + events > 0 {
            return Err(AppError::Abandoned { requests, events });
        }
        Ok(())
    }

    /// Starts the services and calls the hooks: all of it, or nothing is left running. Whether it
    /// came to its end: a wish to stop cuts it short, and leaves the stop to the caller.
    async fn start(
        &mut self,
        services: Vec<ServiceBuilder>,
        hooks: Vec<StartHook>,
        wish: &mut StopWish,
    ) -> Result<bool, AppError> {
        for service in services {
            let mut starting = service.start(&self.connection).boxed();
            let (started, wished) = tokio::select! {
                started = &mut starting => (started, false),
                // Some of its endpoints may be served already: it stops as the others do, once it
                // is there.
                () = wish.said() => (starting.await, true),
            };
            match started {
                Ok(service) => self.services.push(service),
                Err(_) if wished => {}
                Err(error) => {
                    self.stop().await;
                    return Err(error.into());
                }
            }
            if wished {
                return Ok(false);
            }
        }
        for hook in hooks {
            let done = tokio::select! {
                done = (hook.0)(self) => done,
                () = wish.said() => return Ok(false),
            };
            if let Err(error) = done {
                self.stop().await;
                let reason = error.to_string();
                return Err(AppError::Hook { reason });
            }
        }
        Ok(true)
    }

    /// Waits until a service stops, and says what is wrong with that. One is enough: a program that
    /// serves only some of what it should had better be started again. With a function that has had its
    /// request, nothing is.
    async fn ended(&self) -> Option<AppError> {
        let stops = self.services.iter().map(|service| {
            async move { (service.name().to_owned(), service.stopped().await) }.boxed()
        });
        let ((service, report), first, _) = select_all(stops).await;
        let ended = self.services.get(first);
        if report.cause.is_none() && ended.is_some_and(RunningService::has_had_its_request) {
            return None;
        }
        Some(AppError::Stopped {
            service,
            reason: report
                .cause
                .unwrap_or_else(|| "something in the program stopped it".to_owned()),
        })
    }

    fn print_banner(&self) {
        let text = banner::render(&self.services, &self.origin, &program::command_line());
        // Nobody may read it; the services run all the same.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Logs to the standard error, unless the program has set up logging of its own.
fn log_to_stderr(targets: Targets) {
    let format = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // An error means that there is a subscriber already.
    let _ = tracing_subscriber::registry()
        .with(format)
        .with(targets)
        .with(filter_fn(shows_no_secret))
        .try_init();
}

/// The client's finest level has what it sends to connect. It masks passwords and tokens by itself;
/// we do not rely on it.
fn shows_no_secret(metadata: &tracing::Metadata<'_>) -> bool {
    !(metadata.target().starts_with("async_nats") && *metadata.level() == tracing::Level::TRACE)
}

fn log_targets(text: &str) -> Result<Targets, AppError> {
    let refused = |part: &str| {
        AppError::Usage(format!(
            "`{part}` is not a log level; write one of off, error, warn, info, debug, trace, or a list such as `info,my_crate=debug`"
        ))
    };
    // `Targets` would take a misspelt level for the name of a target.
    for part in text.split(',') {
        let level = part.trim();
        if level.is_empty() || !level.contains('=') && level.parse::<LevelFilter>().is_err() {
            return Err(refused(part));
        }
    }
    let targets: Targets = text.parse().map_err(|_| refused(text))?;
    if targets.iter().any(|(target, _)| target.starts_with(CLIENT)) {
        return Ok(targets);
    }
    let rest = targets.default_level().unwrap_or(LevelFilter::OFF);
    Ok(targets
        .with_target(CLIENT, rest.min(LevelFilter::WARN))
        .with_target(CLIENT_CONNECTOR, LevelFilter::OFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_log_level_is_refused() {
        assert!(log_targets("info,async_nats=warn").is_ok());
        for wrong in ["loud", "info,my_crate", "my_crate=loud", ""] {
            let error = log_targets(wrong).unwrap_err();
            assert!(error.is_usage());
            assert!(
                error.to_string().contains("not a log level"),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn the_client_speaks_when_it_is_named() {
        use tracing::Level;
        let shows = |text: &str, target: &str, level| {
            let targets = log_targets(text).unwrap();
            targets.would_enable(target, &level)
        };
        for text in [
            DEFAULT_LOG,
            "debug",
            "info,micro::request=debug",
            "my_crate=off,trace",
        ] {
            assert!(shows(text, "async_nats", Level::WARN), "{text}");
            assert!(!shows(text, "async_nats", Level::INFO), "{text}");
            assert!(!shows(text, CLIENT_CONNECTOR, Level::ERROR), "{text}");
            assert!(shows(text, "micro::request", Level::INFO), "{text}");
        }
        assert!(shows(
            "info,micro::request=debug",
            "micro::request",
            Level::DEBUG
        ));
        for text in ["error", "off", "micro=info"] {
            assert!(!shows(text, "async_nats", Level::WARN), "{text}");
        }
        assert!(shows(
            "info,async_nats=debug",
            CLIENT_CONNECTOR,
            Level::DEBUG
        ));
    }
}
