//! Services from an annotated `impl` block, called by raw clients and by their generated client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use micro::prelude::*;
use micro::{App, Error, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::broker::Broker;
use crate::raw;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pair {
    a: f64,
    b: f64,
}

#[derive(Debug, PartialEq)]
enum MathError {
    DivideByZero { dividend: f64 },
    Range(u8, String),
    Single(u8),
    Unit,
    Secret(String),
    Inner(InnerError),
}

// By hand here, to see the trait as a person would write it; `Derived` below is derived.
impl ServiceError for MathError {
    fn to_fault(&self) -> micro::Fault {
        match self {
            Self::DivideByZero { dividend } => {
                micro::Fault::new(400, format_args!("cannot divide {dividend} by zero"))
                    .kind("DivideByZero")
                    .field("dividend", dividend)
            }
            _ => micro::Fault::new(500, "other"),
        }
    }

    fn from_fault(fault: &micro::Fault) -> Option<Self> {
        match fault.kind_str()? {
            "DivideByZero" => Some(Self::DivideByZero {
                dividend: fault.get_field("dividend")?,
            }),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error, ServiceError)]
#[service_error(code = 422)]
enum Derived {
    #[error("cannot divide {dividend} by zero")]
    #[service_error(code = 400)]
    DivideByZero { dividend: f64 },
    #[error("{0} is out of range for {1}")]
    #[service_error(kind = "OutOfRange")]
    Range(u8, String),
    #[error("only {0}")]
    Single(u8),
    #[error("nothing")]
    Unit,
    #[error("password {0}")]
    #[service_error(code = 503, internal)]
    Secret(String),
    #[error(transparent)]
    #[service_error(transparent)]
    Inner(InnerError),
}

#[derive(Debug, Clone, PartialEq, thiserror::Error, ServiceError)]
enum InnerError {
    #[error("deep {depth}")]
    #[service_error(code = 409)]
    Deep { depth: u8 },
}

impl From<MathError> for Derived {
    fn from(error: MathError) -> Self {
        match error {
            MathError::DivideByZero { dividend } => Self::DivideByZero { dividend },
            MathError::Range(a, b) => Self::Range(a, b),
            MathError::Single(a) => Self::Single(a),
            MathError::Unit => Self::Unit,
            MathError::Secret(text) => Self::Secret(text),
            MathError::Inner(inner) => Self::Inner(inner),
        }
    }
}

#[derive(Debug)]
struct Caller(String);

impl FromRequest for Caller {
    async fn from_request(request: &Request) -> Result<Self, Error> {
        match request.context().header("X-Caller") {
            Some(name) => Ok(Self(name.to_owned())),
            None => Err(Error::new(401, "say who you are")),
        }
    }
}

#[derive(Debug, Default)]
struct Everything {
    told: AtomicU64,
}

/// Everything that the grammar has.
#[service(
    name = "everything",
    version = "1.2.3-rc.1+x",
    group = "all",
    queue_group = "crew",
    metadata(team = "core", "k-k" = "v"),
    timeout = "10s",
    concurrency = 32,
    client(name = EverythingCalls, vis = pub(crate)),
)]
impl Everything {
    /// Adds.
    #[endpoint]
    async fn add(&self, pair: Pair) -> f64 {
        pair.a + pair.b
    }

