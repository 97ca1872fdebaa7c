//! Four mistakes of four kinds in one compile, and a method that stays.
//! Errors: 4

use micro::{service, subscribe};

pub struct Numbers;

#[service]
impl Numbers {
    #[subscribe]
    async fn nothing(&self) {}

    #[subscribe("numbers..booked")]
    async fn booked(&self) {}

    #[subscribe("numbers.{account}", ordered_by = "acount")]
    async fn of(&self) {}

    #[subscribe("paid", queue_group = none)]
    async fn paid(&self) {}
}

fn main() {
    let _ = Numbers.paid();
}
