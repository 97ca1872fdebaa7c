//! Services in modules, two in one module, in a function, and on a path.

#![deny(warnings)]

use micro::{endpoint, service};

mod m {
    pub struct Numbers;

    pub mod inner {
        use micro::{endpoint, service};

        pub struct Nested;

        #[service(client(vis = pub(super)))]
        impl Nested {
            #[endpoint]
            async fn add(&self, x: super::Alias) -> super::Alias {
                x
            }
        }
    }

    type Alias = u8;
}

#[service]
impl m::Numbers {
    #[endpoint]
    async fn add(&self) {}
}

pub struct Other;

#[service]
impl crate::Other {
    #[endpoint]
    async fn add(&self) {}
}

fn main() {
    struct Local;

    #[service]
    impl Local {
        #[endpoint]
        async fn add(&self) -> u8 {
            1
        }
    }

    let _ = (Local, m::Numbers, m::inner::Nested, Other);
}
