//! H10: text is no raw payload.

use micro::{endpoint, service};

pub struct Numbers;

#[service]
impl Numbers {
    #[endpoint]
    async fn add(&self, #[payload(raw)] text: String) {
        let _ = text;
    }
}

fn main() {}
