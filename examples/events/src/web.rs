//! The page, and the stream of headlines to it.
//!
//! The stream is one of server-sent events, and no WebSocket: headlines go one way, a browser comes back by
//! itself and says which one it saw last, and it is plain HTTP to whatever is in between. What a person
//! sends goes the other way as a request.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use micro::Connection;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::http;
use crate::hub::{Hub, Told};
use crate::news::Draft;

/// What a draft may have, in bytes: a title, and what is around it.
const DRAFT_MAX_BYTES: usize = 4096;

/// How often something is sent where there are no news: who is in between takes silence for death.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// How soon a browser comes back that was cut off.
const COME_BACK_AFTER: Duration = Duration::from_millis(500);

/// A page loads nothing from elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'";

const PAGE: &str = include_str!("../page/index.html");
const STYLE: &str = include_str!("../page/style.css");
const SCRIPT: &str = include_str!("../page/page.js");

#[derive(Clone, Debug)]
pub(crate) struct Web {
    pub(crate) hub: Hub,
    pub(crate) nats: Connection,
    /// Ends the streams, which would not end by themselves.
    pub(crate) stop: CancellationToken,
}

impl Web {
    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/", get(async || asset("text/html; charset=utf-8", PAGE)))
            .route("/style.css", get(async || asset("text/css", STYLE)))
            .route("/page.js", get(async || asset("text/javascript", SCRIPT)))
            .route("/events", get(events))
            .route("/headlines", post(publish))
            .route("/ready", get(ready))
            .layer(DefaultBodyLimit::max(DRAFT_MAX_BYTES))
            .with_state(self)
    }
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

async fn ready(State(web): State<Web>) -> Response {
    http::readiness(Some(&web.nats), None)
}

async fn events(State(web): State<Web>, headers: HeaderMap) -> Response {
    let known = headers.get("last-event-id");
    let known = known.and_then(|known| known.to_str().ok());
    let Some(viewer) = web.hub.join(known) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many are looking").into_response();
    };
    let hub = web.hub.clone();
    let news = stream::unfold(viewer, |mut viewer| async move {
        Some((viewer.next().await?, viewer))
    });
    let news = news
        .map(move |told| Ok::<_, Infallible>(event(&hub, &told)))
        .take_until(web.stop.cancelled_owned());
    let alive = KeepAlive::new().interval(ALIVE_EVERY);
    let caching = [(header::CACHE_CONTROL, "no-store")];
    (caching, Sse::new(news).keep_alive(alive)).into_response()
}

fn event(hub: &Hub, told: &Told) -> Event {
    match told {
        Told::News(item) => Event::default()
            .event("news")
            .id(hub.id(item.number))
            .data(serde_json::to_string(&**item).unwrap_or_default()),
        Told::Missed(missed) => Event::default().event("missed").data(missed.to_string()),
        Told::Nats(is_there) => Event::default()
            .event("nats")
            .retry(COME_BACK_AFTER)
            .data(if *is_there { "connected" } else { "away" }),
    }
}

/// As JSON, so that a page of somebody else's cannot have a browser send it unasked.
async fn publish(State(web): State<Web>, Json(draft): Json<Draft>) -> Response {
    let (subject, headline) = match draft.checked() {
        Ok(checked) => checked,
        Err(refused) => return problem(StatusCode::BAD_REQUEST, refused),
    };
    // It would wait until NATS is back.
    if !web.nats.is_connected() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "NATS is away");
    }
    match web.nats.publish(&subject, &headline).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

fn problem(status: StatusCode, problem: impl std::fmt::Display) -> Response {
    (status, Json(json!({"problem": problem.to_string()}))).into_response()
}