    #[endpoint(
        group = "math",
        name = "div",
        queue_group = "heavy",
        metadata(cost = "high")
    )]
    async fn divide(&self, pair: Pair) -> Result<f64, MathError> {
        if pair.b == 0.0 {
            return Err(MathError::DivideByZero { dividend: pair.a });
        }
        Ok(pair.a / pair.b)
    }

    #[endpoint(subject = "fail.{how}", concurrency = 1)]
    async fn fail(&self, how: String) -> Result<(), Derived> {
        Err(match how.as_str() {
            "zero" => MathError::DivideByZero { dividend: 1.5 },
            "range" => MathError::Range(7, "x".into()),
            "single" => MathError::Single(3),
            "unit" => MathError::Unit,
            "inner" => MathError::Inner(InnerError::Deep { depth: 2 }),
            _ => MathError::Secret("hunter2".into()),
        }
        .into())
    }

    #[endpoint(subject = "history.{user}.page.{page}", queue_group = false)]
    async fn history(
        &self,
        page: u32,
        user: String,
        #[header("X-Tenant")] tenant: Option<String>,
        #[header("X-Limit")] limit: u8,
        filter: Option<Pair>,
    ) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("page".to_owned(), page.to_string()),
            ("user".to_owned(), user),
            ("tenant".to_owned(), tenant.unwrap_or_default()),
            ("limit".to_owned(), limit.to_string()),
            ("filter".to_owned(), format!("{filter:?}")),
        ])
    }

    #[endpoint]
    async fn reverse(&self, ctx: &Context, #[payload(raw)] data: Bytes) -> Result<Bytes, Error> {
        ctx.set_header("X-Length", &data.len().to_string())?;
        Ok(data.iter().rev().copied().collect())
    }

    #[endpoint]
    async fn whoami(self: Arc<Self>, #[extract] caller: Caller) -> String {
        self.told.fetch_add(1, Ordering::Relaxed);
        caller.0
    }

    #[endpoint]
    async fn tell(&self, #[payload(json)] words: Vec<String>) {
        self.told.fetch_add(words.len() as u64, Ordering::Relaxed);
    }

    #[endpoint(timeout = "20ms")]
    async fn never() {
        std::future::pending::<()>().await;
    }
}

/// The defaults: the type's name, the package's version, no client.
#[derive(Debug)]
struct Bare;

#[service(client = false)]
impl Bare {
    #[endpoint]
    async fn now(&self) -> String {
        "now".to_owned()
    }

    #[endpoint]
    async fn only_read(&self, only: ReadOnly) -> WriteOnly {
        WriteOnly { value: only.value }
    }
}

#[derive(Debug, Deserialize)]
struct ReadOnly {
    value: u8,
}

#[derive(Debug, Serialize)]
struct WriteOnly {
    value: u8,
}

async fn start(broker: &Broker) -> (micro::RunningService, EverythingCalls) {
    let service = ServiceBuilder::of(Everything::default())
        .start(&broker.client().await)
        .await
        .unwrap();
    (service, EverythingCalls::new(broker.client().await))
}

#[tokio::test]
async fn the_attributes_are_what_info_says() {
    let broker = Broker::start().await;
    let (service, _) = start(&broker).await;
    let client = broker.client().await;
    let mut info = raw::json(&raw::request(&client, "$SRV.INFO.everything", "").await);
    let endpoints = info["endpoints"].take();
    assert_eq!(
        info,
        json!({
            "name": "everything",
            "id": service.id(),
            "version": "1.2.3-rc.1+x",
            "metadata": { "team": "core", "k-k": "v" },
            "type": "io.nats.micro.v1.info_response",
            "description": "Everything that the grammar has.",
            "endpoints": null,
        })
    );
    let listed: Vec<_> = endpoints
        .as_array()
        .unwrap()
        .iter()
        .map(|e| [&e["name"], &e["subject"], &e["queue_group"]].map(|v| v.as_str().unwrap()))
        .collect();
    assert_eq!(
        listed,
        [
            ["add", "all.add", "crew"],
            ["div", "all.math.div", "heavy"],
            ["fail", "all.fail.*", "crew"],
            ["history", "all.history.*.page.*", ""],
            ["reverse", "all.reverse", "crew"],
            ["whoami", "all.whoami", "crew"],
            ["tell", "all.tell", "crew"],
            ["never", "all.never", "crew"],
        ]
    );
    assert_eq!(endpoints[0]["metadata"], json!({ "description": "Adds." }));
    assert_eq!(endpoints[1]["metadata"], json!({ "cost": "high" }));
}

