//! L11: a value behind an alias that is called `Result`.

use micro::{Error, service, subscribe};

pub type Result<T> = core::result::Result<Vec<T>, Error>;

pub struct Numbers;

#[service]
impl Numbers {
    #[subscribe("numbers.booked")]
    async fn booked(&self, amount: f64) -> Result<()> {
        let _ = amount;
        Ok(vec![()])
    }
}

fn main() {}

#[cfg(any())]
mod fixed {
    use micro::{Error, service, subscribe};

    pub type Result<T> = core::result::Result<T, Error>;

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[subscribe("numbers.booked")]
        async fn booked(&self, amount: f64) -> Result<()> {
            let _ = amount;
            Ok(())
        }
    }
}
