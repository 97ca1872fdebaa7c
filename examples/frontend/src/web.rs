//! The front end: `GET /{id}`, from two services that are asked at once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use micro::prelude::*;
use micro::{Connection, Error, Missing, Part, Parts};
use serde::{Deserialize, Serialize};

use crate::http;
use crate::page::{self, Form, Page};
use crate::time::{Time, TimeTellerClient};
use crate::trouble::Trouble;
use crate::users::{User, UserError, UsersClient, Wanted};

/// Why there is no part where there is no NATS.
const NO_NATS: &str = "unavailable";

/// The front end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Web(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How long a page waits for its parts.
    within: Duration,
    address: OnceLock<String>,
    /// There once there is NATS.
    providers: OnceLock<Providers>,
    no_name: Trouble,
    no_time: Trouble,
}

#[derive(Debug)]
struct Providers {
    nats: Connection,
    users: UsersClient,
    time: TimeTellerClient,
}

/// Where the front end is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    /// Such as `http://127.0.0.1:3000`.
    pub(crate) address: String,
}

/// Shows users over HTTP.
#[service(name = "frontend", group = "Discovery", client = false)]
impl Web {
    /// The HTTP address of the front end.
    #[endpoint(name = "Frontend")]
    async fn frontend(&self) -> Result<Address, Error> {
        let address = self.0.address.get().cloned();
        let address = address.ok_or_else(|| Error::new(503, "HTTP is not served yet"))?;
        Ok(Address { address })
    }
}

impl Web {
    pub(crate) fn new(within: Duration) -> Self {
        Self(Arc::new(Inner {
            within,
            address: OnceLock::new(),
            providers: OnceLock::new(),
            no_name: Trouble::new("pages go without names"),
            no_time: Trouble::new("pages go without the time"),
        }))
    }

    /// From now on it is served at this URL.
    pub(crate) fn is_at(&self, url: String) {
        let _ = self.0.address.set(url);
    }

    /// From now on the providers can be asked.
    pub(crate) fn has_nats(&self, nats: &Connection) {
        let _ = self.0.providers.set(Providers {
            nats: nats.clone(),
            users: UsersClient::new(nats),
            time: TimeTellerClient::new(nats),
        });
    }

    pub(crate) fn routes(&self) -> Router {
        Router::new()
            .route("/", get(nobody))
            .route("/ready", get(ready))
            .route("/{id}", get(user))
            .with_state(self.clone())
    }

    /// The page of a user; nothing if it is known that there is none.
    async fn page(&self, id: u64) -> Option<Page> {
        let providers = self.0.providers.get();
        let Some(providers) = providers.filter(|providers| providers.nats.is_connected()) else {
            // Known without a question, which would wait in the client and be asked for nobody.
            let (name, time) = (Err(NO_NATS), Err(NO_NATS));
            return Some(Page { id, name, time });
        };
        let wanted = Wanted { id };
        let (user, time) = Parts::within(self.0.within)
            .join((
                providers.users.user_name_by_id(&wanted),
                providers.time.time_teller(),
            ))
            .await;
        if let Part::Missing(Missing::Failed(CallError::Service(UserError::NotFound { .. }))) = user
        {
            return None;
        }
        Some(Page {
            id,
            name: text(user, |user: User| user.name, &self.0.no_name),
            time: text(time, |time: Time| time.time, &self.0.no_time),
        })
    }
}

/// A part as the page has it. Why it is missing is for the log; the page has one word.
fn text<T, E: ServiceError + std::fmt::Display>(
    part: Part<T, E>,
    text: impl FnOnce(T) -> String,
    trouble: &Trouble,
) -> page::Part {
    match part {
        Part::Fresh(value) => {
            trouble.is_over();
            Ok(text(value))
        }
        Part::Missing(why) => {
            let word = why.reason();
            trouble.is(why);
            Err(word)
        }
    }
}

async fn nobody(headers: HeaderMap) -> Response {
    let text = "say whose page you want to see, such as /1";
    page::refusal(StatusCode::BAD_REQUEST, Form::wanted(&headers), text)
}

async fn user(State(web): State<Web>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let form = Form::wanted(&headers);
    let Ok(id) = id.parse() else {
        let text = "a user's id is a number, such as 1";
        return page::refusal(StatusCode::BAD_REQUEST, form, text);
    };
    match web.page(id).await {
        Some(page) => page.response(form),
        None => page::refusal(
            StatusCode::NOT_FOUND,
            form,
            &format!("there is no user {id}"),
        ),
    }
}

async fn ready(State(web): State<Web>) -> Response {
    let nats = web.0.providers.get().map(|providers| &providers.nats);
    http::readiness(nats, web.0.address.get())
}
