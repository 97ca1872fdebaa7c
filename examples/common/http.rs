//! HTTP beside a service: bound before it serves, so that its address is known and a port that is
//! taken is an error of the start; ended like a service, with what is under way answered.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use micro::Connection;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::background::Background;

/// Why there is no HTTP.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for HTTP: {error}; name another address with `--http`")]
pub(crate) struct ListenError {
    address: SocketAddr,
    error: io::Error,
}

/// A port that is ours, on which nobody is answered yet.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Takes the port; 0 is a free one.
    pub(crate) async fn to(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |error| ListenError { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers, until `background` ends.
    pub(crate) fn serve(self, routes: Router, background: &Background) {
        let stop = background.stop();
        background.spawn(async move {
            let serving = axum::serve(self.listener, routes)
                .with_graceful_shutdown(async move { stop.cancelled().await });
            if let Err(error) = serving.await {
                tracing::error!(%error, "HTTP has ended");
            }
        });
    }
}

/// What `GET /ready` tells of a program that serves HTTP in any case, and is found or finds others over
/// NATS only when that is there: whoever balances load asks.
#[derive(Serialize)]
struct Readiness<'a> {
    status: &'static str,
    nats: &'static str,
    http: Option<&'a str>,
}

/// 200 with a connection, 503 without.
pub(crate) fn readiness(nats: Option<&Connection>, url: Option<&String>) -> Response {
    let (code, status, nats) = match nats {
        Some(nats) if nats.is_connected() => (StatusCode::OK, "ready", "connected"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "degraded", "away"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "degraded", "not found yet"),
    };
    let http = url.map(String::as_str);
    json(code, &Readiness { status, nats, http })
}

/// JSON, with a line's end for whoever reads it at a terminal.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let Ok(mut body) = serde_json::to_vec(value) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    body.push(b'\n');
    let of_json = [(header::CONTENT_TYPE, "application/json")];
    (status, of_json, Body::from(body)).into_response()
}
