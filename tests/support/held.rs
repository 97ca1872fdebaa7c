//! A connection that stands still until it is told to go on: what is sent to it meanwhile is there all at
//! once then, before anything of what it does about the first of it.

use std::future::ready;
use std::sync::{Mutex, mpsc};
use std::thread;

use async_nats::Client;
use micro::{Connection, Request, ServiceBuilder};

use crate::raw;

/// Holds the thread of a connection that has one of its own, until what this returns is dropped. For tests
/// with one thread: what runs on that is not held.
pub(crate) async fn hold(connection: &Connection, client: &Client) -> mpsc::Sender<()> {
    let here = thread::current().id();
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let (told, mut holds) = tokio::sync::mpsc::unbounded_channel();
    let holder = move |_: Request| {
        // A handler runs where its request is read once it is known to be cheap.
        let is_there = thread::current().id() != here;
        told.send(is_there).unwrap();
        if is_there {
            let _ = released.lock().unwrap().recv();
        }
        ready(())
    };
    let subject = client.new_inbox();
    let service = ServiceBuilder::new("holder", "1.0.0").endpoint(&subject, holder);
    service.start(connection).await.unwrap();
    loop {
        client.publish(subject.clone(), "".into()).await.unwrap();
        if raw::soon(holds.recv()).await.unwrap() {
            return release;
        }
    }
}
