//! L9: the payload of an event is read with serde, and never written.

use micro::{service, subscribe};

pub struct Pair {
    pub a: f64,
}

pub struct Numbers;

#[service]
impl Numbers {
    #[subscribe("numbers.booked")]
    async fn booked(&self, pair: Pair) {
        let _ = pair.a;
    }
}

fn main() {}

#[cfg(any())]
mod fixed {
    use micro::{service, subscribe};

    #[derive(serde::Deserialize)]
    pub struct Pair {
        pub a: f64,
    }

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[subscribe("numbers.booked")]
        async fn booked(&self, pair: Pair) {
            let _ = pair.a;
        }
    }
}
