//! J1: a union is no error.

use micro::ServiceError;

#[derive(ServiceError)]
pub union CalcError {
    pub a: u8,
}

fn main() {}
