//! Keywords as names.

#![deny(warnings)]

use micro::{endpoint, service};

#[allow(non_camel_case_types)]
pub struct r#struct;

#[service(client = Keywords)]
impl r#struct {
    #[endpoint]
    async fn r#type(&self, r#match: u8) -> u8 {
        r#match
    }

    #[endpoint]
    async fn r#async(&self, #[header("X")] r#fn: u8) -> u8 {
        r#fn
    }
}

fn main() {
    use micro::Service;
    assert_eq!(r#struct::INFO.name, "struct");
    assert_eq!(r#struct::ENDPOINTS[0].def.subject, "type");
    let _ = |client: Keywords| async move { client.r#type(&1).await };
}
