//! The crate under another name.

mod elsewhere {
    pub use micro as renamed;
}

use elsewhere::renamed;
use elsewhere::renamed::{endpoint, service};

#[derive(Debug, thiserror::Error, renamed::ServiceError)]
#[error("no")]
#[service_error(code = 404, crate = elsewhere::renamed)]
pub struct NotFound {
    pub id: u64,
}

pub struct Numbers;

#[service(crate = crate::elsewhere::renamed)]
impl Numbers {
    #[endpoint]
    async fn add(&self, pair: (u8, u8)) -> Result<u8, NotFound> {
        Ok(pair.0)
    }
}

pub struct Others;

#[renamed::service(crate = "crate::elsewhere::renamed")]
impl Others {
    #[renamed::endpoint]
    async fn add(&self, pair: (u8, u8)) -> u8 {
        pair.0
    }
}

fn main() {}
