//! Two services in one process that know nothing of one another: one takes orders and says so, the other
//! ships what was ordered, in each process one order of a region at a time.
//!
//! ```text
//! cargo run --example shipping
//! cargo run --example shipping -- call orders.eu.place '{"item": "tea"}'
//! ```
//!
//! Start it twice: each order is shipped once, by either. Each of the two has an order and numbers of its own:
//! two of one region that go to both are shipped at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

use micro::prelude::*;
use micro::{Error, Shown};
use serde::{Deserialize, Serialize};

/// What somebody wants.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wish {
    /// What it is.
    pub item: String,
}

/// What has happened.
#[derive(Debug, Serialize, Deserialize)]
pub struct OrderCreated {
    /// Which order it is.
    pub number: u64,
    /// What was ordered.
    pub item: String,
}

/// Takes orders.
#[derive(Debug, Default)]
pub struct Orders {
    last: AtomicU64,
}

#[service(name = "orders", version = "1.0.0")]
impl Orders {
    /// Takes an order, and answers with its number. Whoever wants to know of it hears of it.
    #[endpoint(subject = "orders.{region}.place")]
    async fn place(&self, ctx: &Context, region: String, wish: Wish) -> Result<u64, Error> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let item = wish.item;
        let created = OrderCreated { number, item };
        ctx.publish(&format!("orders.{region}.created"), &created)
            .await?;
        Ok(number)
    }
}

/// Ships what was ordered.
#[derive(Debug)]
pub struct Shipping;

#[service(name = "shipping", version = "1.0.0")]
impl Shipping {
    /// Ships an order. One that cannot be shipped is an error of this service: it is counted and
    /// logged, and whoever has ordered has its answer already.
    #[subscribe("orders.{region}.created", ordered_by = "region")]
    async fn ship(&self, region: String, order: OrderCreated) -> Result<(), Error> {
        if order.item.is_empty() {
            return Err(Error::new(409, "there is nothing to ship"));
        }
        let (region, item) = (Shown(&region), Shown(&order.item));
        println!("order {} to {region}: {item}", order.number);
        Ok(())
    }
}

#[micro::main]
async fn main() -> micro::Result<()> {
    App::from_args()
        .service(Orders::default())
        .service(Shipping)
        .run()
        .await
}
