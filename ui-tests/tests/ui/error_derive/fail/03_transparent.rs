//! `transparent` needs a service error inside.

use micro::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum CalcError {
    #[error("no")]
    #[service_error(transparent)]
    Io(std::io::Error),
}

fn main() {}

/// Only what is a service error itself has a code to forward.
#[cfg(any())]
mod fixed {
    use micro::ServiceError;

    #[derive(Debug, thiserror::Error, ServiceError)]
    pub enum CalcError {
        #[error("no: {0}")]
        #[service_error(internal)]
        Io(std::io::Error),
    }
}
