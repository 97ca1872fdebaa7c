//! One method that is to answer and not to answer. The rest of the service is there.
//! Errors: 2

use micro::{endpoint, service, subscribe};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    #[subscribe("numbers.booked")]
    async fn booked(&self, amount: f64) {
        let _ = amount;
    }
}

fn main() {
    let _ = std::any::type_name::<NumbersClient>();
}
