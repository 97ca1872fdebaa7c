//! The ways to register.

#![deny(warnings)]
#![forbid(unsafe_code)]

use micro::{endpoint, service};

#[derive(Default)]
pub struct ByDefault;

#[service(register)]
impl ByDefault {
    #[endpoint]
    async fn add(&self) {}
}

pub struct ByNew;

impl ByNew {
    fn new() -> Self {
        Self
    }

    async fn connect() -> Result<Self, std::io::Error> {
        Ok(Self)
    }
}

#[service(register = ByNew::new)]
impl ByNew {
    #[endpoint]
    async fn add(&self) {}
}

pub struct ByConnect;

async fn connect() -> Result<ByConnect, micro::Error> {
    let _ = ByNew::connect().await?;
    Ok(ByConnect)
}

#[service(register = connect, client = false)]
impl ByConnect {
    #[endpoint]
    async fn add(&self) {}
}

fn main() {
    micro::Registry::collect().unwrap().expect(["ByDefault", "ByNew", "ByConnect"]).unwrap();
}
