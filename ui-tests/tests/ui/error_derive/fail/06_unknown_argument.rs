//! J5: a misspelt argument.

use micro::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum CalcError {
    #[error("no")]
    #[service_error(cod = 400)]
    No,
}

fn main() {}
