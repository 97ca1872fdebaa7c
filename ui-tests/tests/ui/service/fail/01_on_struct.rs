//! A1: the attribute belongs on the impl block.

use micro::service;

#[service]
pub struct Numbers;

fn main() {}
