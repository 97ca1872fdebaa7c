//! A value that nobody waits for, as the macro tells it.

use micro::{service, subscribe};

pub struct Numbers;

#[service]
impl Numbers {
    #[subscribe("numbers.booked")]
    async fn booked(&self, amount: f64) -> f64 {
        amount
    }
}

fn main() {
    let _ = Numbers.booked(1.0);
}
