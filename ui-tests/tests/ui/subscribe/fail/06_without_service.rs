//! A subscriber in a plain `impl` block.

use micro::subscribe;

pub struct Numbers;

impl Numbers {
    #[subscribe("numbers.booked")]
    async fn booked(&self, amount: f64) {
        let _ = amount;
    }
}

fn main() {}
