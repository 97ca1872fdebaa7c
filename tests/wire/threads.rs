//! Where handlers run: on the connection's own thread, at home, and on threads that may block.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_nats::RequestErrorKind;
use futures_util::StreamExt as _;
use micro::prelude::*;
use micro::{ConnectOptions, Connection, Request, RunningService, ServiceBuilder};
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::raw;

/// What a thread of a connection's own is called.
const OWN: &str = "nats";

struct Blocks {
    entered: Arc<Notify>,
    release: Mutex<mpsc::Receiver<u8>>,
}

#[service(name = "blocks", version = "1.0.0")]
impl Blocks {
    #[endpoint(blocking)]
    fn wait(&self) -> u8 {
        self.entered.notify_one();
        self.release.lock().unwrap().recv().unwrap()
    }

    #[endpoint(blocking, timeout = "50ms")]
    fn wait_briefly(&self) -> u8 {
        self.wait()
    }

    #[endpoint(blocking)]
    fn panics(ctx: &Context, text: String) -> u8 {
        std::panic::panic_any(text + " on " + ctx.endpoint())
    }

    #[endpoint]
    async fn cheap(&self, number: u8) -> u8 {
        number
    }
}

/// A service whose methods block, what tells that one has begun to, and what has it go on.
async fn blocks(broker: &Broker) -> (RunningService, Arc<Notify>, mpsc::Sender<u8>) {
    let entered = Arc::new(Notify::new());
    let (release, released) = mpsc::channel();
    let service = Blocks {
        entered: Arc::clone(&entered),
        release: Mutex::new(released),
    };
    let connection = Connection::connect(broker.url()).await.unwrap();
    let service = ServiceBuilder::of(service).start(&connection).await;
    (service.unwrap(), entered, release)
}

// All on one thread: whatever blocks it, blocks the test.
#[tokio::test]
async fn a_method_that_blocks_keeps_nobody_waiting() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (service, entered, release) = blocks(&broker).await;

    let caller = client.clone();
    let waiting = tokio::spawn(async move { raw::request(&caller, "wait", "").await });
    entered.notified().await;
    assert_eq!(raw::request(&client, "cheap", "7").await.payload, "7");
    raw::request(&client, "$SRV.PING.blocks", "").await;
    release.send(5).unwrap();
    assert_eq!(waiting.await.unwrap().payload, "5");
    service.stop().await;
}

#[tokio::test]
async fn a_method_that_blocks_for_too_long_is_given_up_and_goes_on_by_itself() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (service, _, release) = blocks(&broker).await;

    let late = raw::request(&client, "wait_briefly", "").await;
    assert_eq!(raw::error_of(&late).unwrap().0, 504);
    let report = service.stop().await;
    assert_eq!(report.abandoned, []);
    // Its thread still waits for this.
    release.send(5).unwrap();
}

#[tokio::test]
async fn a_panic_of_a_method_that_blocks_is_an_answer() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let (service, ..) = blocks(&broker).await;

    let reply = raw::request(&client, "panics", r#""thrown""#).await;
    assert_eq!(raw::error_of(&reply).unwrap().0, 500);
    let stats = service.stats();
    let panics = stats.endpoints.iter().find(|e| e.name == "panics").unwrap();
    assert_eq!(
        (panics.num_errors, &*panics.last_error),
        (1, "500:internal error")
    );
    service.stop().await;
}

/// A service on a connection with a thread of its own. Each endpoint says on which thread it ran.
async fn apart(broker: &Broker) -> RunningService {
    let options = ConnectOptions::new().urls(broker.url()).own_thread(true);
    let connection = Connection::connect_with(&options).await.unwrap();
    ServiceBuilder::new("apart", "1.0.0")
        .endpoint("here", async |_: Request| name_of_this_thread())
        .endpoint("waits", async |_: Request| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            name_of_this_thread()
        })
        .endpoint("spawns", async |_: Request| {
            let spawned = tokio::spawn(async { name_of_this_thread() });
            spawned.await.unwrap()
        })
        .endpoint("blocks", async |_: Request| {
            tokio::task::block_in_place(|| thread::sleep(Duration::from_micros(10)));
        })
        .start(&connection)
        .await
        .unwrap()
}

fn name_of_this_thread() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// Calls an endpoint until it has run there so many times in a row, as far as a busy machine lets it.
async fn until_it_runs_apart(client: &async_nats::Client, subject: &str, times: usize) {
    let mut in_a_row = 0;
    while in_a_row < times {
        let name = raw::request(client, subject, "").await.payload;
        in_a_row = if name == OWN { in_a_row + 1 } else { 0 };
    }
}

#[tokio::test]
async fn cheap_handlers_run_on_the_connections_thread_with_what_they_spawn() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = apart(&broker).await;
    until_it_runs_apart(&client, "here", 30).await;
    until_it_runs_apart(&client, "spawns", 30).await;
    // On a machine with nothing else to do, to set a timer takes about as long as what is cheap: it wakes
    // the thread that waits for timers.
    until_it_runs_apart(&client, "waits", 1).await;
    assert_ne!(name_of_this_thread(), OWN);
    assert_eq!(service.stop().await.abandoned, []);
}

