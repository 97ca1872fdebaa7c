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
