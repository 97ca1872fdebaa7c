//! The way to the files: where they are is asked over NATS, and they go over HTTP.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use micro::{CallError, Connection, Error, Shown};
use uuid::Uuid;

use crate::file_server::FileServerClient;
use crate::words::{CountError, Counter, Counts};

/// How long to wait for the address.
const ADDRESS_WITHIN: Duration = Duration::from_secs(1);

/// How long a file may be under way. A file server that hangs is worth no more than one that is gone.
const FILE_WITHIN: Duration = Duration::from_secs(30);

/// Why a file did not come, or did not go.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("no file server is found: {0}")]
    NotFound(CallError<Error>),
    #[error("the file server says that it is at `{}`, which is no address", Shown(.0))]
    Address(String),
    #[error("{method} {uri}: {error}")]
    Http {
        method: Method,
        uri: Uri,
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{method} {uri}: {status}")]
    Status {
        method: Method,
        uri: Uri,
        status: StatusCode,
    },
    #[error("{method} {uri}: not done within {FILE_WITHIN:?}")]
    Late { method: Method, uri: Uri },
    /// It came, and nothing can be made of it.
    #[error("the file cannot be counted: {0}")]
    Count(#[from] CountError),
}

impl FileError {
    /// Whether another try may have another end.
    pub(crate) fn is_passing(&self) -> bool {
        !matches!(self, Self::Count(_))
    }
}

/// A client of whichever file server there is. It is asked for each file, so that one that has moved is
/// found where it is now. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    discovery: FileServerClient,
    http: Client<HttpConnector, Body>,
}

impl Files {
    pub(crate) fn over(nats: &Connection) -> Self {
        Self {
            discovery: FileServerClient::new(nats),
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Counts the words of a file while it comes.
    pub(crate) async fn count(&self, name: Uuid) -> Result<Counts, FileError> {
        let uri = self.uri(name).await?;
        let (method, at) = (Method::GET, uri.clone());
        let counting = async {
            let mut body = self
                .send(Method::GET, &at, Body::empty())
                .await?
                .into_body();
            let mut counter = Counter::default();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| FileError::Http {
                    method: Method::GET,
                    uri: at.clone(),
                    error: error.into(),
                })?;
                counter.read(frame.data_ref().map_or(&[], |data| data))?;
            }
            Ok(counter.end()?)
        };
        let counted = tokio::time::timeout(FILE_WITHIN, counting).await;
        counted.unwrap_or(Err(FileError::Late { method, uri }))
    }

    /// Puts a file. Once more is as good as once.
    pub(crate) async fn put(&self, name: Uuid, text: String) -> Result<(), FileError> {
        let uri = self.uri(name).await?;
        let method = Method::POST;
        let putting = self.send(method.clone(), &uri, Body::from(text));
        let put = tokio::time::timeout(FILE_WITHIN, putting).await;
        put.unwrap_or(Err(FileError::Late {
            method,
            uri: uri.clone(),
        }))?;
        Ok(())
    }

    /// What is said over NATS is a stranger's word: an address, or nothing.
    async fn uri(&self, name: Uuid) -> Result<Uri, FileError> {
        let call = self.discovery.file_server().timeout(ADDRESS_WITHIN);
        let address = call.await.map_err(FileError::NotFound)?.address;
        let uri = format!("{address}/{name}").parse::<Uri>().ok();
        uri.filter(|uri| uri.scheme_str() == Some("http"))
            .ok_or(FileError::Address(address))
    }

    /// The answer, if it is a good one.
    async fn send(
        &self,
        method: Method,
        uri: &Uri,
        body: Body,
    ) -> Result<Response<Body>, FileError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| FileError::Http {
            method: method.clone(),
            uri: uri.clone(),
            error,
        };
        let request = Request::builder().method(&method).uri(uri).body(body);
        let request = request.map_err(|error| failed(error.into()))?;
        let response = self.http.request(request).await;
        let response = response
            .map_err(|error| failed(error.into()))?
            .map(Body::new);
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(FileError::Status {
                method,
                uri: uri.clone(),
                status,
            }),
        }
    }
}