// `block_in_place` is for runtimes with workers, which home is, too: the first calls run there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_on_the_connections_thread_may_block_in_place() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let service = apart(&broker).await;
    for _ in 0..100 {
        let reply = raw::request(&client, "blocks", "").await;
        assert_eq!(raw::error_of(&reply), None);
    }
    assert_eq!(service.stop().await.abandoned, []);
}

#[tokio::test]
async fn a_service_ends_with_the_runtime_that_it_was_started_on() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let url = broker.url().to_owned();
    let options = ConnectOptions::new().urls(url).own_thread(true);
    // Kept, so that it is not the connection that ends.
    let connection = Connection::connect_with(&options).await.unwrap();
    let there = connection.clone();
    let started = home.spawn(async move {
        let echo = async |request: Request| request.payload().clone();
        let service = ServiceBuilder::new("short", "1.0.0").endpoint("echo", echo);
        service.start(&there).await.map(drop)
    });
    started.await.unwrap().unwrap();
    assert_eq!(raw::request(&client, "echo", "1").await.payload, "1");
    home.shutdown_background();
    raw::until("nobody on the subject", async || {
        // One that was on its way is lost, with nobody to say so.
        let request = async_nats::Request::new().timeout(Some(Duration::from_millis(200)));
        let nobody = client.send_request("echo", request).await;
        nobody.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders)
    })
    .await;
    drop(connection);
}

/// How many of so many requests in one go are refused.
async fn refused_of(client: &async_nats::Client, requests: usize) -> usize {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    let sending = async {
        for _ in 0..requests {
            let sent = client.publish_with_reply("echo", inbox.clone(), "x".into());
            sent.await.unwrap();
        }
    };
    let mut refused = 0;
    let reading = async {
        for _ in 0..requests {
            let reply = raw::soon(replies.next()).await.unwrap();
            refused += usize::from(raw::error_of(&reply).is_some());
        }
    };
    tokio::join!(sending, reading);
    refused
}

#[tokio::test]
async fn a_burst_is_no_overload() {
    const REQUESTS: usize = 20_000;
    let broker = Broker::start().await;
    for own in [false, true] {
        let options = ConnectOptions::new().urls(broker.url()).own_thread(own);
        let connection = Connection::connect_with(&options).await.unwrap();
        let service = ServiceBuilder::new("echo", "1.0.0")
            .endpoint("echo", async |request: Request| request.payload().clone())
            .start(&connection)
            .await
            .unwrap();
        let client = broker.client().await;
        // Until it is known to be cheap.
        for _ in 0..100 {
            raw::request(&client, "echo", "").await;
        }
        // A busy machine makes a cheap handler look like one that computes: not each time.
        let mut refused = Vec::new();
        while !refused.contains(&0) && refused.len() < 10 {
            refused.push(refused_of(&client, REQUESTS).await);
        }
        assert!(
            refused.contains(&0),
            "own thread: {own}, refused: {refused:?}"
        );
        service.stop().await;
    }
}

/// What a handler says of its reply when that has been sent is in no other.
#[tokio::test]
async fn what_is_said_too_late_is_in_nobody_elses_reply() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let (said, mut has_said) = tokio::sync::mpsc::unbounded_channel();
    let kept = Arc::new(Notify::new());
    let go_on = Arc::clone(&kept);
    let handler = move |request: Request| {
        let (said, go_on) = (said.clone(), Arc::clone(&go_on));
        async move {
            request.context().set_header("X-User", "alice").unwrap();
            if request.payload() == "keep" {
                tokio::spawn(async move {
                    go_on.notified().await;
                    request.context().set_header("X-Late", "alice").unwrap();
                    drop(request);
                    said.send(()).unwrap();
                });
                return;
            }
            request.context().set_header("X-User", "bob").unwrap();
        }
    };
    let service = ServiceBuilder::new("says", "1.0.0").endpoint("says", handler);
    let service = service.start(&connection).await.unwrap();
    for _ in 0..20 {
        let reply = raw::request(&client, "says", "keep").await;
        assert_eq!(
            reply.headers.unwrap().get("X-User").unwrap().as_str(),
            "alice"
        );
        kept.notify_one();
        raw::soon(has_said.recv()).await.unwrap();
        let reply = raw::request(&client, "says", "").await;
        let headers = reply.headers.unwrap();
        assert_eq!(headers.get("X-User").unwrap().as_str(), "bob");
        assert!(headers.get("X-Late").is_none());
    }
    service.stop().await;
}

#[tokio::test]
async fn a_program_that_blocks_its_own_thread_is_discovered_and_answers() {
    // The broker is on other threads.
    let others = tokio::runtime::Runtime::new().unwrap();
    let broker = others.spawn(Broker::start()).await.unwrap();
    let client = broker.client().await;
    let service = apart(&broker).await;
    until_it_runs_apart(&client, "here", 30).await;

    let url = broker.url().to_owned();
    let (answer, answered) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(url).await.unwrap();
            raw::request(&client, "$SRV.PING.apart", "").await;
            let reply = raw::request(&client, "here", "").await;
            answer.send(reply.payload).unwrap();
        });
    });
    // Nothing else runs on this thread meanwhile.
    let name = answered.recv_timeout(raw::PATIENCE).unwrap();
    assert_eq!(name, OWN);
    service.stop().await;
    others.shutdown_background();
}
