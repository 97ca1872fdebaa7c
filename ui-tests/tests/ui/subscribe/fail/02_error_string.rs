//! L10: an error of an event has a code and a text too.

use micro::{service, subscribe};

pub struct Numbers;

#[service]
impl Numbers {
    #[subscribe("numbers.booked")]
    async fn booked(&self, amount: f64) -> Result<(), String> {
        Err(amount.to_string())
    }
}

fn main() {}

#[cfg(any())]
mod fixed {
    use micro::{service, subscribe};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[subscribe("numbers.booked")]
        async fn booked(&self, amount: f64) -> Result<(), micro::Error> {
            Err(micro::Error::new(409, amount))
        }
    }
}
