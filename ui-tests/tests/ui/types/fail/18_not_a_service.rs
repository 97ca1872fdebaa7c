//! H16: a type without `#[service]`.

pub struct Plain;

fn main() {
    let _ = micro::App::from_args().service(Plain);
}
