//! Private request and response types behind a public client.

#![deny(warnings, private_interfaces)]

pub mod numbers {
    use micro::{endpoint, service};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Pair {
        a: f64,
        b: f64,
    }

    #[derive(Serialize, Deserialize)]
    struct Sum(f64);

    #[derive(Debug, thiserror::Error, micro::ServiceError)]
    #[error("no")]
    #[service_error(code = 400)]
    struct Overflow;

    #[derive(Default)]
    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, pair: Pair) -> Sum {
            Sum(pair.a + pair.b)
        }

        #[endpoint]
        async fn checked(&self, pair: Pair) -> Result<Sum, Overflow> {
            if pair.a > pair.b { Err(Overflow) } else { Ok(Sum(pair.a)) }
        }
    }

    struct Hidden;

    #[service(client = HiddenCaller)]
    impl Hidden {
        #[endpoint]
        async fn add(&self, pair: Pair) -> Sum {
            Sum(pair.a + pair.b)
        }
    }

    pub fn hidden() -> &'static str {
        let _ = Hidden;
        <Hidden as micro::Service>::INFO.name
    }
}

fn main() {
    let _ = numbers::Numbers;
    let _ = numbers::hidden();
}
