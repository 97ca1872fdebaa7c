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

/// Raw is raw: the bytes may be no text. Without `#[payload(raw)]`, a `String` is read from JSON.
#[cfg(any())]
mod fixed {
    use micro::{Bytes, Error, endpoint, service};

    pub struct Numbers;

    #[service]
    impl Numbers {
        #[endpoint]
        async fn add(&self, #[payload(raw)] body: Bytes) -> Result<(), Error> {
            let text = std::str::from_utf8(&body).map_err(|_| Error::new(400, "not UTF-8"))?;
            println!("{text}");
            Ok(())
        }
    }
}
