//! J2: a variant without a code.

use micro::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
pub enum CalcError {
    #[error("no")]
    No,
}

pub fn fault() -> micro::Fault {
    CalcError::No.to_fault()
}

fn main() {}