#[tokio::test]
async fn without_arguments_the_type_and_the_package_decide() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::of(Bare)
        .start(&broker.client().await)
        .await
        .unwrap();
    assert_eq!(service.name(), "Bare");
    assert_eq!(service.version(), env!("CARGO_PKG_VERSION"));
    let client = broker.client().await;
    assert_eq!(
        raw::text(&raw::request(&client, "now", "").await),
        "\"now\""
    );
    let reply = raw::request(&client, "only_read", r#"{"value":3}"#).await;
    assert_eq!(raw::text(&reply), r#"{"value":3}"#);
}

#[tokio::test]
async fn raw_clients_call_typed_endpoints() {
    let broker = Broker::start().await;
    let _service = start(&broker).await;
    let client = broker.client().await;
    let sum = raw::request(&client, "all.add", r#"{"a":1,"b":2}"#).await;
    assert_eq!(raw::text(&sum), "3.0");

    let zero = raw::request(&client, "all.math.div", r#"{"a":1,"b":0}"#).await;
    assert_eq!(
        raw::error_of(&zero),
        Some((400, "cannot divide 1 by zero".into()))
    );
    assert_eq!(
        raw::text(&zero),
        r#"{"kind":"DivideByZero","data":{"dividend":1.0}}"#
    );

    let reversed = client.request("all.reverse", "abc".into()).await.unwrap();
    assert_eq!(&reversed.payload[..], b"cba");
    assert_eq!(
        reversed.headers.unwrap().get("X-Length").unwrap().as_str(),
        "3"
    );

    for (subject, code, says) in [
        (
            "all.history.ada.page.x",
            400,
            "cannot read `page` from the subject: invalid digit",
        ),
        ("all.history.ada.page.1", 400, "header `X-Limit` is missing"),
        ("all.whoami", 401, "say who you are"),
        (
            "all.never",
            504,
            "endpoint `never` did not answer within 20ms",
        ),
        ("all.fail.other", 503, "internal error"),
    ] {
        let (found, text) = raw::error_of(&raw::request(&client, subject, "").await).unwrap();
        assert_eq!(found, code, "{subject}: {text}");
        assert!(text.contains(says), "{subject}: {text}");
    }
}

#[tokio::test]
async fn the_client_gets_values() {
    let broker = Broker::start().await;
    let (service, calls) = start(&broker).await;
    assert_eq!(calls.add(&Pair { a: 1.0, b: 2.0 }).await, Ok(3.0));
    assert_eq!(calls.divide(&Pair { a: 1.0, b: 4.0 }).await, Ok(0.25));

    let history = calls
        .history(&2, &"ada".into(), &Some("acme".into()), &9, &None)
        .await
        .unwrap();
    let expected = [
        ("filter", "None"),
        ("limit", "9"),
        ("page", "2"),
        ("tenant", "acme"),
        ("user", "ada"),
    ];
    let found: Vec<_> = history
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(found, expected);
    let history = calls
        .history(&2, &"ada".into(), &None, &9, &None)
        .await
        .unwrap();
    assert_eq!(history["tenant"], "");

    let answer = calls
        .reverse(&Bytes::from_static(b"abc"))
        .timeout(Duration::from_secs(20))
        .answer()
        .await
        .unwrap();
    assert_eq!(answer.value, "cba");
    assert_eq!(answer.headers.get("X-Length"), Some("3"));
    assert_eq!(answer.instance.as_deref(), Some(service.id()));

    assert_eq!(
        calls.whoami().header("X-Caller", "ada").await.unwrap(),
        "ada"
    );
    calls.tell(&vec!["a".into(), "b".into()]).await.unwrap();
}

#[tokio::test]
async fn the_client_gets_errors_as_the_variants_they_were() {
    let broker = Broker::start().await;
    let (service, calls) = start(&broker).await;
    let zero = calls.divide(&Pair { a: 1.0, b: 0.0 }).await;
    assert_eq!(
        zero,
        Err(CallError::Service(MathError::DivideByZero {
            dividend: 1.0
        }))
    );
    for (how, expected, code) in [
        ("zero", Derived::DivideByZero { dividend: 1.5 }, 400),
        ("range", Derived::Range(7, "x".into()), 422),
        ("single", Derived::Single(3), 422),
        ("unit", Derived::Unit, 422),
        ("inner", Derived::Inner(InnerError::Deep { depth: 2 }), 409),
    ] {
        let error = calls.fail(&how.to_owned()).await.unwrap_err();
        assert_eq!(error, CallError::Service(expected));
        assert_eq!(error.code(), Some(code));
    }
    let CallError::Remote(hidden) = calls.fail(&"secret".into()).await.unwrap_err() else {
        panic!("an internal error must not come back as itself");
    };
    assert_eq!(
        (hidden.code, hidden.message.as_str()),
        (503, "internal error")
    );
    assert!(hidden.body.is_empty());

    let unfit = calls.fail(&"two.tokens".into()).await.unwrap_err();
    assert!(matches!(&unfit, CallError::Request { .. }), "{unfit}");
    let unfit = calls
        .whoami()
        .header("X-Caller", "a\r\nb")
        .await
        .unwrap_err();
    assert!(matches!(&unfit, CallError::Request { .. }), "{unfit}");

    let late = calls.never().await.unwrap_err();
    assert_eq!(late.code(), Some(504));

    service.stop().await;
    let nobody = calls.add(&Pair { a: 1.0, b: 2.0 }).await.unwrap_err();
    assert_eq!(
        nobody,
        CallError::NoResponders {
            subject: "all.add".into()
        }
    );
}

#[tokio::test]
async fn a_call_that_is_given_up_times_out_and_harms_nothing() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("silent", "1.0.0")
        .endpoint("silent", async |_: Request| micro::Reply::silence())
        .start(&broker.client().await)
        .await
        .unwrap();
    let caller = micro::Caller::new(broker.client().await).timeout(Duration::from_millis(20));
    let late = caller.call::<_, (), Error>("silent", ()).await.unwrap_err();
    assert!(matches!(&late, CallError::Timeout { .. }), "{late}");
    assert_eq!(service.stats().endpoints[0].num_requests, 1);
}

#[tokio::test]
async fn methods_stay_callable_and_options_change_at_run_time() {
    let everything = Everything::default();
    assert!((everything.add(Pair { a: 1.0, b: 1.0 }).await - 2.0).abs() < f64::EPSILON);

    let broker = Broker::start().await;
    let app = App::with_client(broker.client().await)
        .service_with(Everything::default(), |service| {
            service
                .prefix("staging")
                .metadata("stage", "staging")
                .no_queue_group()
        })
        .service(Bare)
        .start()
        .await
        .unwrap();
    let info = app.services()[0].info();
    assert_eq!(info.endpoints[0].subject, "staging.all.add");
    assert_eq!(info.endpoints[0].queue_group, "");
    assert_eq!(info.metadata["stage"], "staging");
    let client = broker.client().await;
    let fail = raw::request(&client, "staging.all.fail.unit", "").await;
    assert_eq!(raw::error_of(&fail), Some((422, "nothing".into())));
    assert_eq!(raw::gather(&client, "$SRV.PING", 2).await.len(), 2);
    app.stop().await;
}

#[derive(Debug)]
struct Registered(&'static str);

#[service(name = "registered-b", register = Registered::connect)]
impl Registered {
    async fn connect() -> Result<Self, Error> {
        tokio::task::yield_now().await;
        Ok(Self("connected"))
    }

    #[endpoint(subject = "registered.b")]
    async fn state(&self) -> String {
        self.0.to_owned()
    }
}

#[derive(Debug, Default)]
struct ByDefault;

#[service(name = "registered-a", register)]
impl ByDefault {
    #[endpoint(subject = "registered.a")]
    async fn state(&self) -> String {
        "default".to_owned()
    }
}

#[tokio::test]
async fn registered_services_are_collected_and_built() {
    let broker = Broker::start().await;
    let registry = micro::Registry::collect().unwrap();
    assert_eq!(
        registry.names().collect::<Vec<_>>(),
        ["registered-a", "registered-b"]
    );
    let registry = registry.expect(["registered-a", "registered-b"]).unwrap();
    let app = App::with_client(broker.client().await)
        .registered(registry)
        .await
        .unwrap()
        .start()
        .await
        .unwrap();
    assert_eq!(app.services().len(), 2);
    let client = broker.client().await;
    for (subject, body) in [
        ("registered.a", "\"default\""),
        ("registered.b", "\"connected\""),
    ] {
        assert_eq!(raw::text(&raw::request(&client, subject, "").await), body);
    }
}
