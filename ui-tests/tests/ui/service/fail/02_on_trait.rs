//! A4: a trait is no service.

use micro::service;

#[service]
pub trait Numbers {}

fn main() {}
