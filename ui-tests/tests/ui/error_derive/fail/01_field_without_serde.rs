//! J10: a field that cannot be sent.

use micro::ServiceError;

#[derive(Debug)]
pub struct File;

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum CalcError {
    #[error("no")]
    #[service_error(code = 400)]
    No { file: File },
}

fn main() {}

/// The caller gets the fields back. What it should not or cannot get is `internal`: then it reads
/// `internal error`, and the log of the service has the rest.
#[cfg(any())]
mod fixed {
    use micro::ServiceError;

    #[derive(Debug)]
    pub struct File;

    #[derive(Debug, thiserror::Error, ServiceError)]
    pub enum CalcError {
        #[error("no")]
        #[service_error(code = 500, internal)]
        No { file: File },
    }
}
