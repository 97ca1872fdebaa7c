//! Sees to it that a connection that this crate has made goes on: that it is somewhere else before
//! its server goes, and that another client takes over from one that fails.

use std::sync::Weak;

use async_nats::{ConnectOptions, ServerAddr};
use futures_util::future::BoxFuture;

use super::connection::Inner;
use super::events::{Event, Events, Listener};
use super::moving::move_over;
use super::renewal::Renewal;

/// How to make a client like the first.
pub(super) struct Again {
    /// Its options, with events of their own.
    pub(super) options: Box<dyn Fn(&Events) -> ConnectOptions + Send + Sync>,
    /// The servers that were asked for.
    pub(super) servers: Vec<ServerAddr>,
    /// Whether those that a server tells of are asked as well.
    pub(super) discovers: bool,
}

pub(super) fn keep(
    connection: Weak<Inner>,
    mut events: Listener,
    again: Again,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let mut renewal = Renewal::default();
        loop {
            let Some(inner) = connection.upgrade() else {
                return;
            };
            if inner.is_closed() {
                return;
            }
            // Not by the event alone: a move reads events as well.
            let failed = inner.events.has_failed();
            drop(inner);
            if failed {
                renewal.renew(&connection, &again).await;
                continue;
            }
            match events.next().await {
                Event::LameDuck => {
                    if let Some(inner) = connection.upgrade() {
                        move_over(&inner, &mut events, &again).await;
                    }
                }
                Event::Closed => {
                    if let Some(inner) = connection.upgrade() {
                        inner.let_go();
                    }
                    return;
                }
                _ => {}
            }
        }
    })
}
