//! Subscribers of every form, beside endpoints and alone, without a word from a lint.

#![deny(warnings)]

use std::sync::Arc;

use micro::{Bytes, Context, Error, FromRequest, Request, Service, endpoint, service, subscribe};

/// Only read: nothing writes what a subscriber gets.
#[derive(serde::Deserialize)]
pub struct Booked {
    pub amount: f64,
}

pub struct User;

impl FromRequest for User {
    async fn from_request(_: &Request) -> Result<Self, Error> {
        Ok(Self)
    }
}

pub struct Both;

#[service(group = "both", timeout = "2s")]
impl Both {
    #[endpoint]
    async fn total(&self) -> f64 {
        0.0
    }

    /// Books.
    #[subscribe(
        "accounts.{account}.booked",
        name = "book",
        queue_group = "books",
        ordered_by = "account",
        concurrency = 8,
        pending = 1000,
        timeout = "1s",
        metadata(team = "core")
    )]
    async fn booked(&self, ctx: &Context, booked: Booked) -> Result<(), Error> {
        match ctx.placeholder("account") {
            Some(_) if booked.amount > 0.0 => Ok(()),
            _ => Err(Error::new(409, "nothing")),
        }
    }
}

pub struct Ears;

/// What it stands for is for rustc to say.
pub type Heard = Result<(), Error>;

#[micro::service]
impl Ears {
    #[subscribe("a")]
    async fn nothing(&self) {}

    #[subscribe("b", queue_group = false, ordered)]
    async fn unit(self: Arc<Self>, (): ()) -> () {}

    #[micro::subscribe("c.*.>",)]
    async fn wild(ctx: &Context, #[payload(raw)] body: Bytes) {
        let _ = (ctx.subject(), body);
    }

    #[subscribe("d.{id}", ordered_by_header = "X-Key", pending = 0)]
    async fn header(&self, id: u64, #[header("X-Key")] key: Option<String>, #[extract] _: User) {
        let _ = (id, key);
    }

    #[subscribe("e", blocking)]
    fn blocks(&self, _: u8) -> core::result::Result<(), Error> {
        Ok(())
    }

    #[cfg(any())]
    #[subscribe("f")]
    async fn never(&self, missing: Missing) {}

    #[subscribe("heard")]
    async fn heard(&self) -> Heard {
        Ok(())
    }
}

pub struct Generic<T>(T);

#[service]
impl<T: serde::de::DeserializeOwned + Send + Sync + 'static> Generic<T> {
    #[subscribe("g")]
    async fn any(&self, value: T) {
        let _ = (value, &self.0);
    }
}

fn main() {
    assert_eq!((Both::ENDPOINTS.len(), Both::SUBSCRIBERS.len()), (1, 1));
    assert_eq!((Ears::ENDPOINTS.len(), Ears::SUBSCRIBERS.len()), (0, 6));
    let _ = (std::any::type_name::<BothClient>(), Generic(1_u8));
    let book = &Both::SUBSCRIBERS[0].def;
    assert_eq!((book.name, book.description), ("book", "Books."));
    assert_eq!((book.concurrency, book.pending), (Some(8), Some(1000)));
}
