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
