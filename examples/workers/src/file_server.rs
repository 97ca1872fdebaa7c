//! The file server: `GET` and `POST /{name}` over HTTP, since large files do not belong on the bus,
//! and over NATS the address at which it is found.

use std::fmt::Display;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http_body_util::BodyExt as _;
use micro::prelude::*;
use micro::{Connection, Error};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use crate::contract::Address;
use crate::folder::{Folder, Name};
use crate::http;

/// How long to wait for the next piece of a body that is sent to us. Whoever sends nothing for so long
/// is gone, or holds a place on purpose.
const NEXT_PIECE: Duration = Duration::from_secs(30);

/// What HTTP and NATS both know of.
#[derive(Clone, Debug)]
pub(crate) struct FileServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: Folder,
    /// The largest file, in bytes.
    max_bytes: u64,
    address: OnceLock<String>,
    /// There once there is one.
    nats: OnceLock<Connection>,
}

/// Tells where the files are.
#[service(name = "file-server", group = "Discovery", client(vis = pub(crate)))]
impl FileServer {
    /// The HTTP address of the file server.
    #[endpoint(name = "FileServer")]
    async fn file_server(&self) -> Result<Address, Error> {
        let address = self.0.address.get().cloned();
        let address = address.ok_or_else(|| Error::new(503, "HTTP is not served yet"))?;
        Ok(Address { address })
    }
}

impl FileServer {
    pub(crate) fn new(folder: Folder, max_bytes: u64) -> Self {
        Self(Arc::new(Inner {
            folder,
            max_bytes,
            address: OnceLock::new(),
            nats: OnceLock::new(),
        }))
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.0.folder.path()
    }

    /// From now on it is served at this URL.
    pub(crate) fn is_at(&self, url: String) {
        let _ = self.0.address.set(url);
    }

    /// From now on it is found over NATS.
    pub(crate) fn is_discoverable(&self, nats: &Connection) {
        let _ = self.0.nats.set(nats.clone());
    }

    pub(crate) fn routes(&self) -> Router {
        Router::new()
            .route("/ready", get(ready))
            .route("/{name}", get(download).post(upload))
            .with_state(self.clone())
    }
}

async fn ready(State(server): State<FileServer>) -> Response {
    http::readiness(server.0.nats.get(), server.0.address.get())
}

async fn download(State(server): State<FileServer>, Path(name): Path<String>) -> Response {
    let name: Name = match name.parse() {
        Ok(name) => name,
        Err(error) => return text(StatusCode::BAD_REQUEST, error),
    };
    match server.0.folder.read(&name).await {
        Ok((file, length)) => {
            let headers = [
                (header::CONTENT_LENGTH, length.to_string()),
                // Whatever is in it, a browser must not run it.
                (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            ];
            (headers, Body::from_stream(ReaderStream::new(file))).into_response()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            text(StatusCode::NOT_FOUND, format_args!("there is no `{name}`"))
        }
        Err(error) => failed(&name, "read", &error),
    }
}

/// Writes the body as it comes, and never has all of it in memory.
async fn upload(
    State(server): State<FileServer>,
    Path(name): Path<String>,
    headers: HeaderMap,
    mut body: Body,
) -> Response {
    let name: Name = match name.parse() {
        Ok(name) => name,
        Err(error) => return text(StatusCode::BAD_REQUEST, error),
    };
    let max = server.0.max_bytes;
    let too_large = || {
        let why = format_args!("a file has at most {max} bytes");
        text(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max) {
        return too_large();
    }
    let mut draft = match server.0.folder.write(&name).await {
        Ok(draft) => draft,
        Err(error) => return failed(&name, "write", &error),
    };
    let mut length = 0_u64;
    loop {
        let piece = match tokio::time::timeout(NEXT_PIECE, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            Ok(Some(Err(error))) => {
                let why = format_args!("the body has no end: {error}");
                return text(StatusCode::BAD_REQUEST, why);
            }
            Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body does not come"),
        };
        length = length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if length > max {
            return too_large();
        }
        if let Err(error) = draft.file.write_all(&piece).await {
            return failed(&name, "write", &error);
        }
    }
    match draft.finish().await {
        Ok(()) => text(StatusCode::CREATED, format_args!("{name}: {length} bytes")),
        Err(error) => failed(&name, "write", &error),
    }
}

/// A line of text, for whoever reads it at a terminal.
fn text(status: StatusCode, text: impl Display) -> Response {
    let text_plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, text_plain, format!("{text}\n")).into_response()
}

/// What went wrong on the disk is for the log, and no business of the caller.
fn failed(name: &Name, what: &str, error: &io::Error) -> Response {
    tracing::warn!(%name, %error, "cannot {what} a file");
    let why = format_args!("cannot {what} `{name}`");
    text(StatusCode::INTERNAL_SERVER_ERROR, why)
}
