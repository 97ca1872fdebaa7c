//! `transparent` needs a service error inside.

use micro::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum CalcError {
    #[error("no")]
    #[service_error(transparent)]
    Io(std::io::Error),
}

fn main() {}
