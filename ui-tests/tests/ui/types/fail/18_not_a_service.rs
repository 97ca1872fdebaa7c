//! H16: a type without `#[service]`.

pub struct Plain;

fn main() {
    let _ = micro::App::from_args().service(Plain);
}

#[cfg(any())]
mod fixed {
    use micro::{endpoint, service};

    pub struct Plain;

    #[service]
    impl Plain {
        #[endpoint]
        async fn add(&self, a: f64) -> f64 {
            a
        }
    }

    fn main() {
        let _ = micro::App::from_args().service(Plain);
    }
}
