//! J11: an error without a message.

use micro::ServiceError;

#[derive(Debug, ServiceError)]
pub enum CalcError {
    #[service_error(code = 400)]
    No,
    #[service_error(code = 401)]
    Neither(u8),
    #[service_error(internal)]
    Secret,
}

fn main() {}

/// The text is what people read, in every language that calls.
#[cfg(any())]
mod fixed {
    use micro::ServiceError;

    #[derive(Debug, thiserror::Error, ServiceError)]
    pub enum CalcError {
        #[error("not this number")]
        #[service_error(code = 400)]
        No,
        #[error("nor {0}")]
        #[service_error(code = 401)]
        Neither(u8),
        #[error("the disk is full")]
        #[service_error(internal)]
        Secret,
    }
}
