//! J10: unnamed fields that cannot be sent are one error each.
//! Errors: 2

use micro::ServiceError;

#[derive(Debug)]
pub struct File;

#[derive(Debug, thiserror::Error, ServiceError)]
#[service_error(code = 400)]
pub enum CalcError {
    #[error("one")]
    One(File),
    #[error("two")]
    Two(u8, File),
}

fn main() {}
